"""What facets answer, worked out once for all calls that are alike: networks repeat their layers.

A facet mostly looks at its own call and no further. It is asked first with a call that has no
surroundings; what it answers then holds for every call with the same operator, attributes, shapes,
types, roles and known contents. A facet that looks around for what made its inputs or uses its
output gets to see the graph, and is asked for each call anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from archlint.ops.call import Call
from archlint.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.graph.value import Value

_Answer = TypeVar("_Answer")


class _LooksAround(Exception):  # noqa: N818 - a signal to show the graph
    """Raised when a facet asks for more than its own call."""


class _Alone:
    """Of a graph, what a call knows of its own tensors; anything else is looking around."""

    __slots__ = ("constants", "opset", "values")

    def __init__(self, graph: Graph) -> None:
        self.values: Mapping[str, Value] = graph.values
        self.constants: Mapping[str, np.ndarray] = graph.constants
        self.opset = graph.opset

    def __getattr__(self, _: str) -> NoReturn:
        raise _LooksAround


_AROUND = object()


@record(eq=False)
class Answers:
    """The answers of the facets of a model's operators.

    An exception is not kept: its text names the tensors of one call.
    """

    _known: dict[Hashable, Any] = field(default_factory=dict)

    def of(self, facet: Callable[[Call], _Answer], node: Node, graph: Graph) -> _Answer:
        """Return what `facet` answers for a node of `graph`; raises what it raises.

        The facet is a function that stays the same object from call to call.
        """
        if node.domain:  # onnxruntime's operators and the framework's stand for several others
            return facet(Call(node, graph))
        key = (facet, *likeness(node, graph))
        try:
            found = self._known.get(key, self)
        except TypeError:  # an attribute that is a tensor or a graph
            return facet(Call(node, graph))
        if found is self:
            try:
                found = facet(Call(node, cast("Graph", _Alone(graph))))
            except _LooksAround:
                found = _AROUND
            self._known[key] = found
        return facet(Call(node, graph)) if found is _AROUND else cast("_Answer", found)


def likeness(node: Node, graph: Graph) -> list[Hashable]:
    """Return all that a call knows when it does not look around, but for the names of tensors."""
    values, constants = graph.values, graph.constants
    seen: list[Hashable] = [node.op, graph.opset, *node.attributes.items(), None]
    for name in node.inputs:
        if not name:
            seen.append(None)
            continue
        value = values[name]
        seen += (value.dtype, value.shape, value.role)
        contents = constants.get(name)
        if contents is not None:
            seen += (contents.dtype.str, contents.shape, contents.tobytes())
    seen.append(None)
    for name in node.outputs:
        if name:
            value = values[name]
            seen += (value.dtype, value.shape, value.role)
        else:
            seen.append(None)
    return seen
