"""
Tests of txmqtt.backends.sqlite.exchange.
"""
