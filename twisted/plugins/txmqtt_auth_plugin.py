"""
What --auth means because txmqtt is installed. Apart from what twistd offers, which must not load this.
"""

from txmqtt.net.access.plugins import PasswordsFactory, ServiceFactory, TokensFactory

passwords = PasswordsFactory()
tokens = TokensFactory()
service = ServiceFactory()
