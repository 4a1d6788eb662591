"""MEM007: attention saves scores that grow with the square of the length."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_bytes, format_share

_LARGE_PART = 0.25


class AttentionQuadratic(Rule):
    """Attention scores, which grow with the square of the length, take much training memory."""

    code = "MEM007"
    name = "attention-quadratic"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("memory",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the scores that are saved for the backward pass with the peak."""
        if model.target.training.optimizer is None:
            return
        found = [each for each in model.facts.attention_memory.scores if each.nbytes]
        if not found:  # most models have no attention, and the peak is slow to compute
            return
        kept = sum(each.nbytes for each in found)
        peak = model.facts.training_memory.peak
        if not peak.complete or kept <= _LARGE_PART * peak.high:
            return
        largest = max(found, key=lambda each: each.nbytes)
        shape = " x ".join(str(size) for size in largest.shape)
        yield self.finding(
            f"attention saves its scores, {shape} at {largest.node}: {format_bytes(kept)} "
            f"in {len(found)} {'layers' if len(found) > 1 else 'layer'}, "
            f"{format_share(kept / peak.high)} of the {format_bytes(peak.high)} of a training step",
            node=largest.node,
            data={
                "score_bytes": kept,
                "peak_bytes": {"low": peak.low, "high": peak.high},
                "nodes": [each.node for each in found],
            },
            help="call scaled_dot_product_attention, whose fused kernels do not save them",
        )
