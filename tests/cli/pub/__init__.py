"""
C{txmqtt pub}.
"""
