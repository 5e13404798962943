"""
Floor 3: protocols over transports in memory.
"""
