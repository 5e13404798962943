"""
The table on a terminal: it changes while the measurement goes on, and its last state is the summary.
"""

from __future__ import annotations

from typing import Any, Final

from rich.table import Table

from txmqtt.cli.bench.figures import Figures
from txmqtt.cli.bench.plan import Plan

_TITLES: Final = {
    "pub": "{clients} publishing",
    "sub": "{clients} subscribed to {topic}",
    "pair": "{clients} publishing, each to one of {clients}",
    "fan-out": "{publishers} publishing, each to {clients}",
    "connect": "{clients} connecting again and again",
}

#: What is counted is called by what it means, which is something else where connections are made.
_ROWS: Final = {
    "pub": (("sent", "sent"), ("acknowledged", "acknowledged")),
    "sub": (("received", "received"),),
    "pair": (("sent", "sent"), ("acknowledged", "acknowledged"), ("received", "received")),
    "fan-out": (("sent", "sent"), ("acknowledged", "acknowledged"), ("received", "received")),
    "connect": (("sent", "tried"), ("acknowledged", "connected")),
}


def title(plan: Plan) -> str:
    """
    What is measured, in words.
    """
    words = _TITLES[plan.kind].format(clients=plan.clients, topic=plan.topic, publishers=plan.publishers)
    return words if plan.kind == "connect" else f"{words}, QoS {plan.qos}, {plan.size} bytes"


def table(plan: Plan, figures: Figures, over: bool) -> Table:
    """
    How it stands.

    @param over: rates are those of the whole run, not of late.
    """
    shown = Table(title=title(plan), title_justify="left", caption=_caption(figures), caption_justify="left")
    shown.add_column("")
    shown.add_column("total", justify="right")
    shown.add_column("per second", justify="right")
    elapsed = figures.elapsed
    for name, word in _ROWS[plan.kind]:
        if name == "acknowledged" and not plan.qos and plan.kind != "connect":
            continue
        rate = (figures.sums[name] / elapsed if elapsed else 0.0) if over else figures.rate(name)
        shown.add_row(word, f"{figures.sums[name]:,}", f"{rate:,.0f}")
    if over and plan.copies and figures.missing():
        shown.add_row("missing", f"{figures.missing():,}", "")
    if figures.sums["failed"]:
        shown.add_row("failed", f"{figures.sums['failed']:,}", "")
    if figures.latencies.count:
        shown.add_section()
        for name, value in figures.latency().items():
            shown.add_row(f"latency {name}", f"{value:,.3f} ms", "")
    return shown


def _caption(figures: Figures) -> str:
    words = f"{figures.elapsed:.1f} s"
    if figures.cpu:
        words += f", of which our clients' processors worked {figures.cpu:.1f} s"
    return words


class Screen:
    """
    Where the table stands: on standard error if it is a terminal, and nowhere else.
    """

    def __init__(self, plan: Plan, figures: Figures) -> None:
        from rich.console import Console
        from rich.live import Live

        self._plan = plan
        self._figures = figures
        console = Console(stderr=True)
        self._live: Any = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        if self._live is not None:
            self._live.start()

    def show(self) -> None:
        """
        How it stands now.
        """
        if self._live is not None:
            self._live.update(table(self._plan, self._figures, over=False), refresh=True)

    def close(self) -> None:
        """
        Give the terminal back.
        """
        if self._live is not None:
            self._live.stop()
            self._live = None
