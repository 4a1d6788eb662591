"""ARCH007: incompatible shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node, Value


_SIZES = (
    "make the sizes of its inputs agree: those of the layers before it, of its weights, or of the "
    "dimensions that are bound"
)
_TYPES = (
    "give it inputs of one number format that it takes: with a Cast before it, or by an export for "
    "a later opset, where operators take more formats"
)
_ANOTHER = (
    "write it in parts that ONNX has, as cells with a Linear behind each step; no figure here "
    "includes it"
)


class ShapeMismatch(Rule):
    """The shapes around an operator, or a declared shape, contradict each other."""

    code = "ARCH007"
    name = "shape-mismatch"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report calls that cannot run, and declared shapes that differ from the inferred ones."""
        for misfit in model.facts.misfits.all:
            node = misfit.node
            of_types = not misfit.is_certain and "type" in misfit.reason
            operands = _operands(model, node, with_types=of_types)
            says = f"cannot take {' and '.join(operands)}"
            if misfit.is_another:
                says = "is not what the program calls"
            yield self.finding(
                f"{node.op} {node.name} {says}: {misfit.reason}",
                node=node,
                tensor=node.output or None,
                data={"reason": misfit.reason, "operands": operands},
                severity=None if misfit.is_certain else Severity.WARNING,
                help=_ANOTHER if misfit.is_another else _TYPES if of_types else _SIZES,
            )
        for conflict in model.graph.conflicts:
            declared, inferred = _written(conflict.declared), _written(conflict.inferred)
            yield self.finding(
                f"{conflict.tensor} is declared as {declared}, but its operators make {inferred}",
                node=model.graph.producers.get(conflict.tensor),
                tensor=conflict.tensor,
                data={"declared": list(conflict.declared), "inferred": list(conflict.inferred)},
                # Exporters that do not know a shape write one that means nothing, such as [].
                severity=None
                if len(conflict.declared) == len(conflict.inferred)
                else Severity.INFO,
                help="export the model again, or run shape inference on it; every figure here "
                "goes by the operators",
            )


def _operands(model: Model, node: Node, *, with_types: bool) -> list[str]:
    """Return the shapes of a call's inputs, each with the stored tensor that it comes from."""
    lineage, values = model.facts.parameters.lineage, model.graph.values
    parts = {
        node.inputs[use.slot]: root
        for root, uses in lineage.uses.items()
        for use in uses
        if use.node is node
    }
    stored = {**parts, **lineage.same}
    return [
        _typed(values[name], with_types=with_types)
        + (f" of {stored[name]}" if name in stored else "")
        for name in filter(None, node.inputs)
    ]


def _typed(value: Value, *, with_types: bool) -> str:
    if not with_types:
        return _written(value.shape)
    dtype = str(value.dtype or "unknown")
    return f"{dtype} of unknown shape" if value.shape is None else dtype + _written(value.shape)


def _written(shape: tuple[int | str | None, ...] | None) -> str:
    if shape is None:
        return "an unknown shape"
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in shape) + "]"
