"""DEPLOY005: a network that is divided into many parts between accelerator and processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity, format_share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Partition

_MOST = 2  # parts from which onnxruntime's own checker advises against the accelerator


class ScatteredPartition(Rule):
    """Operators that the accelerator lacks divide what it runs into many parts."""

    code = "DEPLOY005"
    name = "scattered-partition"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("deployment",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report a network of which the accelerator runs more than two parts."""
        found = model.facts.partition
        if found is not None and len(found.parts) > _MOST:
            yield self._scattered(found)

    def _scattered(self, found: Partition) -> Finding:
        largest = max(found.parts, key=len)
        return self.finding(
            f"{found.runtime.title} divides the network into {len(found.parts)} parts on the "
            f"accelerator with the processor in between, the largest with {len(largest):,} of "
            f"{len(found.nodes):,} nodes: copies between the two cost more than the accelerator "
            "saves, most likely",
            node=found.lacking[0],
            data={
                "runtime": found.runtime.name,
                "version": found.runtime.version,
                "parts": [len(part) for part in found.parts],
                "nodes": len(found.nodes),
                "share": found.share,
            },
            help="replace the operators that DEPLOY001 names, those in the middle of the network "
            f"first; the accelerator runs {format_share(found.share)} of the nodes as it is",
        )
