"""
The command C{txmqtt}: thin readers of options, one file for each group of commands.
"""
