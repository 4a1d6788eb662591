"""MEM006: activations that checkpointing would not save."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from archlint.api import Checkpointing, Finding, Model, Rule, Severity, format_bytes, format_share
from archlint_rules.budget.budget import Budget
from archlint_rules.budget.budgets import training_memory

_LARGE_PART = 0.5  # of the peak, and of the available memory


class CheckpointingAdvice(Rule):
    """Activations saved for the backward pass take most of a memory that is nearly full."""

    code = "MEM006"
    name = "checkpointing-advice"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("memory",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the saved activations with the peak, and the peak with the tightest limit."""
        limits = [budget for budget in training_memory(model.target) if budget.missing is None]
        if not limits:
            return
        tightest = min(limits, key=lambda budget: budget.limit)
        peak, saved = tightest.measure(model.facts), model.facts.saved.total
        if (
            model.target.training.checkpointing is not None
            or not saved.complete
            or saved.low <= _LARGE_PART * peak.high
        ):
            return
        if peak.high > _LARGE_PART * tightest.limit:
            yield self.finding(
                f"saved activations take {format_bytes(saved.low)} of the "
                f"{format_bytes(peak.high)} of a training step, which is "
                f"{format_share(peak.high / tightest.limit)} of {tightest.source}",
                path=tightest.path,
                data={
                    "saved_activation_bytes": {"low": saved.low, "high": saved.high},
                    "peak_bytes": {"low": peak.low, "high": peak.high},
                    "limit_bytes": tightest.limit,
                },
                help="save only the inputs of blocks and recompute the rest in the backward "
                f"pass, for about one more forward pass per step{_tried(model, tightest)}",
            )


def _tried(model: Model, budget: Budget) -> str:
    """Return the effect of checkpointing every block, where the file names its blocks."""
    if not model.facts.blocks.found:
        return ""
    training = replace(model.target.training, checkpointing=Checkpointing())
    facts = model.retarget(replace(model.target, training=training))
    return f": with training.checkpointing = 1 it needs {budget.written(facts)}"
