"""Recognizes names that PyTorch's exporters generate for unnamed tensors and axes."""

from __future__ import annotations

import re

# Parts of names that no key of a state dictionary has.
_TENSOR = re.compile(r"^(onnx::|/|_v_|val_|ortshared_|lifted_tensor|\d+$)|/|::")
_COMPUTED = re.compile(r"onnx::|val_\d")
_AXIS = re.compile(r".*_dynamic_axes_\d+")


def is_made_up(name: str) -> bool:
    """Whether a stored tensor has a name of the exporter, not of the state dictionary."""
    return _TENSOR.search(name) is not None


def is_computed_anew(name: str) -> bool:
    """Whether a stored tensor is one that the exporter worked out, of weights most often."""
    return _COMPUTED.match(name) is not None


def is_made_up_axis(symbol: str) -> bool:
    """Whether a symbol is the exporter's, which has one for each axis of each input."""
    return _AXIS.fullmatch(symbol) is not None
