"""
Floor 1: one conversation between two peers, either role, without I/O and without a clock.
"""
