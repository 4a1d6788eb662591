"""MEM009: the logits take much of the memory of a training step."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archlint.api import Finding, Model, Rule, Severity, format_bytes, format_share

_LARGE_PART = 0.2
_FLOAT_BYTES = 4
_VOCABULARY = 1000  # fewer classes are no vocabulary


class LogitsSpike(Rule):
    """The logits of a large vocabulary and their gradient take much of the training memory."""

    code = "MEM009"
    name = "logits-spike"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("memory",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the logits in fp32 and their gradient with the peak."""
        training = model.target.training
        if training.loss != "cross-entropy" or training.optimizer is None:
            return
        name = model.graph.outputs[0] if model.graph.outputs else ""
        shape = model.graph.values[name].sizes if name else None
        if not shape or shape[-1] < _VOCABULARY:
            return
        nbytes, memory = 2 * _FLOAT_BYTES * prod(shape), model.facts.training_memory
        weights = memory.weight_bytes + memory.gradient_bytes + memory.state_bytes.high
        if nbytes <= _LARGE_PART * weights:
            return  # a lower bound of the peak, which is slow to compute
        peak = memory.peak
        if peak.complete and nbytes > _LARGE_PART * peak.high:
            yield self.finding(
                f"log-probabilities in fp32 and the gradient of "
                f"{' x '.join(str(size) for size in shape)} scores take {format_bytes(nbytes)}, "
                f"{format_share(nbytes / peak.high)} of the {format_bytes(peak.high)} of a "
                "training step",
                tensor=name,
                data={
                    "bytes": nbytes,
                    "peak_bytes": {"low": peak.low, "high": peak.high},
                    "shape": list(shape),
                },
                help="compute the loss in pieces of the sequence, or fuse it with the last layer",
            )
