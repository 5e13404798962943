"""
A configuration file, read: its settings, or all that is wrong with it, each with its line.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable

from txmqtt.codec.errors import MQTTError
from txmqtt.service.configuration.lines import Lines
from txmqtt.service.configuration.reading import Fault, Reading, told
from txmqtt.service.configuration.settings import Settings

#: A larger file is none of ours, bytes.
_MOST = 4 * 1024 * 1024


class ConfigurationError(MQTTError):
    """
    A configuration can't be used. The message has a line for each mistake: file, line, setting, what is wrong.
    """


class Configuration:
    """
    What a file says.

    @ivar settings: it.
    """

    def __init__(self, path: str, settings: Settings, lines: Lines) -> None:
        self.path = path
        self.settings = settings
        self._lines = lines

    def error(self, faults: Iterable[Fault]) -> ConfigurationError:
        """
        What is found wrong with it when it is to be used.
        """
        return _error(self.path, self._lines, faults)


def load(path: str | os.PathLike[str]) -> Configuration:
    """
    Read a configuration file.

    @raise ConfigurationError: it can't be read, is no TOML, or says what can't be meant.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            data = file.read(_MOST + 1)
        if len(data) > _MOST:
            raise ConfigurationError(f"{name}: larger than {_MOST} bytes; expected a configuration file")
        text = data.decode()
        tables = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{name}:{line}: not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}: {error}") from error
    except RecursionError as error:  # tomllib has no words of its own for this and the next
        raise ConfigurationError(f"{name}: arrays or tables within each other, too deep") from error
    except ValueError as error:
        raise ConfigurationError(f"{name}: a number with more digits than can be read") from error
    reading = Reading()
    settings = reading.group(Settings, tables)
    lines = Lines(text)
    if reading.faults:
        raise _error(name, lines, reading.faults)
    assert isinstance(settings, Settings)
    return Configuration(name, settings, lines)


def _error(path: str, lines: Lines, faults: Iterable[Fault]) -> ConfigurationError:
    found = sorted((lines.of(fault.path), told(fault)) for fault in faults)
    return ConfigurationError(
        "\n".join(f"{path}:{line}: {words}" if line else f"{path}: {words}" for line, words in found)
    )
