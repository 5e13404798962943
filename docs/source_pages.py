"""
Sphinx: links from the pages into the source, which is shown beside them.

C{:src:`broker/publishing.py Publishing.published`} and C{:test:`net.test_door.HalfOpenTests.test_flood`}, as
C{tests.named} explains. Every file of Python that a page names so becomes a page of its own.
"""

from __future__ import annotations

from contextlib import suppress
from html import escape
from pathlib import Path

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


#: No page of the theme's: working out the contents beside each of hundreds would take longer than all other pages.
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{path}</title>
<link rel="stylesheet" href="{top}_static/pygments.css"><link rel="stylesheet" href="{top}_static/styles/furo.css">
<link rel="stylesheet" href="{top}_static/tables.css"></head><body class="source">
<script>document.body.dataset.theme = localStorage.getItem("theme") || "auto";</script>
<p><a href="{top}index.html">{title}</a> &middot; <code>{path}</code></p>
<div class="highlight"><pre>{rows}
</pre></div></body></html>
"""


def shown(path: Path) -> str:
    """
    A file, each line with an anchor; what is no test in colours, which take a while.
    """
    text = path.read_text("utf-8")
    if ROOT / "tests" in path.parents:
        coloured = escape(text)
    else:
        coloured = highlight(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    return "\n".join(f'<span id="line-{number}">{line}</span>' for number, line in enumerate(coloured.split("\n"), 1))


def write(app: Sphinx, trouble: Exception | None) -> None:
    """
    A page for each file that is named anywhere, unless it is there already.
    """
    found = set()
    for document in sorted(Path(app.srcdir).glob("*.rst")):
        for role, name in mentions(document.read_text("utf-8")):
            with suppress(LookupError):  # which its role has reported
                found.add(locate(role, name).path)
    for path in sorted(path for path in found if path.endswith(".py") and trouble is None):
        source, target = ROOT / path, Path(app.outdir, page_of(path) + ".html")
        if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        top = "../" * page_of(path).count("/")
        target.write_text(_PAGE.format(path=path, top=top, title=app.config.html_title, rows=shown(source)), "utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    for role in ROLES:
        app.add_role(role, Named())
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
