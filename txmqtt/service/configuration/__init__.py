"""
The configuration file: what may stand in it, how it is read, and the sample that is made from the same words.
"""
