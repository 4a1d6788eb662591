"""INIT012: two fresh weights hold the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEAST = 16  # numbers: fewer may agree by chance


class DuplicateTensors(Rule):
    """Two freshly initialized weights of the same shape hold the same random numbers."""

    code = "INIT012"
    name = "duplicate-tensors"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report groups of stored weights that agree in every statistic of their numbers."""
        initialization = model.facts.initialization
        if len(initialization.layers) < 2 or not initialization.freshness.is_fresh:
            return
        groups: dict[tuple[object, ...], list[str]] = {}
        for layer in initialization.layers:
            value = model.graph.values[layer.weight]
            found = initialization.stored(layer.weight)
            if found is None or found.is_constant or (value.elements or 0) < _LEAST:
                continue
            print_ = (value.shape, found.mean, found.std, found.kurtosis, found.largest)
            same = groups.setdefault(print_, [])
            if layer.weight not in same:
                same.append(layer.weight)
        copied = [names for names in groups.values() if len(names) > 1]
        if copied:
            yield self._same(model, copied)

    def _same(self, model: Model, groups: list[list[str]]) -> Finding:
        names = groups[0]
        others = sum(len(each) - 1 for each in groups) - 1
        more = f", and so do {others} other pairs" if others else ""
        return self.finding(
            f"{names[0]} and {names[1]} hold the same random numbers{more}",
            node=model.graph.consumers[names[1]][0],
            tensor=names[1],
            data={"weights": groups},
            help="initialize each weight separately: copying a layer after its initialization, or "
            "resetting the seed, makes them start equal",
        )
