"""The signal at initialization, as a part of the facts document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.analysis.facts import Facts


_FACTORS = (10.0, 100.0)  # factors from which drift is reported as visible, and as harmful


def signal_document(facts: Facts) -> dict[str, Any]:
    """Return the second moment of every tensor at initialization, with its band.

    Float inputs are standard normal; `gradient` is the second moment of the gradient where each
    output has one of 1. `correlation` is the cosine of two inputs, 1 where they are forgotten.
    `scale` is the root mean square over that of where the tensor's stretch starts: an input, a
    table, a normalization. `drift` names the first activations whose scale is surely out of bounds.
    """
    return {
        "fresh": facts.initialization.freshness.is_fresh,
        "tensors": list(_tensors(facts)),
        "drift": _drift(facts),
        "unknown": [
            {"node": name, "reason": reason}
            for name, reason in facts.propagation.reasons.items()
            if facts.flow.graph.by_name[name].output in facts.propagation.carriers
        ],
    }


def _tensors(facts: Facts) -> Iterator[dict[str, Any]]:
    """Yield the signal of each tensor that varies, in the order of the graph."""
    signals, gradients = facts.propagation.signals, facts.gradient_signal.second_moments
    for node in facts.flow.graph.nodes:
        signal = signals.get(node.output)
        if signal is None or node.output not in facts.propagation.carriers:
            continue
        low, high = signal.band
        yield {
            "node": node.name,
            "tensor": node.output,
            "second_moment": signal.second_moment,
            "band": [low, high],
            "scale": facts.segments.scale(node.output),
            "correlation": signal.correlation,
            "gradient": gradients.get(node.output),
        }


def _drift(facts: Facts) -> list[dict[str, Any]]:
    found = []
    for factor in _FACTORS:
        first = next(facts.segments.drifting(factor), None)
        if first is not None:
            found.append({"factor": factor, "node": first.node.name, "scale": first.ratio})
    return found
