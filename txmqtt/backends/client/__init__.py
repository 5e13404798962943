"""
The client's store: what a program has promised, or has been promised, in one SQLite file for each session.

C{store} is what a client calls, C{draft} what one transaction is to say, C{books} what becomes of transactions,
C{outcomes} how publishes with a key ended, C{schema} what the file holds, C{remembering} reads what a former life left.
The writing itself is the journal's, in C{txmqtt.backends.sqlite}.
"""

from txmqtt.backends.client.store import ClientStore

__all__ = ["ClientStore"]
