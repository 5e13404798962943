"""
What a client does with the messages that come: who gets each, and when it counts as dealt with.
"""
