"""
Sphinx: links from the pages into the source, which is shown beside them.

C{:src:`broker/publishing.py Publishing.published`} and C{:test:`net.test_door.HalfOpenTests.test_flood`}, as
C{tests.named} explains. Every file of Python that a page names so becomes a page of its own.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.util.docutils import ReferenceRole
from sphinx.util.typing import ExtensionMetadata

from tests.house import ROOT
from tests.named import ROLES, Place, locate, mentions


def page_of(path: str) -> str:
    """
    The name of the page that shows a file.
    """
    return "source/" + path.removesuffix(".py")


def link(place: Place) -> str:
    """
    Where a page at the top of the documentation finds it.
    """
    return f"{page_of(place.path)}.html" + (f"#line-{place.line}" if place.member else "")


class Named(ReferenceRole):
    """
    A link to something that is named.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        name = " ".join(self.target.split())
        try:
            place = locate(self.name, name)
        except LookupError as error:
            message = self.inliner.reporter.error(str(error), line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        shown: nodes.Node
        if self.has_explicit_title:
            shown = nodes.literal("", self.title) if self.name == "src" else nodes.inline("", self.title)
        else:
            shown = nodes.literal("", short(self.name, name))
        if not place.path.endswith(".py"):
            return [shown], []
        return [nodes.reference("", "", shown, internal=True, refuri=link(place), reftitle=name)], []


def short(role: str, name: str) -> str:
    """
    What is shown: of a member not the file, of a test its own name only.
    """
    if role == "src":
        return name.partition(" ")[2] or name
    return name.rpartition(".")[2]


def highlighted(path: Path) -> str:
    """
    A file in colours, each line with an anchor.
    """
    lines = highlight(path.read_text("utf-8"), PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).splitlines()
    rows = "\n".join(f'<span id="line-{number}">{line}</span>' for number, line in enumerate(lines, 1))
    return f'<div class="highlight-python notranslate"><div class="highlight"><pre>{rows}\n</pre></div></div>'


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """
    A page for each file that is named anywhere.
    """
    found = set()
    for document in sorted(Path(app.srcdir).glob("*.rst")):
        for role, name in mentions(document.read_text("utf-8")):
            with suppress(LookupError):  # which its role has reported
                found.add(locate(role, name).path)
    for path in sorted(path for path in found if path.endswith(".py")):
        body = f"<h1><code>{html.escape(path)}</code></h1>\n{highlighted(ROOT / path)}"
        yield page_of(path), {"title": path, "body": body}, "page.html"


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    for role in ROLES:
        app.add_role(role, Named())
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True}
