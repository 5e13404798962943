"""
Tests of who may come in, and what he may do.
"""
