"""
Tests of txmqtt.service.configuration.sample: the annotated sample can't drift from what is read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.service.configuration.file import load
from txmqtt.service.configuration.reading import Reading, told
from txmqtt.service.configuration.sample import sample
from txmqtt.service.configuration.schema import Overrides, Setting, settings_of
from txmqtt.service.configuration.settings import Settings

TEXT = sample(Settings)


def everything() -> str:
    """
    The sample with all that need not be there.
    """
    return "\n".join(line.removeprefix("#: ") for line in TEXT.splitlines())


class SampleTests(SynchronousTestCase):
    def test_is_the_default(self) -> None:
        """
        The sample as it is says what holds without it.
        """
        path = scratch(self) / "sample.toml"
        path.write_text(TEXT)
        self.assertEqual(load(path).settings, Settings())

    def test_every_key(self) -> None:
        """
        Every key that may be said is in the sample with its default and is explained, and no other.
        """
        said = tomllib.loads(everything())
        self._compare(Settings, said, "")

    def _compare(self, group: type, table: dict[str, object], where: str) -> None:
        for setting in settings_of(group):
            with self.subTest(setting=f"{where}{setting.name}"):
                self.assertIn(setting.name, table)
                if not isinstance(setting.group, type):
                    self.assertTrue(setting.words or setting.group, "it is not explained")
                self._below(setting, table[setting.name], f"{where}{setting.name}.")
        self.assertLessEqual(set(table), {each.name for each in settings_of(group)})

    def _below(self, setting: Setting, value: object, where: str) -> None:
        if setting.kind is list and isinstance(setting.group, type):
            assert isinstance(value, list)
            self._compare(setting.group, value[0], where)
        elif isinstance(setting.group, Mapping):
            assert isinstance(value, list)
            self.assertEqual([each.pop("type") for each in value], list(setting.group))
            for each, kind in zip(value, setting.group.values(), strict=True):
                self.assertTrue(each.pop("name"))
                self._compare(kind, each, where)
        elif isinstance(setting.group, type):
            assert isinstance(value, dict)
            self._compare(setting.group, value, where)
        elif setting.default and setting.kind is not Overrides:
            expected = list(setting.default) if isinstance(setting.default, tuple) else setting.default
            if not setting.required:
                self.assertEqual(value, expected)

    def test_examples_are_legal(self) -> None:
        """
        What need not be there is of the right type: only what must be filled in is missing.
        """
        reading = Reading()
        reading.group(Settings, tomllib.loads(everything()))
        for fault in reading.faults:
            self.assertNotRegex(told(fault), "unknown|expected a (whole )?(number|table|list)|expected true")
