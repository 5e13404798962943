"""
C{txmqtt bench}.
"""
