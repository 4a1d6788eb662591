"""NUM007: channels that are the same for every input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity, format_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archlint.api import DeadChannels

_NAMED = 8  # channels that are written out


class DeadChannel(Rule):
    """Some channels of a layer are the same for every input: their weights or gains are 0."""

    code = "NUM007"
    name = "dead-channel"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("numerics",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report filters of zeros, and gains of normalizations that are 0 or next to it."""
        dead = [each for part in model.parts for each in part.facts.dead_channels]
        filters = [each for each in dead if not each.is_gain]
        gains = [each for each in dead if each.is_gain]
        if filters:
            idle = format_count(sum(each.idle for each in filters))
            least = "at least " * any(each.is_sample for each in filters)
            told = f"{least}{idle} weights compute nothing"
            yield self._dead(filters, "have weights of 0 or next to it", told)
        if gains:
            yield self._dead(gains, "have a gain of 0 or next to it", "they are their shift alone")

    def _dead(self, found: Sequence[DeadChannels], have: str, told: str) -> Finding:
        first, others = found[0], found[1:]
        count = sum(len(each.channels) for each in found)
        more = f", {count:,} in all {len(found)} such tensors" if others else ""
        return self.finding(
            f"{len(first.channels):,} of {first.looked:,} output channels of {first.node.name} "
            f"({_written(first.channels)} of {first.weight}) {have}{more}: these are the same for "
            f"every input, and {told}",
            node=first.node,
            tensor=first.weight,
            data={
                "tensors": {
                    each.weight: {"dead": len(each.channels), "of": each.looked} for each in found
                },
                "channels": list(first.channels),
                "idle": sum(each.idle for each in found),
            },
            help="remove them with what reads them, which gives the same output for less; if "
            "nothing was pruned, they died in training: from a rate or a weight decay too high, or "
            "from too many channels for the task",
        )


def _written(channels: Sequence[int]) -> str:
    shown = ", ".join(map(str, channels[:_NAMED]))
    return shown + ", ..." * (len(channels) > _NAMED)
