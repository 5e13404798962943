"""
C{txmqtt bench}: measure a server, with processes of our own as its clients.
"""
