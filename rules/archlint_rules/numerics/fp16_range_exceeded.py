"""NUM002: numbers that are infinite in fp16."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.api import Ending, Fate, Finding, Model, Node, Passes, Rule, Severity
from archlint_rules.numerics.half_precision import OVERFLOWS, becomes_half, is_half, is_wider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import NumberRange

_WORDS = {
    Fate.SPOILS: "and {node} computes with it: the result is infinite, 0 or NaN",
    Fate.MASKS: "and a row of scores that is masked completely is NaN behind {node}",
    Fate.UNKNOWN: "and so may be what is computed from it",
}
_HELP = {
    Fate.SPOILS: "use -1e4 or a number of that order in masks, scale weights down, or keep this "
    "part in fp32",
    Fate.MASKS: "use -1e4, or see to it that no row is masked completely",
    Fate.UNKNOWN: "keep this part in fp32",
}


class Fp16RangeExceeded(Rule):
    """A stored number is beyond the range of fp16, in which the network runs."""

    code = "NUM002"
    name = "fp16-range-exceeded"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("numerics", "precision")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report what overflows in fp16, by what that does to the network."""
        found: dict[tuple[Fate, Severity], list[_Overflow]] = {}
        for part in model.parts:
            for each in _overflows(part):
                found.setdefault((each.ending.fate, each.severity), []).append(each)
        for (fate, severity), group in sorted(found.items(), reverse=True):
            yield self._exceeded(fate, severity, group)

    def _exceeded(self, fate: Fate, severity: Severity, group: list[_Overflow]) -> Finding:
        first, others = group[0], len(group) - 1
        node = first.ending.node
        then = _WORDS[fate].format(node=node.name if node else "")
        more = f"; {others} more tensor{'s are' if others > 1 else ' is'} beyond it" * bool(others)
        return self.finding(
            f"{first.told}, {then}{more}",
            node=node or first.maker,
            tensor=first.tensor,
            data={
                "tensors": [each.tensor for each in group],
                "number": first.number if math.isfinite(first.number) else str(first.number),
            },
            help=_HELP[fate],
            severity=severity,
        )


class _Overflow(Struct, frozen=True):
    """A tensor that fp16 cannot hold; where the file has it in fp16, `number` is what is left."""

    tensor: str
    number: float
    in_file: bool
    ending: Ending
    maker: Node | None

    @property
    def told(self) -> str:
        """The number and what fp16 makes of it."""
        if self.in_file:
            return f"{self.tensor} holds {self.number:g} in fp16"
        becomes = "infinity" if self.number > 0 else "-infinity"
        return f"{self.tensor} holds {self.number:.4g}, in fp16 {becomes}"

    @property
    def severity(self) -> Severity:
        """An error where the file has it so, a warning where the target asks for fp16."""
        if self.ending.fate is not Fate.SPOILS:
            return Severity.INFO
        return Severity.ERROR if self.in_file else Severity.WARNING


def _overflows(model: Model) -> Iterator[_Overflow]:
    """Yield what overflows: at the target in a wider file, or long ago in a file in fp16."""
    graph, declared = model.graph, becomes_half(model)
    captured = frozenset(graph.captures)
    for name in graph.values:
        if name in captured:  # it is of the graph around, and looked at there
            continue
        in_file = is_half(model, name)
        if not (in_file or (declared and is_wider(model, name))):
            continue
        if in_file and name in model.facts.parameters.trainable:
            continue  # NUM001 judges what a parameter holds
        beyond = _lost(model, name) if in_file else _overflowing(model, name)
        maker = graph.producers.get(name)
        found = [
            _Overflow(name, each, in_file, _ending(model, name, each), maker) for each in beyond
        ]
        worst = max(found, key=lambda each: each.ending.fate, default=None)
        if worst is not None and worst.ending.fate > (Fate.MASKS if in_file else Fate.BOUNDS):
            yield worst


def _beyond(numbers: NumberRange) -> tuple[float, ...]:
    return tuple(each for each in (numbers.lowest, numbers.highest) if abs(each) >= OVERFLOWS)


def _overflowing(model: Model, name: str) -> tuple[float, ...]:
    """Return the numbers of a tensor in a wider format that fp16 cannot hold."""
    numbers = model.facts.stated_numbers.of(name)
    return () if numbers is None else _beyond(numbers)


def _ending(model: Model, name: str, number: float) -> Ending:
    ending = model.facts.infinities.of(name, positive=number > 0)
    if math.isnan(number) and ending.fate is not Fate.BOUNDS:
        return Ending(Fate.SPOILS, ending.node)
    return ending


def _lost(model: Model, name: str) -> tuple[float, ...]:
    """Return the numbers of a tensor in fp16 that are not finite, or that a cast made so."""
    numbers = model.facts.stated_numbers.of(name)
    if numbers is not None:
        return numbers.nonfinite
    maker = model.graph.producers.get(name)
    effect = None if maker is None else model.facts.flow.effect(maker)
    if maker is None or not isinstance(effect, Passes):
        return ()
    source = maker.inputs[effect.slot]
    before = model.facts.stated_numbers.of(source) if is_wider(model, source) else None
    if before is None:
        return ()
    return (*before.nonfinite, *(math.copysign(math.inf, each) for each in _beyond(before)))
