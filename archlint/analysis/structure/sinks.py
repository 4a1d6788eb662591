"""Where each signal ends: a walk against the direction of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from archlint.analysis.structure.ends import Kind, Sink
from archlint.graph.node import Node
from archlint.ops.denominators import denominators
from archlint.ops.effect import (
    Activates,
    Attends,
    Combines,
    Effect,
    Holds,
    MeasuresLoss,
    Normalizes,
    Operation,
    Passes,
    Recurs,
    Shares,
    Sums,
)

if TYPE_CHECKING:
    from archlint.analysis.structure.flow import Flow
    from archlint.graph.graph import Graph

_NOWHERE = Sink(frozenset())
_SUMMING = (Sums, Recurs, Attends)


def sinks(flow: Flow) -> dict[str, Sink]:
    """Return what each tensor ends in."""
    found = dict.fromkeys(filter(None, flow.graph.outputs), _ends_as(Kind.OUTPUT))
    lengths = _lengths(flow.graph)
    for node in reversed(flow.nodes):
        effect = flow.effect(node)
        only = effect.slot if isinstance(effect, Passes) else None  # others lend a type or size
        if not flow.operators.reads_contents(node):
            continue
        for slot, name in enumerate(node.inputs):
            if name and only in {None, slot}:
                ahead = (
                    _ends_as(Kind.NORMALIZATION)
                    if (node.name, slot) in lengths
                    else _ahead(flow, node, slot, found)
                )
                here = found.get(name)
                found[name] = ahead if here is None else _either(here, ahead)
    return found


def _ahead(flow: Flow, node: Node, slot: int, after: Mapping[str, Sink]) -> Sink:
    """Return what the input of a node in `slot` ends in; `after` has that of its outputs."""
    effect = flow.effect(node)
    end = _end(effect)
    if end is not None:
        return _ends_as(end)
    if isinstance(effect, (Activates, Shares)):
        return _activated(effect, after.get(node.output, _NOWHERE))
    if isinstance(effect, _SUMMING):
        return _summed(flow, node, slot, after.get(node.output, _NOWHERE))
    onward = _NOWHERE
    for name in node.outputs:
        if name in after:
            onward = _either(onward, after[name])
    if isinstance(effect, Combines) and effect.operation is Operation.ADD:
        joins = onward.joins or flow.offset(node) != 1 - slot
        return onward if joins is onward.joins else Sink(onward.kinds, joins)
    if effect is not None and not isinstance(effect, (Combines, Holds)):
        return onward
    is_scaled = isinstance(effect, Combines) and flow.is_scaled(node, slot)
    return onward if is_scaled else _ends_as(Kind.OTHER)


def _end(effect: Effect | None) -> Kind | None:
    """Return what a signal ends in at a node with this effect, None where it goes on."""
    if isinstance(effect, Normalizes) and effect.resets_scale:
        return Kind.NORMALIZATION
    if isinstance(effect, MeasuresLoss):  # the output of the model is what the loss is given
        return Kind.OUTPUT
    return None


def _summed(flow: Flow, node: Node, slot: int, own: Sink) -> Sink:
    """Return what a factor of a product ends in; the product itself ends in `own`.

    A product with a weight passes on the scale of its input. So does one of queries and keys, which
    a softmax makes into shares: small scores are no loss of signal.
    """
    effect = flow.effect(node)
    if isinstance(effect, Attends):
        return _ends_as(Kind.GATE if slot in {effect.query, effect.key} else Kind.SUM)
    scaled = own.is_normalized and flow.is_scaled(node, slot)
    passes = isinstance(effect, Sums) and (own.opens_gate or scaled)
    return own if passes else _ends_as(Kind.SUM)


def _activated(effect: Activates | Shares, own: Sink) -> Sink:
    """Return what the input of an elementwise function ends in; its output ends in `own`."""
    if own.is_final and _is_bounded(effect):
        return own  # what makes probabilities or pixels of outputs belongs to the last layer
    is_gate = isinstance(effect, Shares) or effect.is_gate
    return _ends_as(Kind.GATE if is_gate else Kind.ACTIVATION)


def _is_bounded(effect: Activates | Shares) -> bool:
    """Whether what comes out is between -1 and 1, whatever goes in."""
    import numpy as np

    if isinstance(effect, Shares):
        return True
    with np.errstate(all="ignore"):
        ends = effect.function(np.array([-100.0, 100.0]))
    return bool((abs(ends) <= 1).all())


def _lengths(graph: Graph) -> frozenset[tuple[str, int]]:
    """Return the nodes and slots in which a tensor is divided by its own length, and measured."""
    found: set[tuple[str, int]] = set()
    for each in denominators(graph):
        if each.divides_source:
            measure = each.square or each.reduction
            slots = range(len(measure.inputs))
            found.add((each.node.name, 0))
            found.update(
                (measure.name, slot) for slot in slots if measure.inputs[slot] == each.source
            )
    return frozenset(found)


@cache
def _ends_as(kind: Kind) -> Sink:
    return Sink(frozenset({kind}))


def _either(first: Sink, second: Sink) -> Sink:
    """Return the union of two sinks; usually one contains the other and is returned as it is."""
    joins = first.joins or second.joins
    if first.kinds >= second.kinds and joins is first.joins:
        return first
    if second.kinds >= first.kinds and joins is second.joins:
        return second
    return Sink(first.kinds | second.kinds, joins)
