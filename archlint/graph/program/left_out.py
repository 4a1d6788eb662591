"""What the exporter left out of a layer, although the call of the program has it."""

from __future__ import annotations

import re

from archlint.graph.node import Node
from archlint.graph.program.calls import exported_call

LACKS_PROJECTION = "the exporter left out the projection (proj_size) of the program's LSTM"

_BIASED = frozenset({"linear", "conv1d", "conv2d", "conv3d", "convolution", "addmm"})
_PARAMETER = "%p_"  # how the exporter names one


def lacks_projection(node: Node) -> bool:
    """Whether torch.export says that a node stands for an LSTM with a projection, which ONNX lacks.

    It writes such a layer (`proj_size`) without its projections, as if nothing were missing.
    """
    call = exported_call(node) if node.op == "LSTM" else None
    if call is None or not call.target.startswith("aten.lstm."):
        return False
    lists = [place for place, text in enumerate(call.arguments) if text.startswith("[")]
    if not lists:
        return False
    weights = lists[-1]  # then: has_biases, layers, dropout, train, bidirectional
    layers = call.integer(weights + 2, 1) or 1
    directions = 2 if call.argument(weights + 5) == "True" else 1
    with_biases = call.argument(weights + 1) == "True"
    return len(call.tensors_of(weights)) > layers * directions * (4 if with_biases else 2)


def lacks_bias(node: Node) -> bool:
    """Whether the layer of a node had a bias that is not in the file, since it was all zeros."""
    call = exported_call(node)
    if call is None or _BIASED.isdisjoint(re.split(r"[._]", call.target)):
        return False
    return sum(text.startswith(_PARAMETER) for text in call.arguments) > 1
