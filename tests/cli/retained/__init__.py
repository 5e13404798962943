"""
C{txmqtt retained}.
"""
