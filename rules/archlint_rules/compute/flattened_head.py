"""FLOP005: dense layers behind a flattened map hold nearly all parameters."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archlint.api import Finding, Model, Node, Rule, Severity, format_count

_LARGE_PART = 0.8
_MAP_AXES = 3  # batch, channels, and at least one of space
_FLATTENING = frozenset({"Flatten", "Reshape"})


class FullyConnectedExplosion(Rule):
    """Dense layers behind a flattened feature map hold nearly all parameters."""

    code = "FLOP005"
    name = "fully-connected-explosion"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("compute",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Find the flattening behind a convolution, and what the layers behind it hold."""
        nodes = model.graph.nodes
        flattenings = [index for index, node in enumerate(nodes) if _flattened(model, node)]
        if not flattenings:
            return
        kernels = (index for index, node in enumerate(nodes) if _has_kernel(model, node))
        first = next(kernels, len(nodes))
        for index in flattenings:
            flattened = _flattened(model, nodes[index])
            if index >= first and flattened:
                yield from self._judge(model, nodes[index], flattened, nodes[index + 1 :])
                return

    def _judge(
        self, model: Model, node: Node, flattened: tuple[int, ...], behind: tuple[Node, ...]
    ) -> Iterator[Finding]:
        parameters = model.facts.parameters
        held = sum(parameters.of_node.get(each.name, 0) for each in behind)
        if held > _LARGE_PART * parameters.count:
            yield self.finding(
                f"the layers behind the flattening of {' x '.join(map(str, flattened))} hold "
                f"{format_count(held)} of {format_count(parameters.count)} parameters "
                f"({held / parameters.count:.0%})",
                node=node,
                data={"parameters": held, "all_parameters": parameters.count},
                help="average over the positions before the first dense layer, as networks since "
                "2014 do",
            )


def _has_kernel(model: Model, node: Node) -> bool:
    """Whether a node is a convolution: it brings in a weight with axes of space."""
    if not model.facts.parameters.of_node.get(node.name):
        return False
    shapes = [model.graph.values[name].shape for name in node.inputs[1:] if name]
    return any(shape is not None and len(shape) > _MAP_AXES - 1 for shape in shapes)


def _flattened(model: Model, node: Node) -> tuple[int, ...] | None:
    """Return the map (without its batch) that a node makes a vector of, None of other nodes."""
    if node.op not in _FLATTENING or not node.inputs:
        return None
    # The batch may be open: only what is flattened has to be known.
    before = model.graph.values[node.inputs[0]].shape
    after = model.graph.values[node.output].shape
    if before is None or after is None or len(before) < _MAP_AXES or len(after) != 2:
        return None
    sizes = tuple(size for size in before[1:] if isinstance(size, int))
    whole = len(sizes) == len(before) - 1 and after[1] == prod(sizes)
    return sizes if whole and prod(sizes[1:]) > 1 else None
