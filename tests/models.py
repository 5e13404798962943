"""
How long the models run: in the suite a moment, with the same steps each time; as long as C{TXMQTT_EXAMPLES} says when
somebody wants to find something.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

#: How many lives each model leads; without it, as many as the suite has time for.
EXAMPLES = int(os.environ.get("TXMQTT_EXAMPLES", "0"))

_SEARCH = (Phase.explicit, Phase.reuse, Phase.generate)


def model_settings(examples: int, steps: int, shrink: bool = True) -> settings:
    """
    For a model whose C{examples} lives of up to C{steps} steps take about two seconds.

    @param shrink: make the steps that failed fewer before they are shown. What touches a disk takes minutes for that.
    """
    return settings(
        max_examples=EXAMPLES or examples,
        stateful_step_count=2 * steps if EXAMPLES else steps,
        deadline=None,
        derandomize=not EXAMPLES,
        database=None,
        print_blob=True,
        phases=(*_SEARCH, Phase.shrink) if shrink else _SEARCH,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large),
    )
