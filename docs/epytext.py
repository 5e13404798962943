"""
Sphinx: the epytext of our docstrings, as what autodoc understands.

C{L{...}} and C{C{...}} become links where they name something public, and code where they don't. Fields keep their
names: C{@param} and C{@ivar} are lists of names, C{@return} and C{@raise} say what comes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Final

import txmqtt
import txmqtt.testing

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

#: Where each name that may be linked is described: the public names, and what their docstrings send the reader to.
LINKS: Final = {
    **{name: f"txmqtt.{name}" for name in txmqtt.__all__ if not name.startswith("_")},
    **{name: f"txmqtt.testing.{name}" for name in txmqtt.testing.__all__},
    "Settings": "txmqtt.net.settings.Settings",
    "Terms": "txmqtt.net.receiving.terms.Terms",
    "Client": "txmqtt.net.plugins.Client",
    "Passing": "txmqtt.net.plugins.Passing",
    "LoginDenied": "txmqtt.net.auth.LoginDenied",
    "LoginUndecided": "txmqtt.net.auth.LoginUndecided",
}

#: Of epytext, what we use; and what each field is called in reStructuredText.
_FIELDS: Final = {"param": "param", "ivar": "ivar", "cvar": "cvar", "raise": "raises", "return": "returns"}
_FIELD: Final = re.compile(r"@(\w+)(?: ([\w.]+))?: ?(.*)", re.DOTALL)
_INLINE: Final = re.compile(r"([A-Z])\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", re.DOTALL)
_SPECIAL: Final = re.compile(r"[\\*`|]|_(?=\W|$)")


class UnknownMarkup(Exception):
    """
    A docstring says something that is no epytext, or that we have no use for.
    """


def converted(text: str) -> list[str]:
    """
    The lines of reStructuredText that say the same.

    @raise UnknownMarkup: there is something that is not known here.
    """
    made: list[str] = []
    fields = False
    for block in _blocks(text):
        if not block.startswith("@"):
            made += [*_paragraph(block).splitlines(), ""]
            continue
        if not fields and made and made[-1]:
            made.append("")
        fields = True
        made += _field(block)
    if fields:
        made.append("")
    return made


def _blocks(text: str) -> Iterator[str]:
    """
    Paragraphs and fields. A field goes on as long as its lines are indented; so does code behind C{::}.
    """
    block: list[str] = []
    code = False
    for line in text.splitlines():
        indented = line.startswith(" ")
        if code and (indented or not line.strip()):
            block.append(line)
            continue
        begins = line.startswith("@")
        if block and (code or begins or not line.strip()):
            yield "\n".join(block).rstrip()
            block = []
        code = False
        if line.strip():
            block.append(line)
            code = not begins and line.endswith("::")
    if block:
        yield "\n".join(block).rstrip()


def _paragraph(block: str) -> str:
    head, mark, code = block.partition("::\n")
    return f"{_inline(head)}::\n{code}" if mark else _inline(block)


def _field(block: str) -> list[str]:
    found = _FIELD.fullmatch(block)
    if found is None or found[1] not in _FIELDS:
        raise UnknownMarkup(f"{block!r}: expected one of {', '.join('@' + name for name in _FIELDS)}")
    words = " ".join(line.strip() for line in found[3].splitlines())
    name = f"{_FIELDS[found[1]]} {found[2]}" if found[2] else _FIELDS[found[1]]
    return [f":{name}: {_inline(words)}"]


def _inline(text: str) -> str:
    """
    Text with its marks.
    """
    made, end = "", 0
    for found in _INLINE.finditer(text):
        made += _SPECIAL.sub(r"\\\g<0>", text[end : found.start()]) + _mark(found[1], found[2])
        end = found.end()
        if text[end : end + 1].isalnum():
            made += "\\ "
    return made + _SPECIAL.sub(r"\\\g<0>", text[end:])


def _mark(kind: str, words: str) -> str:
    words = " ".join(words.split())
    if kind == "I":
        return f"*{words}*"
    if kind not in "CL":
        raise UnknownMarkup(f"{kind}{{{words}}}: expected C, L or I")
    name = words.removesuffix("()")
    if name in LINKS:
        return f":py:obj:`{words} <{LINKS[name]}>`"
    return f"``{words}``"


def process(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """
    See autodoc-process-docstring.
    """
    lines[:] = converted(cleandoc("\n".join(lines)))


def skip(app: Sphinx, what: str, name: str, thing: Any, skipped: bool, options: Any) -> bool | None:
    """
    See autodoc-skip-member: what is there because an interface of somebody else asks for it is not for callers.
    """
    doc = getattr(thing, "__doc__", None) or ""
    return True if doc.strip().startswith("See C{") else None


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
