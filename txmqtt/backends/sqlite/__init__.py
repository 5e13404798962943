"""
The broker's store, and one way of writing SQLite for all of this project.

The journal: C{tables} says what a file may hold, C{journal} is what owners call from the reactor, C{writer} is the
thread's half of it, C{files} opens, copies and checks, C{lock} keeps a second process out. It knows nothing of MQTT.

The backend on it: C{schema} is what the broker's file holds, C{backend} answers the broker, C{ledger} keeps the queues,
C{recovery} reads what an earlier life left. What goes in and out of a file by hand is in C{exchange}.
"""
