"""
Floor 3: Twisted. Protocols, factories and credentials.
"""
