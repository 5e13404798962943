"""
Whole processes, real sockets and other people's clients. Only here do tests wait.
"""
