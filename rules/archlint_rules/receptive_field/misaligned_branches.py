"""RF008: merged branches have receptive fields with different centres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.realigning import realigning
from archlint_rules.receptive_field.words import axes as in_words
from archlint_rules.receptive_field.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Join


_BATCH = 0  # the axis along which samples lie: one beside another is no place


class MisalignedBranches(Rule):
    """Two branches are merged although their receptive fields have different centres."""

    code = "RF008"
    name = "misaligned-branches"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report each merge of branches with different centres."""
        apart: dict[tuple[object, ...], list[Join]] = {}
        for join in model.facts.receptive_fields.misaligned:
            if join.input_axis != _BATCH:
                key = (join.tensor, join.offset, join.strides)
                apart.setdefault(key, []).append(join)
        for joins in apart.values():
            yield self._finding(model, joins)

    def _finding(self, model: Model, joins: list[Join]) -> Finding:
        join = joins[0]
        axes = sorted({each.axis for each in joins})
        along = f"along {in_words(axes)}"
        early, late = join.extremes
        shift = join.offset
        if shift is None:
            strides = listed([str(stride) for stride in dict.fromkeys(join.strides)])
            told = f"with strides of {strides} input elements {along}"
        else:
            steps = float(shift / join.step)
            elements = "element" if shift == 1 else "elements"
            told = f"{float(shift):g} input {elements} apart {along} ({steps:.3g} of a step)"
        return self.finding(
            f"{early.tensor} and {late.tensor} meet at {join.node} {told}",
            node=join.node,
            tensor=join.tensor,
            data={
                "offset": None if shift is None else float(shift),
                "strides": [float(stride) for stride in join.strides],
                "paths": [path.tensor for path in join.paths],
                "axes": axes,
            },
            help=realigning(model, join),
            # Many working networks, such as feature pyramids, have an offset of less than a step.
            severity=None if _matters(join, model) else Severity.INFO,
        )


def _matters(join: Join, model: Model) -> bool:
    """Whether the branches are a whole step apart, somewhere on the map."""
    if join.offset is not None:
        return join.offset >= join.step
    shape = model.graph.values[join.tensor].shape or ()
    length = shape[join.axis] if join.axis < len(shape) else None
    drift = (max(join.strides) - min(join.strides)) * (length if isinstance(length, int) else 100)
    return drift >= join.step
