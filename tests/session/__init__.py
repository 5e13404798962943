"""
Floor 1: conversations held with peers that are lists of packets.
"""
