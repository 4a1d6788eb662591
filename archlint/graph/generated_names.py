"""Recognizes names that PyTorch's exporters generate for unnamed tensors and axes."""

from __future__ import annotations

import re

# Patterns that no key of a state dictionary matches.
_TENSOR = re.compile(r"^(onnx::|/|_v_|val_|ortshared_|lifted_tensor|\d+$)|/|::")
_COMPUTED = re.compile(r"onnx::|val_\d")
_AXIS = re.compile(r".*_dynamic_axes_\d+")


def is_generated_name(name: str) -> bool:
    """Whether the exporter generated the name of a stored tensor: it is no state-dict key."""
    return _TENSOR.search(name) is not None


def is_folded_name(name: str) -> bool:
    """Whether a stored tensor has the name of a folded constant, usually made of weights."""
    return _COMPUTED.match(name) is not None


def is_generated_axis(symbol: str) -> bool:
    """Whether the exporter generated a symbol, one for each axis of each input."""
    return _AXIS.fullmatch(symbol) is not None
