"""
What the broker counts and how it is, for monitoring: C{/metrics} for Prometheus, C{/health} for who decides.

Figures are read when somebody asks; nothing here is paid for by a message. Whoever can reach the endpoint may read
it all: it belongs on loopback or on a network of its own.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from txmqtt._build import __version__, compiled
from txmqtt.backends.sqlite.backend import SqliteBackend
from txmqtt.broker.histogram import Histogram
from txmqtt.net.endpoints import server_endpoint
from txmqtt.service import health
from txmqtt.service.broker import BrokerService
from txmqtt.service.figures import (
    BUILD,
    BUILD_WORDS,
    COUNTER,
    OF_JOURNAL,
    OF_STATS,
    OF_STORE,
    OF_TURN,
    READY,
    READY_WORDS,
    Row,
)
from txmqtt.service.listener import CannotListen, cannot_listen

_log = Logger()

#: Seconds that a connection may be idle, connections at one time, and bytes of a body, which nobody needs, that are
#: passed over before the connection is cut. Head lines are limited by C{twisted.web}, to 16 KiB in all.
IDLE: Final = 20
CONNECTIONS: Final = 64
BODY: Final = 65_536

_TEXT: Final = b"text/plain; charset=utf-8"
_JSON: Final = b"application/json"

#: What a page answers: status, content type, content.
Answer = tuple[int, bytes, bytes]


class BrokerCollector(Collector):
    """
    The figures of one broker, read when they are asked for.
    """

    def __init__(self, service: BrokerService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """
        See C{Collector}.
        """
        service = self._service
        broker = service.broker
        backend = broker.backend
        build = {"version": __version__, "python": platform.python_version(), "compiled": str(compiled).lower()}
        info = GaugeMetricFamily(BUILD, BUILD_WORDS, labels=list(build))
        info.add_metric(list(build.values()), 1)
        yield info
        yield GaugeMetricFamily(READY, READY_WORDS, value=float(health.status(service) == health.OK))
        figures = [(row, getattr(broker.stats, row.source)) for row in OF_STATS]
        figures += [(row, getattr(broker.turn, row.source)) for row in OF_TURN]
        figures += _said(backend.figures())
        if isinstance(backend, SqliteBackend):
            figures += [(row, getattr(backend.journal.figures, row.source)) for row in OF_JOURNAL]
        yield from _families(figures)


def _said(topics: Iterable[tuple[str, str]]) -> list[tuple[Row, float]]:
    """
    What a backend says in words, as numbers; one that has no name here is made one from its topic.
    """
    rows = {row.source: row for row in OF_STORE}
    found = []
    for topic, words in topics:
        number, _, unit = words.partition(" ")
        try:
            value = float(number)
        except ValueError:
            continue  # no figure
        if unit == "ms":
            value /= 1000
        row = rows.get(topic)
        if row is None:
            plain = "".join(each if each.isascii() and each.isalnum() else "_" for each in topic)
            seconds = "_seconds" if unit in ("ms", "seconds") else ""
            row = Row(topic, f"txmqtt_{plain}{seconds}", "gauge", f"$SYS/broker/{topic}")
        found.append((row, value))
    return found


def _families(figures: Iterable[tuple[Row, Any]]) -> Iterator[Metric]:
    """
    One family for each name, with a sample for each row.
    """
    families: dict[str, Any] = {}
    for row, value in figures:
        names, values = ([row.label[0]], [row.label[1]]) if row.label else ([], [])
        if isinstance(value, Histogram):
            histogram = families.setdefault(row.metric, HistogramMetricFamily(row.metric, row.words, labels=names))
            histogram.add_metric(values, value.cumulative(), value.total)
        else:
            kind = CounterMetricFamily if row.kind == COUNTER else GaugeMetricFamily
            families.setdefault(row.metric, kind(row.metric, row.words, labels=names)).add_metric(values, value)
    yield from families.values()


class Pages(Resource):
    """
    The pages; there is nothing below and nothing beside them.
    """

    isLeaf = True

    def __init__(self, service: BrokerService) -> None:
        Resource.__init__(self)
        self._service = service
        self._registry = CollectorRegistry()
        self._registry.register(BrokerCollector(service))
        ProcessCollector(registry=self._registry)
        self._pages: dict[bytes, Callable[[Request], Answer]] = {
            b"/metrics": self._metrics,
            b"/health": self._ready,
            b"/health/ready": self._ready,
            b"/health/live": self._live,
        }

    def render(self, request: Request) -> int:
        """
        See C{IResource}.
        """
        page = self._pages.get(request.path)
        if page is None:
            code, kind, content = 404, _TEXT, b"There are /metrics, /health, /health/ready and /health/live.\n"
        elif request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"allow", b"GET, HEAD")
            code, kind, content = 405, _TEXT, b"Expected GET or HEAD.\n"
        else:
            try:
                code, kind, content = page(request)
            except Exception:
                _log.failure("could not answer {path}", path=request.path.decode("ascii", "replace"))
                code, kind, content = 500, _TEXT, b"The log says what went wrong.\n"
        request.setResponseCode(code)
        request.setHeader(b"server", b"txmqtt")
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-type", kind)
        request.setHeader(b"content-length", b"%d" % len(content))
        request.write(content)  # which leaves the content out for HEAD; to return it would log a warning each time
        request.finish()
        return NOT_DONE_YET

    def _metrics(self, request: Request) -> Answer:
        encode, kind = choose_encoder(request.getHeader("accept") or "")
        return 200, kind.encode(), encode(self._registry)

    def _ready(self, request: Request) -> Answer:
        """
        Whether clients should be sent here.
        """
        report = health.report(self._service)
        return 200 if report["status"] == health.OK else 503, _JSON, _json(report)

    def _live(self, request: Request) -> Answer:
        """
        That it answers is the whole answer: a disk that fails is not mended by a restart.
        """
        return 200, _JSON, _json(health.report(self._service))


def _json(report: object) -> bytes:
    return json.dumps(report).encode() + b"\n"


class _Request(Request):
    """
    A request whose body is not kept.
    """

    _ignored = 0

    def gotLength(self, length: int | None) -> None:
        """
        See C{IRequest}.
        """
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """
        See C{IRequest}.
        """
        self._ignored += len(data)
        if self._ignored > BODY:
            self.channel.forceAbortClient()


class _Site(Site):
    """
    A site that keeps no access log: it would be a line every few seconds.
    """

    noisy = False
    displayTracebacks = False

    def __init__(self, service: BrokerService, reactor: Any) -> None:
        Site.__init__(self, Pages(service), requestFactory=_Request, timeout=IDLE, reactor=reactor)

    def log(self, request: object) -> None:
        """
        See C{HTTPFactory}.
        """


class _Bounded(WrappingFactory):
    """
    Not too many connections at one time.
    """

    noisy = False

    def __init__(self, site: Site) -> None:
        WrappingFactory.__init__(self, site)  # type: ignore[arg-type] # what it wraps with has a default

    def buildProtocol(self, addr: Any) -> ProtocolWrapper | None:  # type: ignore[override] # as any factory's may
        """
        See C{IProtocolFactory}.
        """
        return WrappingFactory.buildProtocol(self, addr) if len(self.protocols) < CONNECTIONS else None


class MetricsService(Service):
    """
    Serves C{/metrics} and C{/health} while it runs.

    @ivar address: where, once it listens.
    """

    def __init__(self, reactor: Any, endpoint: str | IStreamServerEndpoint, broker: BrokerService) -> None:
        """
        @param endpoint: an endpoint string or an endpoint.
        @raise ValueError: it is no endpoint string.
        """
        self.address: IAddress | None = None
        self._name = str(endpoint)
        self._endpoint = server_endpoint(reactor, endpoint) if isinstance(endpoint, str) else endpoint
        self._factory = _Bounded(_Site(broker, reactor))
        self._opening: Deferred[None] | None = None
        self._port: IListeningPort | None = None
        self._trouble: BaseException | None = None
        self._waiting: list[Deferred[IAddress]] = []

    def privilegedStartService(self) -> None:
        """
        See C{IService}: it listens from here on, where ports below 1024 still may be had.

        @raise CannotListen: it can't.
        """
        Service.privilegedStartService(self)
        self._trouble = None
        opening = maybeDeferred(self._endpoint.listen, self._factory)
        self._opening = opening.addCallbacks(self._opened, self._failed)
        if self._trouble is not None:
            raise self._trouble

    def startService(self) -> None:
        """
        See C{IService}.

        @raise CannotListen: as C{privilegedStartService}.
        """
        if self._opening is None:
            self.privilegedStartService()
        Service.startService(self)

    def _opened(self, port: IListeningPort) -> None:
        self._port = port
        self.address = port.getHost()
        host, number = getattr(self.address, "host", None), getattr(self.address, "port", None)
        _log.info("metrics at {where}", where=self.address if host is None else f"http://{host}:{number}/metrics")
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(self.address)

    def _failed(self, failure: Failure) -> None:
        self._opening = None
        if failure.check(CancelledError):
            return
        self._trouble = trouble = cannot_listen(self._name, failure)
        _log.critical("{trouble}", trouble=str(trouble))
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.errback(trouble)

    def whenListening(self) -> Deferred[IAddress]:
        """
        Fires with the address when it listens; fails with L{CannotListen} when it can't.
        """
        if self.address is not None:
            return succeed(self.address)
        if self._trouble is not None:
            return fail(self._trouble)
        waiter: Deferred[IAddress] = Deferred(self._waiting.remove)
        self._waiting.append(waiter)
        return waiter

    def stopService(self) -> Deferred[None]:
        """
        See C{IService}: nobody is answered any more.
        """
        Service.stopService(self)
        opening, self._opening = self._opening, None
        port, self._port = self._port, None
        self.address = None
        if opening is not None:
            opening.cancel()
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.errback(CancelledError("stopped before it listened"))
        closed: Deferred[None] = succeed(None) if port is None else port.stopListening() or succeed(None)
        for each in list(self._factory.protocols):
            each.transport.abortConnection()
        return closed


__all__ = ["BrokerCollector", "CannotListen", "MetricsService", "Pages"]
