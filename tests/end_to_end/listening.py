"""
A program that holds a broker with one listener, made from the string in its first argument, and that looks all the time
whether the listener's files have changed.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import reactor as global_reactor
from twisted.internet.task import LoopingCall
from twisted.logger import globalLogBeginner, textFileLogObserver

from txmqtt.net.access.certificates import CertificateChecker
from txmqtt.net.auth import Anybody, Realm
from txmqtt.net.proxied import haproxy_endpoint
from txmqtt.net.tls import TLSServerEndpoint
from txmqtt.net.tls_endpoints import tls_endpoint
from txmqtt.service.broker import makeBroker

reactor: Any = global_reactor


def look(endpoint: TLSServerEndpoint) -> None:
    if endpoint.changed():
        try:
            endpoint.reload()
        except ValueError as error:
            print(f"not reloaded: {error}", flush=True)
        else:
            print("reloaded", flush=True)


def main(description: str) -> None:
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    make = haproxy_endpoint if description.startswith("haproxy:") else tls_endpoint
    endpoint = make(reactor, description)
    checkers: list[Any] = [Anybody()]
    if isinstance(endpoint, TLSServerEndpoint):
        LoopingCall(look, endpoint).start(0.05, now=False)
        if how := endpoint.settings.username_from:
            checkers = [CertificateChecker(how)]
    service = makeBroker([endpoint], Portal(Realm(), checkers))
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1])
