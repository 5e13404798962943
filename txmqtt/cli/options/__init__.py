"""
What the commands that talk to a server are told: on their line, in the environment and in a file.
"""
