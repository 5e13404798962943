"""
Bytes that nobody means well with, found by looking at what they make our code do: C{python -m tests.fuzz --seconds 60}.
"""
