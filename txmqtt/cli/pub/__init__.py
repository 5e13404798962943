"""
C{txmqtt pub}: publish messages.
"""
