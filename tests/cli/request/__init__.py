"""
C{txmqtt request}.
"""
