"""Folding one node of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from archlint.graph.constant_folding.arithmetic import ARITHMETIC
from archlint.graph.constant_folding.layout import LAYOUT
from archlint.graph.constant_folding.making import MAKING
from archlint.graph.constant_folding.operands import LARGEST, Operands
from archlint.graph.constant_folding.symbols import SYMBOLIC
from archlint.graph.dtype import DType
from archlint.graph.tensor import NUMPY_TYPES
from archlint.graph.value import Provenance

if TYPE_CHECKING:
    from archlint.graph.constant_folding.operands import Folder
    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope

FOLDERS: Mapping[str, Folder] = {**ARITHMETIC, **LAYOUT, **MAKING}

Result: TypeAlias = np.ndarray | tuple[np.ndarray, ...]

_NAMES = {dtype: DType.from_onnx(code) for code, dtype in NUMPY_TYPES.items()}


def fold(node: Node, scope: Scope, opset: int) -> None:
    """Compute the outputs of a standard operator where its operands are known and small."""
    if node.op in _OF_SHAPES:
        _keep(node, _of_shape(node, scope), scope)
        return
    folder = FOLDERS.get(node.op)
    if folder is None:
        return
    constants, partials = scope.constants, scope.partials
    for name in node.inputs:
        if name and name not in constants:
            if name not in partials:
                return
            folder = None
    if folder is not None:
        arrays = tuple([constants.get(name) for name in node.inputs])
        _keep(node, _folded(folder, Operands(node, arrays, opset)), scope)
        return
    folder = SYMBOLIC.get(node.op)
    if folder is not None:
        arrays = tuple([_known(name, scope) if name else None for name in node.inputs])
        _keep(node, _folded(folder, Operands(node, arrays, opset)), scope)


def _folded(folder: Folder, call: Operands) -> Result | None:
    """Call a folder; None for incompatible operands, which shape inference reports."""
    try:
        return folder(call)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        return None


def _known(name: str, scope: Scope) -> np.ndarray:
    """Return the contents of a tensor; a partly known one as numbers, symbols and None."""
    partial = scope.partials.get(name)
    return scope.constants[name] if partial is None else partial


def _keep(node: Node, result: Result | None, scope: Scope) -> None:
    """Store results, separately for contents with symbols and with numbers only."""
    if result is None:
        return
    for name, array in zip(
        node.outputs, result if isinstance(result, tuple) else (result,), strict=False
    ):
        if not name or array.size > LARGEST:
            continue
        if array.dtype.kind != "O":
            _learn(name, array, scope)
            continue
        numbers = [item for item in array.reshape(-1) if isinstance(item, int)]
        if len(numbers) == array.size:
            kind = np.bool_ if any(isinstance(item, bool) for item in numbers) else np.int64
            _learn(name, array.astype(kind), scope)
        else:
            scope.partials[name] = array
            scope.learn(name, None, array.shape, Provenance.INFERRED)


_OF_SHAPES = frozenset({"SequenceLength", "Shape", "Size"})


def _of_shape(node: Node, scope: Scope) -> np.ndarray | None:
    """Fold operators that need only the shape of a tensor, or the length of a sequence."""
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
        return np.array(shape, dtype=object) if node.op == "Shape" else None
    if node.op == "Size":
        return np.array(prod(sizes), np.int64) if prod(sizes) < 2**63 else None
    return np.array(sizes, np.int64)


def _learn(name: str, array: np.ndarray, scope: Scope) -> None:
    """Store the contents of a tensor, and the shape that they imply."""
    dtype, value = _NAMES.get(array.dtype), scope.values[name]
    if dtype is None or value.dtype not in {None, dtype}:
        return  # inference says otherwise: then it is not known
    if name in scope.open:
        scope.learn(name, dtype, array.shape, Provenance.INFERRED)
    elif value.shape != array.shape:
        return  # as above
    scope.constants[name] = array
