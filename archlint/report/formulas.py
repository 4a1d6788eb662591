"""The formulas of a model with open dimensions, in `archlint-facts/1`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from archlint.analysis.amount import Amount, Unknown, merged
from archlint.quantity import format_bytes, format_count, format_flops, format_macs

if TYPE_CHECKING:
    from collections.abc import Callable

    from archlint.analysis.facts import Facts
    from archlint.analysis.formulas.formula import Formula
    from archlint.analysis.formulas.polynomial import Polynomial
    from archlint.model import Model

    Measure = Callable[[Facts], Amount]
    Write = Callable[[float], str]


def formulas_document(model: Model) -> dict[str, Any] | None:
    """Return the formulas, each under the path of its total; None where nothing is open.

    `unknown` lists the parts that stay unknown when all dimensions have a size.
    """
    if not model.open_dims:
        return None
    unknown: list[Unknown] = []

    def formula(measure: Measure, write: Write) -> dict[str, Any]:
        found = model.formulas.of(measure)
        unknown.extend(found.unknown)
        return _formula(found, write)

    totals = {"compute": _compute(formula), "memory": _memory(formula)}
    return {
        "symbols": [
            {
                "name": dim.name,
                "flags": list(dim.flags),
                "axes": [{"input": name, "axis": axis} for name, axis in dim.axes],
            }
            for dim in model.open_dims
        ],
        "condition": model.formulas.of(_forward_macs).condition or None,
        "ranges": model.formulas.of(_forward_macs).ranges or None,
        **totals,
        "nodes": _nodes(model),
        "unknown": [asdict(part) for part in merged(unknown)],
    }


def _compute(formula: Callable[[Measure, Write], dict[str, Any]]) -> dict[str, Any]:
    return {
        "forward_macs": formula(_forward_macs, format_macs),
        "forward_flops": formula(lambda facts: facts.compute.forward_flops, format_flops),
        "training_forward_flops": formula(
            lambda facts: facts.training_compute.forward_flops, format_flops
        ),
        "backward_flops": formula(
            lambda facts: facts.training_compute.backward_flops, format_flops
        ),
        "training_flops": formula(
            lambda facts: facts.training_compute.training_flops, format_flops
        ),
        "step_flops": formula(lambda facts: facts.training_compute.step_flops, format_flops),
        "elementwise_flops": formula(lambda facts: facts.compute.elementwise_flops, format_flops),
    }


def _memory(formula: Callable[[Measure, Write], dict[str, Any]]) -> dict[str, Any]:
    return {
        "inference_activation_peak_bytes": formula(
            lambda facts: facts.inference_memory.peak, format_bytes
        ),
        "inference_peak_bytes": formula(_inference_peak, format_bytes),
        "training": {
            "saved_activation_bytes": formula(lambda facts: facts.saved.total, format_bytes),
            "peak_bytes": formula(lambda facts: facts.training_memory.peak, format_bytes),
        },
    }


def _forward_macs(facts: Facts) -> Amount:
    return facts.compute.forward_macs


def _inference_peak(facts: Facts) -> Amount:
    weights = facts.parameters.nbytes + facts.parameters.buffer_bytes
    return facts.inference_memory.peak.plus(weights)


def _nodes(model: Model) -> list[dict[str, Any]]:
    """Return the formulas of each node's work and saved bytes that depend on open dimensions."""
    nodes: list[dict[str, Any]] = []
    document = cache(_formula)  # alike layers have one formula
    if model.formulas.of(_forward_macs).low is None:
        return nodes
    for node in model.graph.nodes:
        formulas = {}
        if not model.facts.compute.of_node[node.name].macs.complete:
            formulas["macs"] = document(model.formulas.of(_macs_of(node.name)), format_count)
        if not model.facts.saved.bytes_of(node.name).complete:
            formulas["saved_bytes"] = document(
                model.formulas.of(_saved_of(node.name)), format_bytes
            )
        if formulas:
            nodes.append({"name": node.name, **formulas})
    return nodes


def _macs_of(node: str) -> Measure:
    def measure(facts: Facts) -> Amount:
        measured = facts.compute.of_node.get(node)
        if measured is None:
            return Amount(unknown=(Unknown(node, "", "it is not known"),))
        return measured.macs

    return measure


def _saved_of(node: str) -> Measure:
    return lambda facts: facts.saved.bytes_of(node)


def _formula(formula: Formula, write: Write) -> dict[str, Any]:
    domain = dict(zip(formula.symbols, formula.domain, strict=False))
    return {
        "text": formula.written(write) or None,
        "low": _terms(formula.low, formula.symbols),
        "high": _terms(formula.high, formula.symbols),
        "smallest": {symbol: sizes.smallest for symbol, sizes in domain.items()},
        "largest": {symbol: sizes.largest for symbol, sizes in domain.items()},
        "multiple_of": {symbol: sizes.step for symbol, sizes in domain.items()},
        "below": None if formula.below is None else _formula(formula.below, write),
        "complete": formula.low is not None and not formula.unknown,
        "reason": formula.reason or None,
    }


def _terms(polynomial: Polynomial | None, symbols: tuple[str, ...]) -> list[dict[str, Any]] | None:
    """Return the terms: a coefficient, "p/q" where it is a fraction, and nonzero exponents."""
    if polynomial is None:
        return None
    return [
        {
            "coefficient": int(coefficient) if coefficient.denominator == 1 else str(coefficient),
            "powers": {
                symbol: power for symbol, power in zip(symbols, powers, strict=True) if power
            },
        }
        for powers, coefficient in polynomial.terms.items()
    ]
