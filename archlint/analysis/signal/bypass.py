"""Tensors with a parallel path, as the residual stream is parallel to residual branches."""

from __future__ import annotations

from heapq import heappop, heappush

from archlint.analysis.structure.flow import Flow
from archlint.graph.node import Node
from archlint.ops.effect import Combines, Operation

_LONGEST_BRANCH = 400  # nodes that are searched for the start and the end of a branch


def is_bypassed(flow: Flow, node: Node) -> bool:
    """Whether all results of `node` are added to a signal that branched off before it.

    Then the network passes a signal on for any scale of that output; with a small one it starts
    like the network without the branch (Zhang et al. 2019, Fixup). A path whose end is not found
    does not count as a branch.
    """
    made, waiting = {node.output}, [flow.places[node.name]]
    seen, streams = set(waiting), list[str]()
    outputs = set(flow.graph.outputs)
    while waiting:
        if made & outputs or len(seen) > _LONGEST_BRANCH:
            return False
        user = flow.graph.nodes[heappop(waiting)]
        stream = _stream(flow, user, made)
        if stream is not None:
            streams.append(stream)
            continue
        for name in filter(None, user.outputs):
            made.add(name)
            for place in (flow.places[each.name] for each in flow.graph.consumers.get(name, ())):
                if place not in seen:
                    seen.add(place)
                    heappush(waiting, place)
    before = _before(flow, node.output)
    return bool(streams) and not any(before.isdisjoint(_before(flow, name)) for name in streams)


def _stream(flow: Flow, node: Node, made: set[str]) -> str | None:
    """Return the other signal to which a node adds a result; None where it does not."""
    effect = flow.effect(node)
    if not isinstance(effect, Combines) or effect.operation is not Operation.ADD:
        return None
    if made.isdisjoint(node.inputs):
        return None
    others = (name for name in node.inputs if name in flow.dependent and name not in made)
    return next(others, None)


def _before(flow: Flow, name: str) -> set[str]:
    """Return the signals that a tensor depends on, including itself, within the search limit."""
    found, pending = {name}, [name]
    while pending and len(found) < _LONGEST_BRANCH:
        maker = flow.graph.producers.get(pending.pop())
        for source in () if maker is None else maker.inputs:
            if source in flow.dependent and source not in found:
                found.add(source)
                pending.append(source)
    return found
