"""
Floor 3: who owes what to whom, and what lasts.
"""
