"""
The client's store: what it keeps, whatever becomes of the program and its disk.
"""
