"""
Floor 0: bytes to packets, and packets to bytes.
"""
