"""
Floor 0, tested by data and by chance.
"""
