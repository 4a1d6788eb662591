"""ARCH007: a shape that the file declares and that the operators contradict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator


class ShapeMismatch(Rule):
    """The file declares a shape that does not follow from its operators."""

    code = "ARCH007"
    name = "shape-mismatch"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report every tensor whose declared shape is not the inferred one."""
        for conflict in model.graph.conflicts:
            declared, inferred = _written(conflict.declared), _written(conflict.inferred)
            yield self.finding(
                f"{conflict.tensor} is declared as {declared}, but its operators make {inferred}",
                node=model.graph.producers.get(conflict.tensor),
                tensor=conflict.tensor,
                data={"declared": list(conflict.declared), "inferred": list(conflict.inferred)},
                help="export the model again, or run shape inference on it; every figure here "
                "goes by the operators",
            )


def _written(shape: tuple[int | str | None, ...]) -> str:
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in shape) + "]"
