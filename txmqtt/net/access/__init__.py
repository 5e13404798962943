"""
Who may come in, and what they may do: checkers for C{twisted.cred}, rules, and what they are made of.
"""
