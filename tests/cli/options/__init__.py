"""
The options of the commands that talk to a server.
"""
