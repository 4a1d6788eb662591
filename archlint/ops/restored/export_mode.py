"""Whether a file shows that its model was in training mode when it was exported."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.program.call_record import printed_call

_TRAINED = "batch_norm_legit_functional"  # what torch.export calls a batch norm in training


def is_for_training(graph: Graph) -> bool:
    """Whether a file was exported for training, so that nothing is left out."""
    return any(
        (node.op == "BatchNormalization" and node.attributes.get("training_mode") == 1)
        or _TRAINED in printed_call(node)
        or (node.op == "Dropout" and len(node.inputs) > 2)
        for node in graph.nodes
    )
