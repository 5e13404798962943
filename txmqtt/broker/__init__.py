"""
Floor 2: many sessions, one message bus.
"""
