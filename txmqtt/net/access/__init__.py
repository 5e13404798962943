"""
Who may come in, decided by files, tokens and services: checkers for C{twisted.cred}, and what they are made of.
"""
