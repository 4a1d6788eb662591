"""Folding one node of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from archlint.graph.dtype import DType
from archlint.graph.folding.arithmetic import ARITHMETIC
from archlint.graph.folding.layout import LAYOUT
from archlint.graph.folding.making import MAKING
from archlint.graph.folding.operands import LARGEST, Operands
from archlint.graph.tensor import NUMPY_TYPES
from archlint.graph.value import Provenance

if TYPE_CHECKING:
    from archlint.graph.folding.operands import Folder
    from archlint.graph.node import Node
    from archlint.graph.scope import Scope

FOLDERS: Mapping[str, Folder] = {**ARITHMETIC, **LAYOUT, **MAKING}

_NAMES = {dtype: DType.from_onnx(code) for code, dtype in NUMPY_TYPES.items()}


def fold(node: Node, scope: Scope, opset: int) -> None:
    """Work out the outputs of a standard operator where its operands are known and small."""
    if node.op in _OF_SHAPES:
        _learn(node, _of_shape(node, scope), scope)
        return
    folder = FOLDERS.get(node.op)
    if folder is None:
        return
    constants = scope.constants
    for name in node.inputs:
        if name and name not in constants:
            return
    call = Operands(node, tuple([constants.get(name) for name in node.inputs]), opset)
    try:
        with np.errstate(all="ignore"):
            result = folder(call)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        return  # the operands do not go together; inference says so where it matters
    _learn(node, result, scope)


_OF_SHAPES = frozenset({"SequenceLength", "Shape", "Size"})


def _of_shape(node: Node, scope: Scope) -> np.ndarray | None:
    """Fold the operators that ask only for the shape of a tensor, or the length of a sequence."""
    if node.op == "SequenceLength":
        items = scope.sequences.get(node.inputs[0]) if node.inputs else None
        return None if items is None else np.array(len(items), np.int64)
    shape = scope.values[node.inputs[0]].shape if node.inputs and node.inputs[0] else None
    if shape is None:
        return None
    if node.op == "Shape":
        start, end = node.attributes.get("start", 0), node.attributes.get("end")
        if isinstance(start, int) and (end is None or isinstance(end, int)):
            shape = shape[start:end]
    sizes = [dim for dim in shape if isinstance(dim, int)]
    if len(sizes) < len(shape):
        return None
    if node.op == "Size":
        return np.array(prod(sizes), np.int64) if prod(sizes) < 2**63 else None
    return np.array(sizes, np.int64)


def _learn(node: Node, result: np.ndarray | tuple[np.ndarray, ...] | None, scope: Scope) -> None:
    """Keep results, with the shapes that they prove."""
    if result is None:
        return
    arrays = result if isinstance(result, tuple) else (result,)
    for name, array in zip(node.outputs, arrays, strict=False):
        dtype = _NAMES.get(array.dtype)
        if not name or array.size > LARGEST or dtype is None:
            continue
        value = scope.values[name]
        if value.dtype not in {None, dtype}:
            continue  # inference says otherwise: then it is not known
        if name in scope.open:
            scope.learn(name, dtype, array.shape, Provenance.INFERRED)
        elif value.shape != array.shape:
            continue  # as above
        scope.constants[name] = array
        scope.changed.add(name)
