"""
Coverage by a module's own tests: what a folder's tests reach of the folder that they mirror, and of no other.
"""
