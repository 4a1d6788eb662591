"""The trip count of loops with a computed condition, such as `while i < n`.

The condition is evaluated iteration by iteration, with only the nodes that it depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from msgspec import Struct
from onnx import AttributeProto, GraphProto, NodeProto

if TYPE_CHECKING:
    from archlint.graph.graph import Graph

Run: TypeAlias = "Callable[[GraphProto, Mapping[str, np.ndarray]], Graph]"
"""Infers a graph for given contents of its inputs."""

_MOST_ROUNDS = 1024
"""Iterations after which evaluation stops, and the trip count stays unknown."""
_STATES = 2  # inputs of a body before its states: the iteration number and the condition


class Condition(Struct, frozen=True):
    """The part of a loop that decides whether it continues.

    The outputs of `body` are the condition and the states that it depends on. Its inputs are the
    iteration number, the condition, and these states; `states` are their indices.
    """

    body: GraphProto
    states: tuple[int, ...]


def condition_of(body: GraphProto) -> Condition | None:
    """Return the part of a loop that its condition depends on.

    None where that includes nested graphs, or a state that the body does not compute.
    """
    if len(body.input) < _STATES:
        return None
    makers = {name: node for node in body.node for name in node.output if name}
    places = {info.name: place for place, info in enumerate(body.input)}
    needed: dict[int, NodeProto] = {}
    states: set[int] = set()
    waiting, seen = [body.output[0].name], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in makers:
            node = makers[name]
            if any(each.type == AttributeProto.GRAPH for each in node.attribute):
                return None
            needed[id(node)] = node
            waiting += filter(None, node.input)
        elif places.get(name, 0) >= _STATES:
            place = places[name] - _STATES
            if place + 1 >= len(body.output):
                return None
            states.add(place)
            waiting.append(body.output[place + 1].name)
    return _pruned(body, needed, tuple(sorted(states)))


def _pruned(
    body: GraphProto, needed: Mapping[int, NodeProto], states: tuple[int, ...]
) -> Condition:
    """Return a body with only the nodes that its condition depends on."""
    pruned = GraphProto(name=body.name)
    pruned.input.extend(body.input[:_STATES])
    pruned.input.extend(body.input[place + _STATES] for place in states)
    pruned.output.append(body.output[0])
    pruned.output.extend(body.output[place + 1] for place in states)
    pruned.node.extend(node for node in body.node if id(node) in needed)
    pruned.initializer.extend(body.initializer)
    return Condition(pruned, states)


def follow(
    condition: Condition,
    states: Sequence[np.ndarray],
    limit: float,
    run: Run,
) -> int | None:
    """Return the trip count of a loop; None where its condition is not statically known.

    `run` infers a body for given contents of its inputs. `limit` is the maximum trip count.
    """
    names = [info.name for info in condition.body.input]
    for number in range(int(min(limit, _MOST_ROUNDS))):
        given = (np.array(number), np.array(True), *states)
        graph = run(condition.body, dict(zip(names, given, strict=True)))
        made = [graph.constants.get(name) for name in graph.outputs]
        known = [each for each in made if each is not None]
        if len(known) < len(made) or known[0].size != 1:
            return None
        if not known[0].reshape(-1)[0]:
            return number + 1
        states = known[1:]
    return int(limit) if limit <= _MOST_ROUNDS else None
