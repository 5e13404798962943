"""
C{txmqtt sub}: print the messages that come.
"""
