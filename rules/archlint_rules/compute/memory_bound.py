"""FLOP003: operators that wait for memory."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_seconds, format_share

_LARGE_PART = 0.5
_SHOWN = 3
_SHORT = 1e-3  # seconds; in a shorter step, kernel launches dominate


class MemoryBound(Rule):
    """Operators wait for memory during most of a step."""

    code = "FLOP003"
    name = "memory-bound"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("compute",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Add up the operators below the ridge of the device's roofline."""
        if model.target.device is None:
            return
        time = model.facts.step_time
        if not time.nanoseconds.complete:
            return
        if time.memory_bound_share <= _LARGE_PART or time.seconds < _SHORT:
            return
        totals: dict[str, float] = {}
        for each in time.operators:
            if each.memory_bound:
                totals[each.work.op] = totals.get(each.work.op, 0.0) + each.seconds
        worst = sorted(totals.items(), key=lambda item: -item[1])
        shares = ", ".join(
            f"{op} {format_share(spent / time.seconds)}" for op, spent in worst[:_SHOWN]
        )
        step = "training step" if model.target.training.optimizer else "forward pass"
        yield self.finding(
            f"operators wait for memory in {format_share(time.memory_bound_share)} of the roughly "
            f"{format_seconds(time.seconds)} of a {step} on {model.target.device.name}: {shares}",
            path=("target", "device"),
            data={
                "memory_bound_share": time.memory_bound_share,
                "seconds": time.seconds,
                "seconds_by_operator": dict(worst),
            },
            help="fuse pointwise operators (a compiler does), use numbers of 16 bits, or a larger "
            "batch where it is the weights that are read",
        )
