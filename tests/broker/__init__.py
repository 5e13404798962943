"""
Tests of txmqtt.broker.
"""
