"""
What the store's command does to a file: look at it, check it, and bring all that is in it out, or in.

C{records} are what a store holds without rows and numbers, C{lines} their JSON. C{dump} makes records of a file, also
of a damaged one (C{salvage}); C{intake} fills a file from records, which are checked as they enter (C{scrutiny},
C{objects}, C{taking}). C{sources} finds out whose file it is that is brought in.
"""
