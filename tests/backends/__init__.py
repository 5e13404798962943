"""
Tests of txmqtt.backends.
"""
