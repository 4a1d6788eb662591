"""ARCH007: shapes that do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator


class ShapeMismatch(Rule):
    """A call, or a declared shape, does not go together with the sizes around it."""

    code = "ARCH007"
    name = "shape-mismatch"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report calls that cannot run, and declared shapes that are not the inferred ones."""
        for misfit in model.facts.misfits.all:
            yield self.finding(
                f"{misfit.node.op} {misfit.node.name} contradicts its operator: {misfit.reason}",
                node=misfit.node,
                tensor=misfit.node.output or None,
                data={"reason": misfit.reason},
                severity=Severity.WARNING if misfit.by_onnx else Severity.ERROR,
                help="export the model again, or mend the layer before it",
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


def _written(shape: tuple[int | str | None, ...]) -> str:
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in shape) + "]"
