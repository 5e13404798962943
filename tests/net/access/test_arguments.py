"""
Tests of txmqtt.net.access.arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.access.arguments import settings_from
from txmqtt.net.options import Range


@dataclass(frozen=True)
class Some:
    """
    Some settings.
    """

    place: str
    how: Literal["this", "that"] = "this"
    often: Annotated[int, Range(1, 9)] = 2
    long_time: Annotated[float, Range(0.5, 9)] = 2.0
    words: tuple[str, ...] = ("a",)
    flag: bool = False


class ArgumentTests(SynchronousTestCase):
    def test_first(self) -> None:
        """
        The first needs no name, and what it has of colons stays.
        """
        for text, expected in (
            ("/a/b", Some("/a/b")),
            ("https://h:8443/x?a=b:c&d=e", Some("https://h:8443/x?a=b:c&d=e")),
            ("https://h:8443/x:often=3", Some("https://h:8443/x", often=3)),
            ("http://[::1]:80/:how=that:flag=yes", Some("http://[::1]:80/", "that", flag=True)),
            ("a\\:often=3", Some("a:often=3")),
            ("a:words=x,y: z,b\\,c:long-time=1.5", Some("a", words=("x", "y: z", "b,c"), long_time=1.5)),
            ("a:words=:flag=off", Some("a", words=())),
            ("place=/a:often=3", Some("/a", often=3)),
            ("x=y", Some("x=y")),
            ("${a}:words=u=${b}", Some("${a}", words=("u=${b}",))),
        ):
            with self.subTest(text=text):
                self.assertEqual(settings_from(text, Some, "place"), expected)

    def test_no_first(self) -> None:
        """
        Where none is in front, all have names.
        """
        self.assertEqual(settings_from("often=3:place=a", Some), Some("a", often=3))
        for text in ("", "a", "a:often=3"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                settings_from(text, Some)

    def test_wrong(self) -> None:
        """
        What is wrong is named, and what was expected.
        """
        for text, why in (
            ("", "expected a place"),
            (":often=3", "expected a place"),
            ("a:oftn=3", "unknown setting 'oftn'; expected some of place, how, often, long_time, words, flag, or \\:"),
            ("a:often=3:often=4", "often is there twice"),
            ("a:often=x", "often 'x': expected a whole number, 1 to 9"),
            ("a:often=1.5", "often '1.5': expected a whole number, 1 to 9"),
            ("a:often=10", "often '10': expected a whole number, 1 to 9"),
            ("a:long_time=nan", "long_time 'nan': expected a number, 0.5 to 9"),
            ("a:how=so", "how 'so': expected one of this, that"),
            ("a:flag=maybe", "flag 'maybe': expected yes or no"),
        ):
            with self.subTest(text=text), self.assertRaises(ValueError) as caught:
                settings_from(text, Some, "place")
            self.assertIn(why, str(caught.exception))
