"""
The options of a client, judged when they are given.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt import MQTTClientFactory, Properties, QoS, Will, connect
from txmqtt.codec import encode, packets
from txmqtt.codec.packets import Connect
from txmqtt.net.settings import FOR_EVER, Options, Settings


def said(**options: Any) -> Connect:
    """
    The CONNECT that these options make.
    """
    settings = Settings(**options)
    return settings.connect_packet(settings.first_client_id())


class SettingsTests(SynchronousTestCase):
    def test_one_list_of_options(self) -> None:
        """
        Every option has its keyword.
        """
        self.assertEqual({field.name for field in fields(Settings)}, Options.__annotations__.keys())

    def test_defaults(self) -> None:
        """
        Without options a client speaks 5.0, begins a new session, and says what it can bear.
        """
        connect = said()
        self.assertEqual((connect.version, connect.clean_start, connect.keep_alive), (5, True, 60))
        self.assertEqual(connect.properties, Properties(receive_maximum=100, maximum_packet_size=16 * 1024 * 1024))

    def test_everything_is_said(self) -> None:
        """
        What is given is what the server hears.
        """
        will = Will("state/mé", b"gone", QoS.AT_LEAST_ONCE, True, Properties(will_delay_interval=5))
        connect = said(
            client_id="mé",
            keep_alive=10,
            username="user",
            password="pass",
            will=will,
            session_expiry=60,
            receive_maximum=7,
            maximum_packet_size=1000,
            topic_alias_maximum=9,
            properties=Properties(user_properties=(("a", "b"),), request_problem_information=1),
        )
        self.assertEqual(
            connect,
            Connect(
                "mé",
                5,
                True,
                10,
                "user",
                b"pass",
                packets.Will("state/mé".encode(), b"gone", 1, True, Properties(will_delay_interval=5)),
                Properties(
                    session_expiry_interval=60,
                    receive_maximum=7,
                    maximum_packet_size=1000,
                    topic_alias_maximum=9,
                    user_properties=(("a", "b"),),
                    request_problem_information=1,
                ),
            ),
        )
        encode.packet(connect, 5)

    def test_old_versions(self) -> None:
        """
        On 3.x nothing is said that it does not have.
        """
        for version in (3, 4):
            with self.subTest(version=version):
                connect = said(client_id="me", version=version, clean_start=False, receive_maximum=7)
                self.assertEqual(connect, Connect("me", version, False, 60))

    def test_session_that_is_kept(self) -> None:
        """
        C{clean_start=False} alone keeps the session on every version; C{session_expiry} says for how long.
        """
        for options, expected in (
            ({"clean_start": False}, FOR_EVER),
            ({"clean_start": False, "session_expiry": 0}, None),
            ({"clean_start": False, "session_expiry": 60}, 60),
            ({"clean_start": True}, None),
            ({"clean_start": True, "session_expiry": 60}, 60),
        ):
            with self.subTest(options=options):
                properties = said(**options).properties
                assert properties is not None
                self.assertEqual(properties.session_expiry_interval, expected)

    def test_name_on_31(self) -> None:
        """
        3.1 needs a name of 1 to 23 characters: a client without one takes a random one.
        """
        one, two = said(version=3).client_id, said(version=3).client_id
        self.assertNotEqual(one, two)
        self.assertLessEqual(len(one), 23)
        self.assertEqual(said(version=4).client_id, "")

    def test_wrong_options(self) -> None:
        """
        A wrong option is refused at once, wherever it is given, with words that say what was given and what was
        expected.
        """
        table: list[tuple[dict[str, Any], type[Exception], str]] = [
            ({"client_id": 5}, TypeError, "client_id is int; expected str"),
            ({"client_id": "a\0"}, ValueError, r"client identifier has U\+0000"),
            ({"client_id": "a\ud800"}, ValueError, "client identifier has a lone surrogate"),
            ({"client_id": "a" * 65_536}, ValueError, "client identifier"),
            ({"client_id": "", "clean_start": False, "version": 4}, ValueError, "client_id is empty"),
            ({"version": 6}, ValueError, r"version is 6; expected 5 \(MQTT 5.0\), 4 \(3.1.1\) or 3 \(3.1\)"),
            ({"version": "5"}, TypeError, "version is '5'"),
            ({"clean_start": 1}, TypeError, "clean_start is int; expected True or False"),
            ({"keep_alive": 70_000}, ValueError, "keep_alive is 70000; expected 0 to 65535"),
            ({"keep_alive": -1}, ValueError, "keep_alive is -1"),
            ({"keep_alive": "60"}, TypeError, "keep_alive is '60'; expected a number"),
            ({"keep_alive": None}, TypeError, "keep_alive is None"),
            ({"keep_alive": 2.5}, TypeError, "keep_alive is 2.5"),
            ({"username": b"user"}, TypeError, "username is bytes; expected str or None"),
            ({"password": 5}, TypeError, "password is int; expected str, bytes or None"),
            ({"password": "x", "version": 4}, ValueError, "password without user name"),
            ({"will": ("t", b"p")}, TypeError, "will is tuple; expected Will or None"),
            ({"will": Will("t", properties=Properties(will_delay_interval=1)), "version": 4}, ValueError, "5.0"),
            ({"session_expiry": -1}, ValueError, "session_expiry is -1"),
            ({"session_expiry": 60, "version": 4}, ValueError, "session_expiry is 60; MQTT 5.0 has it"),
            ({"properties": Properties(), "version": 4}, ValueError, "MQTT 5.0 has"),
            ({"properties": Properties(content_type="x")}, ValueError, "content_type='x' in CONNECT"),
            ({"properties": Properties(receive_maximum=5)}, ValueError, "the option receive_maximum"),
            ({"properties": Properties(authentication_method="x")}, ValueError, "the option authentication"),
            ({"authentication": "SCRAM"}, TypeError, "authentication is str; expected a callable or None"),
            ({"authentication": print, "version": 4}, ValueError, "authentication is given; MQTT 5.0 has it"),
            ({"properties": 5}, TypeError, "properties is int"),
            ({"on_message": 5}, TypeError, "on_message is int; expected a callable"),
            ({"timeout": -1}, ValueError, "timeout is -1"),
            ({"timeout": "10"}, TypeError, "timeout is '10'; expected a number of seconds"),
            ({"resend_interval": 20}, ValueError, "resend_interval is 20; MQTT 5.0 forbids"),
            ({"max_inflight": 0}, ValueError, "max_inflight is 0; expected 1 to 65535"),
            ({"receive_maximum": 65_536}, ValueError, "receive_maximum is 65536"),
            ({"maximum_packet_size": 1}, ValueError, "maximum_packet_size is 1"),
            ({"topic_aliases": 5, "version": 4}, ValueError, "topic_aliases is 5; MQTT 5.0 has it"),
            ({"colour": "red"}, TypeError, "colour"),
        ]
        for options, error, words in table:
            with self.subTest(options=options):
                with self.assertRaisesRegex(error, words):
                    MQTTClientFactory(Clock(), **options)
                with self.assertRaisesRegex(error, words):
                    connect(MemoryReactorClock(), "mqtt://localhost", **options)

    def test_password_stays_secret(self) -> None:
        """
        No password is shown with the settings.
        """
        self.assertNotIn("secret", repr(Settings(username="user", password="secret")))

    def test_in_force(self) -> None:
        """
        What depends on the version is what the version needs: 3.x sends again after 20 s, 5.0 never.
        """
        for version, window, limit, resend in ((3, 20, 1000, 20.0), (4, 20, 1000, 20.0), (5, 100, 100, 0.0)):
            with self.subTest(version=version):
                settings = Settings(version=version)
                self.assertEqual(
                    (settings.window, settings.receive_limit, settings.resend_after), (window, limit, resend)
                )
        self.assertEqual(Settings(version=4, resend_interval=0).resend_after, 0.0)
        self.assertEqual(Settings(resend_interval=0).resend_after, 0.0)


class WillTests(SynchronousTestCase):
    def test_wrong_wills(self) -> None:
        """
        A will that cannot be said is refused when it is made.
        """
        table: list[tuple[dict[str, Any], type[Exception]]] = [
            ({"topic": "a/#"}, ValueError),
            ({"topic": ""}, ValueError),
            ({"topic": 5}, TypeError),
            ({"payload": "text"}, TypeError),
            ({"payload": bytes(65_536)}, ValueError),
            ({"qos": 3}, ValueError),
            ({"properties": Properties(topic_alias=1)}, ValueError),
            ({"properties": "x"}, TypeError),
        ]
        for wrong, error in table:
            with self.subTest(wrong=list(wrong)), self.assertRaises(error):
                Will(**{"topic": "t", **wrong})
