"""The numbers that a file states for its tensors: weights, constants, and what fills tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from archlint.analysis.structure.flow import Flow
from archlint.graph.graph import Graph
from archlint.graph.value import Role
from archlint.ops.effect import Holds
from archlint.sources.tensor_numbers import TensorNumbers


class NumberRange(Struct, frozen=True):
    """The smallest and the largest finite number of a tensor, and which others it holds.

    Without a finite number the range is that of zero.
    """

    lowest: float
    highest: float
    nonfinite: tuple[float, ...] = ()


class StatedNumbers(Struct, frozen=True):
    """The ranges of the tensors of one graph; large ones are sampled."""

    graph: Graph
    flow: Flow
    numbers: TensorNumbers

    def of(self, name: str) -> NumberRange | None:
        """Return the range of a tensor; None where its numbers are computed, or not known."""
        contents = self.graph.constants.get(name)
        if contents is not None:
            return _range_of(contents.reshape(-1).tolist())
        if self.graph.values[name].role is Role.STORED:
            return self._stored(name)
        maker = self.graph.producers.get(name)
        effect = None if maker is None else self.flow.effect(maker)
        return _range_of([effect.value]) if isinstance(effect, Holds) else None

    def _stored(self, name: str) -> NumberRange | None:
        found = self.numbers.describe(name)
        if found is None:
            return None
        negative = found.infinities - found.positive_infinities
        counts = ((found.nans, math.nan), (found.positive_infinities, math.inf))
        nonfinite = [each for count, each in (*counts, (negative, -math.inf)) if count]
        return NumberRange(found.minimum or 0.0, found.maximum or 0.0, tuple(nonfinite))


def _range_of(numbers: Sequence[float]) -> NumberRange:
    finite = [each for each in numbers if math.isfinite(each)]
    nonfinite = dict.fromkeys(str(each) for each in numbers if not math.isfinite(each))
    return NumberRange(
        min(finite, default=0.0), max(finite, default=0.0), tuple(map(float, nonfinite))
    )
