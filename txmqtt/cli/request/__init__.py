"""
C{txmqtt request}: ask something, and print the answer.
"""
