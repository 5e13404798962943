"""
A client with a store that is killed again and again, and what is known of it by others.

C{victim} is the program that is killed, C{diary} what it writes down, C{witnesses} are two clients that stay, and
C{verdict} compares what all of them say.
"""
