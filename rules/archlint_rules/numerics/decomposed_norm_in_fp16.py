"""NUM004: normalizations that square their input in fp16."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Denominator, Finding, Model, Node, Rule, Severity
from archlint_rules.numerics.half_precision import runs_in_half

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT = 255.9  # of what is squared: 65504 is the largest number


class DecomposedNormInFp16(Rule):
    """A normalization that is written out takes squares in fp16, which overflow early."""

    code = "NUM004"
    name = "decomposed-norm-in-fp16"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("numerics", "precision")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report normalizations whose squares are tensors in fp16."""
        found = [
            (each, each.square)
            for part in model.parts
            for each in part.facts.denominators
            if each.is_mean
            and each.square is not None
            and each.square.inputs[0] not in part.facts.flow.stored
            and runs_in_half(part, each.square.output)
        ]
        if found:
            yield self._overflows(found)

    def _overflows(self, found: list[tuple[Denominator, Node]]) -> Finding:
        _, square = found[0]
        others = len(found) - 1
        more = f", as {others} more normalization{'s do' if others > 1 else ' does'}"
        return self.finding(
            f"{square.name} squares in fp16 for a normalization{more * bool(others)}: a number "
            f"beyond {_LIMIT} becomes infinite, and what is divided by that 0",
            node=square,
            data={"squares": [node.name for _, node in found], "limit": _LIMIT},
            help="keep the normalization in fp32, or export it as one operator (opset 17 has "
            "LayerNormalization, 23 has RMSNormalization), which runtimes compute in fp32",
        )
