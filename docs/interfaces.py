"""
Sphinx: interfaces of zope, which autodoc does not know: C{.. autointerface:: txmqtt.IMQTTUser}.

An interface is shown as a class with what it asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from typing import Final

from docutils import nodes
from docutils.statemachine import StringList
from epytext import converted
from sphinx.application import Sphinx
from sphinx.util import import_object
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from zope.interface.interface import InterfaceClass, Method

_STEP: Final = " " * 3


class AutoInterface(SphinxDirective):
    """
    One interface.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        interface = import_object(name)
        assert isinstance(interface, InterfaceClass)
        module, _, short = name.rpartition(".")
        lines = [f".. py:class:: {name}", f"{_STEP}:canonical: {interface.__module__}.{short}", ""]
        lines += _indented(converted(cleandoc(interface.__doc__ or "")))
        for member in _members(interface):
            lines += _indented(["", *member, ""])
        return self.parse_text_to_nodes(StringList(lines, source=f"{module}.{short}"))


def _members(interface: InterfaceClass) -> Iterator[list[str]]:
    """
    What it asks for itself, in the order in which it stands there.
    """
    for name in interface.names():
        member = interface[name]
        doc = converted(cleandoc(member.getDoc()))
        if isinstance(member, Method):
            yield [f".. py:method:: {name}{member.getSignatureString()}", "", *_indented(doc)]
        else:
            yield [f".. py:attribute:: {name}", "", *_indented(doc)]


def _indented(lines: list[str]) -> list[str]:
    return [_STEP + line if line else line for line in lines]


def _plain(interface: InterfaceClass) -> str:
    return f"{interface.__module__}.{interface.__name__}"


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    InterfaceClass.__repr__ = _plain  # or types would be shown as "<InterfaceClass twisted...>"
    app.add_directive("autointerface", AutoInterface)
    return {"parallel_read_safe": True}
