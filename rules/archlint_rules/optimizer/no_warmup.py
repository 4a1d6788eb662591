"""OPT008: a transformer that normalizes after its additions is trained without warm-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Normalizes, Passes, Rule, Severity
from archlint_rules.optimizer.family import ADAM_LIKE, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node

_LEAST = 4  # additions that are normalized: two blocks


class NoWarmup(Rule):
    """A post-norm transformer is trained with Adam, without warming up the learning rate."""

    code = "OPT008"
    name = "no-warmup"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("optimizer", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Count additions that nothing but a normalization reads."""
        training = model.target.training
        if training.optimizer not in ADAM_LIKE or training.warmup_steps != 0:
            return
        if not model.facts.flow.attends:
            return
        additions = {branch.addition.name: branch for branch in model.facts.segments.branches}
        after = [
            branch.addition
            for branch in additions.values()
            if _only_normalized(model, branch.addition)
        ]
        if len(after) < _LEAST or 2 * len(after) < len(additions):
            return
        yield self.finding(
            f"{len(after)} residual additions are followed by a normalization (post-norm), and "
            f"{training.optimizer} starts at its full learning rate: gradients near the output "
            "are large at initialization",
            node=after[0],
            path=place("warmup-steps"),
            data={"additions": len(after), "warmup_steps": training.warmup_steps},
            help="warm up over some thousand steps, or normalize inside the branches (pre-norm)",
        )


def _only_normalized(model: Model, addition: Node) -> bool:
    flow = model.facts.flow
    users = list(flow.graph.consumers.get(addition.output, ()))
    for user in users:
        if isinstance(flow.effect(user), Passes):
            users.extend(flow.graph.consumers.get(user.output, ()))
    kinds = [flow.effect(user) for user in users if not isinstance(flow.effect(user), Passes)]
    return bool(kinds) and all(isinstance(kind, Normalizes) for kind in kinds)
