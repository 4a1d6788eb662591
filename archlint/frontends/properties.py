"""Metadata properties for facts that ONNX itself cannot express.

The architecture language writes them, and they are read wherever they matter; a file of another
program may have them too. Truth values are "true" and "false".
"""

PATH = "archlint.path"
"""Of a node or a weight: the keys that lead to its layer in the document, as JSON."""

IGNORE = "archlint.ignore"
"""Of a model or a node: the rules that are suppressed there, separated by commas."""

LAYER = "archlint.layer"
"""Of a node: the name of the layer that it is a part of."""

IN_PLACE = "archlint.in-place"
"""Of a node: whether it overwrites its input."""

PER_CHANNEL = "archlint.per-channel"
"""Of a dropout: whether it keeps or drops whole channels, with one number for each of them."""

STEPS_FIRST = "archlint.steps-first"
"""Of a product or a split of sequences (N, S, C): whether it runs on (S, N, C) in memory, as in
PyTorch's attention layer. The product reads a view of its input in that order, and its output lies
so. The split takes such a product apart: PyTorch copies it first, so that each part is contiguous
in that order."""

INITIALIZER = "archlint.initializer"
"""Of a weight: its initializer, as `normal(mean=0, std=0.02)`."""

FAN_IN, FAN_OUT = "archlint.fan_in", "archlint.fan_out"
"""Of a weight: the fan-in and fan-out that its initializer scales with."""

FROZEN = "archlint.frozen"
"""Of a weight: whether it is not trained."""

BUFFER = "archlint.buffer"
"""Of a weight: whether it is a statistic or a constant, which no optimizer updates."""

ADAPTER = "archlint.adapter"
"""Of a weight: whether it is a factor of a low-rank adapter, beside a layer that is frozen."""

REPLACES = "archlint.replaces"
"""Of a weight: the tensor of the file that it replaces, with values for another batch size."""
