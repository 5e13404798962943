"""
Floor 4: services and options. What twistd runs, and what a program embeds.
"""
