"""
C{txmqtt sub}.
"""
