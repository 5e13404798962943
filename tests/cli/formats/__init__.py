"""
How messages are printed.
"""
