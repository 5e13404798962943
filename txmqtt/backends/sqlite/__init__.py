"""
One way of writing SQLite: the journal that the broker's durable backend and the client's store keep their books in.

C{tables} says what a file holds, C{journal} is what owners call from the reactor, C{writer} is the thread's half of it,
C{files} opens, copies and checks, C{lock} keeps a second process out.

What a store holds goes out (C{dump}) and comes in (C{intake}) as C{records}, whose lines of JSON C{lines} reads and
writes; what a C{mosquitto} leaves becomes records too. C{overview}, C{soundness} and C{compact} are what they say.
"""
