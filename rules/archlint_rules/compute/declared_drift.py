"""FLOP007: the model differs from its declared figures."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from archlint.api import Finding, Model, Rule, Severity, format_count, format_flops

_TOLERANCE = 0.02


class DeclaredDrift(Rule):
    """The declared number of parameters or FLOP differs from that of the model."""

    code = "FLOP007"
    name = "declared-drift"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("compute",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the declared figures with the computed ones."""
        declared = model.target.declared
        if declared.parameters is not None:
            count = model.facts.parameters.count
            if _drifts(declared.parameters, count):
                yield self._drift(
                    "parameters", declared.parameters, count, format_count(count) + " parameters"
                )
        if declared.forward_flops is not None:
            one = model.retarget(replace(model.target, batch_size=1))
            flops = one.compute.forward_flops.value
            if flops is not None and _drifts(declared.forward_flops, flops):
                is_macs = not _drifts(2 * declared.forward_flops, flops)
                yield self._drift(
                    "forward-flops",
                    declared.forward_flops,
                    flops,
                    f"{format_flops(flops)} in a forward pass of one sample",
                    "write MAC: one multiply-accumulate is two FLOP" if is_macs else "",
                )

    def _drift(self, key: str, stated: int, found: int, written: str, remedy: str = "") -> Finding:
        write = format_flops if key == "forward-flops" else format_count
        return self.finding(
            f"the model has {written}, declared.{key} is {write(stated)}",
            path=("target", "declared", key),
            data={"declared": stated, "found": found},
            help=remedy or "correct the figure, or what changed in the model",
        )


def _drifts(stated: int, found: int) -> bool:
    return abs(stated - found) > _TOLERANCE * found
