"""
How a message is printed.
"""
