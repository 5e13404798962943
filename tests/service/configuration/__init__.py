"""
Floor 4: services and options.
"""
