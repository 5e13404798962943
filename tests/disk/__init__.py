"""
A disk that keeps a diary and fails when told to, and what a power cut would have left of it.

C{shim.c} sits between a program and its files, C{shim} builds it, C{faults} tells it when to fail, C{diary} reads what
it recorded, C{image} makes of that the files that a power cut may leave, C{cuts} chooses the moments.
"""
