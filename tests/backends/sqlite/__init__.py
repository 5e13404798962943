"""
Tests of the journal, and of what stands on it.
"""
