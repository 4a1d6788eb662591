"""NUM001: weights that hold NaN or infinity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archlint.api import Statistics


class NonfiniteWeights(Rule):
    """A weight holds NaN or infinity, so that every output that depends on it does."""

    code = "NUM001"
    name = "nonfinite-weights"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("numerics",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the stored parameters and running statistics that are not all finite."""
        weights = (part.facts.nonfinite_weights.items() for part in model.parts)
        found = {name: numbers for each in weights for name, numbers in each}
        if found:
            yield self._nonfinite(found)

    def _nonfinite(self, weights: Mapping[str, Statistics]) -> Finding:
        name, found = next(iter(weights.items()))
        counts = ((found.nans, "NaN"), (found.infinities, "infinite"))
        words = " and ".join(f"{count:,} {word}" for count, word in counts if count)
        read = "" if found.exact else f"the {found.sampled:,} read of "
        others = len(weights) - 1
        are = "tensors are" if others > 1 else "tensor is"
        more = f"; {others} more {are} not finite" if others else ""
        return self.finding(
            f"{name} has {words} among {read}its {found.count:,} numbers{more}",
            tensor=name,
            data={
                "nan": found.nans,
                "infinite": found.infinities,
                "read": found.sampled,
                "weights": list(weights),
            },
            help="the training has diverged, a conversion to fewer bits has overflowed, or a batch "
            "norm with a negative variance was folded in: go back to a checkpoint that is finite",
        )
