"""
What is told to monitoring: the figures, the health, and a small web server that nobody can fill.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.backends.sqlite.support_backend import PromptWorker
from tests.service.support import LOOPBACK, FakeEndpoint, FakePort, Stage, scratch
from txmqtt.backends.sqlite.backend import SqliteBackend
from txmqtt.backends.sqlite.shapes import Figures
from txmqtt.broker.histogram import Histogram
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.codec.packets import Publish
from txmqtt.service import health, metrics
from txmqtt.service.figures import OF_JOURNAL, OF_STATS, OF_STORE, OF_TURN, Row
from txmqtt.service.listener import CannotListen
from txmqtt.service.metrics import BrokerCollector, MetricsService
from txmqtt.service.pulse import Pulse, memory
from txmqtt.session.turn import Turn

#: A sample: its name, its labels, and what it is.
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(families: Iterable[Any]) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def exported(stage: Stage) -> Samples:
    registry = CollectorRegistry()
    registry.register(BrokerCollector(stage.service))
    return samples(text_string_to_metric_families(generate_latest(registry).decode()))


class Reactor(MemoryReactorClock):
    """
    Calls from threads come at once.
    """

    def callFromThread(self, callable: Any, *args: object, **kwargs: object) -> None:
        callable(*args, **kwargs)


@implementer(IStreamServerEndpoint)
class WebEndpoint:
    """
    An endpoint for any factory, that opens when the test says so.
    """

    def __init__(self, error: Exception | None = None, slow: bool = False) -> None:
        self.port = FakePort(LOOPBACK)
        self.slow = slow
        self.error = error
        self.opening: Deferred[Any] = Deferred()
        self.factory: Any = None

    def listen(self, protocolFactory: Any) -> Deferred[Any]:
        self.factory = protocolFactory
        if self.error is not None:
            raise self.error
        if not self.slow:
            protocolFactory.doStart()
            return succeed(self.port)
        return self.opening

    def __str__(self) -> str:
        return "web"


class NamesTests(SynchronousTestCase):
    def figures(self, of: Any) -> set[str]:
        kinds = (int, Histogram)
        names = {name for name in dir(of) if isinstance(getattr(of, name), kinds) and not name.startswith("_")}
        return names - {"dropped", "lasting"}  # a sum of others

    def test_every_counter_is_exported(self) -> None:
        """
        Whatever the broker counts has a name for monitoring: no counter is added without one.
        """
        for of, rows in ((Stats(), OF_STATS), (Turn(), OF_TURN)):
            with self.subTest(of=of):
                self.assertEqual(self.figures(of), {row.source for row in rows})
        journal = {name for name in self.figures(Figures()) if isinstance(getattr(Figures(), name), Histogram)}
        self.assertEqual(journal, {row.source for row in OF_JOURNAL})
        self.assertEqual({topic for topic, _ in Figures().topics(0, 0, 0)}, {row.source for row in OF_STORE})

    def test_each_has_a_sample_of_its_own(self) -> None:
        """
        Each figure changes exactly one sample, and by what it counts.
        """
        stage = Stage()
        before = exported(stage)
        for of, rows in ((stage.service.stats, OF_STATS), (stage.service.broker.turn, OF_TURN)):
            for row in rows:
                was = getattr(of, row.source)
                if isinstance(was, Histogram):
                    continue
                setattr(of, row.source, was + 77)
                now = exported(stage)
                changed = {key[0]: now[key] - before[key] for key in now if now[key] != before.get(key)}
                with self.subTest(source=row.source):
                    self.assertEqual(changed, {row.metric: 77})
                setattr(of, row.source, was)

    def test_habits(self) -> None:
        """
        Counters end in _total and nothing else does; a unit is spelt out; every figure is explained by a sentence.
        """
        for row in (*OF_STATS, *OF_TURN, *OF_STORE, *OF_JOURNAL):
            with self.subTest(metric=row.metric):
                self.assertRegex(row.metric, r"^txmqtt_[a-z_]+$")
                self.assertEqual(row.metric.endswith("_total"), row.kind == "counter")
                self.assertTrue(row.words.endswith("."))
                for source, unit in (("bytes", "bytes"), ("latency", "seconds"), ("oldest", "seconds")):
                    self.assertTrue(source not in row.source or unit in row.metric)

    def test_shared_names(self) -> None:
        """
        Rows that share a name differ in the value of one label only.
        """
        groups: dict[str, list[Row]] = {}
        for row in (*OF_STATS, *OF_TURN, *OF_STORE, *OF_JOURNAL):
            groups.setdefault(row.metric, []).append(row)
        for metric, rows in groups.items():
            with self.subTest(metric=metric):
                self.assertEqual(len({(row.kind, row.words, row.label and row.label[0]) for row in rows}), 1)
                self.assertEqual(len({row.label for row in rows}), len(rows))

    def test_dropped_by_reason(self) -> None:
        """
        The dropped messages add up to what $SYS calls dropped.
        """
        stage = Stage()
        stats = stage.service.stats
        for reason in (reasons.QUOTA_EXCEEDED, reasons.IMPLEMENTATION_SPECIFIC_ERROR, reasons.NOT_AUTHORIZED, 0x80):
            stats.drop(3, reason)
        stats.dropped_slow += 2
        dropped = {key: value for key, value in exported(stage).items() if key[0] == "txmqtt_messages_dropped_total"}
        self.assertEqual(dropped[("txmqtt_messages_dropped_total", (("reason", "slow"),))], 2)
        self.assertEqual(sum(dropped.values()), stats.dropped)


class FiguresTests(SynchronousTestCase):
    def test_messages(self) -> None:
        """
        What clients say and are sent is counted: messages, the bytes of their payloads, connections, logins.
        """
        stage = Stage()
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        one, two = stage.client(), stage.client()
        two.subscribe(b"t", 1)
        one.say(Publish(b"t", b"12345"))
        one.say(Publish(b"t", b"1234567", 1, packet_id=9))
        found = exported(stage)
        for name, labels, value in (
            ("txmqtt_connections", (), 2),
            ("txmqtt_sockets_opened_total", (), 2),
            ("txmqtt_login_duration_seconds_count", (), 2),
            ("txmqtt_publish_received_total", (), 2),
            ("txmqtt_publish_received_payload_bytes_total", (), 12),
            ("txmqtt_publish_sent_total", (("qos", "0"),), 1),
            ("txmqtt_publish_sent_total", (("qos", "1,2"),), 1),
            ("txmqtt_publish_sent_payload_bytes_total", (("qos", "0"),), 5),
            ("txmqtt_publish_sent_payload_bytes_total", (("qos", "1,2"),), 7),
            ("txmqtt_ready", (), 1),
        ):
            with self.subTest(name=name, labels=labels):
                self.assertEqual(found[(name, labels)], value)

    def test_store(self) -> None:
        """
        A store's figures are there with their units, its latencies as histograms.
        """
        reactor = Reactor()
        stage = Stage(reactor=reactor, store=scratch(self) / "mqtt.db", workers=lambda name: PromptWorker())
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        stage.client(name="one", expiry=100)
        backend = stage.service.broker.backend
        assert isinstance(backend, SqliteBackend)
        backend.journal.figures.last_latency = 0.25
        found = exported(stage)
        commits = found[("txmqtt_store_commits_total", ())]
        self.assertGreater(commits, 0)
        self.assertEqual(found[("txmqtt_store_commit_duration_seconds_count", ())], commits)
        self.assertEqual(found[("txmqtt_store_wait_duration_seconds_bucket", (("le", "+Inf"),))], commits)
        self.assertEqual(found[("txmqtt_store_commit_last_seconds", ())], 0.25)
        self.assertGreater(found[("txmqtt_store_file_bytes", ())], 0)

    def test_another_backend(self) -> None:
        """
        What a backend counts that has no name here gets one from its topic; what is no number is left out.
        """
        stage = Stage()
        topics = [("log/behind it", "12 ms"), ("log/state", "fine"), ("log/entries", "3")]
        stage.service.broker.backend.figures = lambda: topics  # type: ignore[method-assign]
        found = exported(stage)
        self.assertEqual(found[("txmqtt_log_behind_it_seconds", ())], 0.012)
        self.assertEqual(found[("txmqtt_log_entries", ())], 3)
        self.assertNotIn(("txmqtt_log_state", ()), found)

    def test_a_new_life(self) -> None:
        """
        After a restart within the process the figures are those of the broker that runs.
        """
        stage = Stage(reactor=Reactor(), store=scratch(self) / "mqtt.db", workers=lambda name: PromptWorker())
        registry = CollectorRegistry()
        registry.register(BrokerCollector(stage.service))
        stage.service.startService()
        self.successResultOf(stage.service.stopService())
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        stage.client()
        self.assertEqual(registry.get_sample_value("txmqtt_connections"), 1)


class PulseTests(SynchronousTestCase):
    def test_lateness(self) -> None:
        """
        What comes late is noted as late, what comes early as in time, and the first has nothing to be late for.
        """
        stats = Stats()
        pulse = Pulse(stats, 1.0)
        pulse.beat(100.0)
        self.assertEqual(sum(stats.lateness.counts), 0)
        for now in (101.0, 104.0, 104.5):
            pulse.beat(now)
        self.assertEqual(sum(stats.lateness.counts), 3)
        self.assertAlmostEqual(stats.lateness.total, 2.0)

    def test_memory(self) -> None:
        """
        The memory of the process is known after a beat; the maximum is never less than what there is now.
        """
        stats = Stats()
        Pulse(stats, 1.0).beat(0.0)
        self.assertGreater(stats.heap_current, 1 << 20)
        self.assertGreaterEqual(stats.heap_maximum, stats.heap_current)

    def test_what_the_system_says(self) -> None:
        """
        The figures are those of the system, in bytes; one that does not say leaves them at 0.
        """
        file = scratch(self) / "status"
        for content, expected in (
            (None, (0, 0)),
            ("", (0, 0)),
            ("VmRSS:\t", (0, 0)),
            ("VmRSS: x kB", (0, 0)),
            ("Name:\tpython\nVmHWM:\t    2000 kB\nVmRSS:\t    1000 kB\n", (1_024_000, 2_048_000)),
            ("VmRSS:\t    1000 kB\n", (1_024_000, 1_024_000)),
        ):
            if content is not None:
                file.write_text(content)
            with self.subTest(content=content):
                self.assertEqual(memory(file), expected)


class WebTestCase(SynchronousTestCase):
    """
    Requests as bytes, answers as bytes.
    """

    def setUp(self) -> None:
        self.stage = Stage(reactor=Reactor())
        self.endpoint = WebEndpoint()
        self.web = MetricsService(self.stage.reactor, self.endpoint, self.stage.service)
        self.stage.service.startService()
        self.web.startService()
        self.addCleanup(self.end)

    def end(self) -> None:
        self.web.stopService()
        self.endpoint.factory.doStop()
        if self.stage.service.running:
            self.stage.service.stopService()

    def dial(self) -> StringTransportWithDisconnection:
        transport = StringTransportWithDisconnection()
        protocol = self.endpoint.factory.buildProtocol(LOOPBACK)
        assert protocol is not None
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return transport

    def ask(self, path: str, method: str = "GET", *lines: str) -> tuple[int, dict[str, str], bytes]:
        """
        @return: status, headers, content.
        """
        transport = self.dial()
        head = "\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *lines))
        transport.protocol.dataReceived(f"{head}\r\n\r\n".encode())
        self.stage.reactor.advance(0)
        first, _, content = transport.value().partition(b"\r\n\r\n")
        status, *fields = first.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        return int(status.split()[1]), headers, content


class PagesTests(WebTestCase):
    def test_metrics(self) -> None:
        """
        /metrics is what Prometheus reads: the broker's figures, the build, the process.
        """
        status, headers, content = self.ask("/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(headers["content-type"].startswith("text/plain; version=0.0.4"), headers)
        self.assertEqual(headers["server"], "txmqtt")
        found = samples(text_string_to_metric_families(content.decode()))
        names = {name for name, _ in found}
        self.assertLessEqual({"txmqtt_connections", "process_cpu_seconds_total", "txmqtt_build_info"}, names)

    def test_openmetrics(self) -> None:
        """
        Who asks for OpenMetrics gets it.
        """
        status, headers, content = self.ask("/metrics", "GET", "Accept: application/openmetrics-text; version=1.0.0")
        self.assertEqual(status, 200)
        self.assertTrue(headers["content-type"].startswith("application/openmetrics-text"), headers)
        self.assertIn(("txmqtt_publish_received_total", ()), samples(openmetrics(content.decode())))

    def test_health(self) -> None:
        """
        A broker that lets clients in is ok, and both questions are answered with yes.
        """
        for path in ("/health", "/health/ready", "/health/live"):
            with self.subTest(path=path):
                status, headers, content = self.ask(path)
                self.assertEqual((status, headers["content-type"]), (200, "application/json"))
                said = json.loads(content)
                self.assertEqual((said["status"], said["store"], said["connections"]), ("ok", "memory", 0))

    def test_stopping(self) -> None:
        """
        A broker that stops is not ready, and alive.
        """
        self.stage.service.stopService()
        for path, expected in (("/health", 503), ("/health/ready", 503), ("/health/live", 200)):
            with self.subTest(path=path):
                status, _, content = self.ask(path)
                self.assertEqual((status, json.loads(content)["status"]), (expected, "stopping"))

    def test_refused(self) -> None:
        """
        There is nothing else, and nothing can be sent.
        """
        for path, method, expected in (
            ("/", "GET", 404),
            ("/metrics/", "GET", 404),
            ("/health/../metrics", "GET", 404),
            ("/metrics", "POST", 405),
            ("/health", "DELETE", 405),
            ("/metrics", "BREW", 405),
        ):
            with self.subTest(path=path, method=method):
                status, headers, _ = self.ask(path, method)
                self.assertEqual(status, expected)
                self.assertEqual(headers.get("allow"), "GET, HEAD" if expected == 405 else None)

    def test_head(self) -> None:
        """
        HEAD answers the head of what GET would, and nobody hears of it.
        """
        with capturedLogs() as events:
            status, headers, content = self.ask("/health", "HEAD")
        self.assertEqual((status, content, events), (200, b"", []))
        self.assertGreater(int(headers["content-length"]), 0)

    def test_query(self) -> None:
        """
        A query, as some scrapers send, changes nothing.
        """
        self.assertEqual(self.ask("/metrics?x=1")[0], 200)

    def test_our_own_mistake(self) -> None:
        """
        A figure that can't be read is an answer with status 500 and a traceback in the log, none on the wire.
        """

        def broken() -> list[tuple[str, str]]:
            raise ZeroDivisionError("secret")

        self.stage.service.broker.backend.figures = broken  # type: ignore[method-assign]
        status, _, content = self.ask("/metrics")
        self.assertEqual((status, content), (500, b"The log says what went wrong.\n"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class StartingTests(SynchronousTestCase):
    def test_starting(self) -> None:
        """
        Until every listener is open, the broker is starting; asking leaves nothing behind.
        """
        slow = FakeEndpoint(slow=True)
        stage = Stage(listen=[slow])
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        self.assertEqual(health.status(stage.service), "starting")
        self.assertEqual(stage.service._waiting, [])
        slow.opening.callback(slow.port)
        self.assertEqual(health.status(stage.service), "ok")

    def test_store_trouble(self) -> None:
        """
        A disk that fails, or is too far behind, is store trouble.
        """
        stage = Stage(reactor=Reactor(), store=scratch(self) / "mqtt.db", workers=lambda name: PromptWorker())
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        backend = stage.service.broker.backend
        assert isinstance(backend, SqliteBackend)
        journal = backend.journal
        self.assertEqual(health.report(stage.service)["store"], "ok")
        for healthy, working, expected in ((False, False, "failing"), (True, False, "behind")):
            journal.healthy, journal.working = healthy, working
            with self.subTest(expected=expected):
                report = health.report(stage.service)
                self.assertEqual((report["status"], report["store"]), ("store trouble", expected))
                self.assertEqual(exported(stage)[("txmqtt_ready", ())], 0)
        journal.healthy = journal.working = True


class BoundsTests(WebTestCase):
    def test_bodies_are_not_kept(self) -> None:
        """
        A body, announced or chunked, is passed over up to a bound; then the connection is cut.
        """
        for head, piece in (
            (b"Content-Length: 10000000000\r\n", b"x" * 4096),
            (b"Transfer-Encoding: chunked\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        ):
            with self.subTest(head=head):
                transport = self.dial()
                transport.protocol.dataReceived(b"POST /metrics HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
                for _ in range(metrics.BODY // 4096):
                    transport.protocol.dataReceived(piece)
                self.assertTrue(transport.connected)
                transport.protocol.dataReceived(piece)
                self.assertFalse(transport.connected)

    def test_head_lines(self) -> None:
        """
        Head lines without end are refused.
        """
        for data in (b"GET /" + b"x" * 20_000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 4_000, b"\xff\x00\r\n\r\n"):
            with self.subTest(data=data[:20]):
                transport = self.dial()
                transport.protocol.dataReceived(data)
                self.stage.reactor.advance(0)
                self.assertFalse(transport.connected)

    def test_idle(self) -> None:
        """
        Who says nothing is let go.
        """
        transport = self.dial()
        self.stage.reactor.advance(metrics.IDLE - 1)
        self.assertTrue(transport.connected)
        self.stage.reactor.advance(1)
        self.assertFalse(transport.connected)

    def test_crowd(self) -> None:
        """
        Not more than so many at one time; when one leaves there is room again.
        """
        crowd = [self.dial() for _ in range(metrics.CONNECTIONS)]
        self.assertIsNone(self.endpoint.factory.buildProtocol(LOOPBACK))
        crowd[0].loseConnection()
        self.assertIsNotNone(self.endpoint.factory.buildProtocol(LOOPBACK))


class ServiceTests(SynchronousTestCase):
    def service(self, endpoint: Any) -> MetricsService:
        stage = Stage()
        return MetricsService(stage.reactor, endpoint, stage.service)

    def test_not_an_endpoint(self) -> None:
        """
        A string that is no endpoint is refused at once.
        """
        with self.assertRaisesRegex(ValueError, "expected an endpoint"):
            self.service("9001")

    def test_cannot_listen(self) -> None:
        """
        An endpoint that can't be opened fails the start, with one line that says which.
        """
        service = self.service(WebEndpoint(OSError(98, "Address already in use")))
        with self.assertRaises(CannotListen) as caught:
            service.startService()
        self.assertEqual(str(caught.exception), "cannot listen on web: Address already in use")
        self.assertEqual(self.failureResultOf(service.whenListening(), CannotListen).value, caught.exception)

    def test_cannot_listen_later(self) -> None:
        """
        So does one that fails later, for whoever waits.
        """
        endpoint = WebEndpoint(slow=True)
        service = self.service(endpoint)
        service.startService()
        waiting = service.whenListening()
        endpoint.opening.errback(OSError(99, "No network yet"))
        self.failureResultOf(waiting, CannotListen)

    def test_stopped(self) -> None:
        """
        A stopped service listens no more, cuts who is there, and tells who waited; it can be started again.
        """
        endpoint = WebEndpoint(slow=True)
        service = self.service(endpoint)
        service.startService()
        waiting = service.whenListening()
        self.successResultOf(service.stopService())
        self.failureResultOf(waiting, CancelledError)
        endpoint.slow = False
        service.startService()
        self.assertEqual(self.successResultOf(service.whenListening()), LOOPBACK)
        transport = StringTransportWithDisconnection()
        protocol = endpoint.factory.buildProtocol(LOOPBACK)
        transport.protocol = protocol
        protocol.makeConnection(transport)
        self.successResultOf(service.stopService())
        endpoint.factory.doStop()
        self.assertEqual((endpoint.port.listening, transport.connected), (False, False))

    def test_given_up_waiting(self) -> None:
        """
        Who no longer waits is not told.
        """
        endpoint = WebEndpoint(slow=True)
        service = self.service(endpoint)
        service.startService()
        waiting = service.whenListening()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        endpoint.opening.callback(endpoint.port)
