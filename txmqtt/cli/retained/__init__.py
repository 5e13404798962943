"""
C{txmqtt retained}: the messages that a server keeps.
"""
