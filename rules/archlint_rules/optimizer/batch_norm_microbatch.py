"""OPT009: batch normalization over too few values."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Normalizes, Over, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node

_LEAST = 8


class BatchNormMicrobatch(Rule):
    """Batch normalization computes its statistics over too few samples."""

    code = "OPT009"
    name = "batch-norm-microbatch"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("optimizer", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report batches of fewer than 8 samples a device, and maps of one number a channel."""
        batch = model.target.batch_size
        if batch is None or model.target.training.optimizer is None:
            return
        norms = _norms(model)
        single = []
        for node, tensor in norms:
            shape = model.graph.values[tensor].shape or ()
            places = [dim for dim in shape[2:] if isinstance(dim, int)]
            if batch == 1 and len(places) == len(shape[2:]) and prod(places) == 1:
                single.append(node)
        if single:
            yield self.finding(
                f"{single[0].name} normalizes over one number per channel: with a batch of 1 its "
                "output is its shift, and PyTorch refuses to train it",
                node=single[0],
                data={"batch_size": batch, "layers": len(single)},
                help="use a larger batch, or GroupNorm",
                severity=Severity.ERROR,
            )
        elif norms and batch < _LEAST:
            yield self.finding(
                f"batch normalization computes its statistics over {batch} "
                f"sample{'s' * (batch > 1)}, in {len(norms)} layer{'s' * (len(norms) > 1)}",
                node=norms[0][0],
                data={"batch_size": batch, "layers": len(norms), "least": _LEAST},
                help="use at least 8 samples on a device, synchronized statistics, or GroupNorm",
            )


def _norms(model: Model) -> list[tuple[Node, str]]:
    """Return the batch normalizations with the tensors that they normalize, also folded ones.

    One that torch.export folded into a convolution normalizes the convolution's output.
    """
    graph, flow = model.graph, model.facts.flow
    norms = [
        (node, node.inputs[0])
        for node in flow.nodes
        if isinstance(effect := flow.effect(node), Normalizes) and effect.over is Over.BATCH
    ]
    folded = (graph.by_name[name] for name in model.facts.training_step.folded_norms)
    return [*norms, *((node, node.output) for node in folded)]
