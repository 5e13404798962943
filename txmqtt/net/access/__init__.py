"""
Who may come in and what he may do, from files: rules, passwords, tokens.
"""
