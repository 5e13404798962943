"""
An hour of everything: clients that come, go, vanish and return, what a broker owed them, and whether it stayed the
same.

C{rooms} are small societies in which each step waits until the one before it is certain, so that C{books} know exactly
what the broker must have counted; in between C{town} lets the clients of C{benchmarks.accounting} loose. C{figures} are
taken of the process all the while, and C{verdict} says what was wrong.
"""
