"""Symbolic dimension names: cleans what exporters write, and evaluates expressions in them."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

from archlint.graph.value import Dim

# onnx and onnxruntime generate `unk__3` for unknown sizes; such a name must not make two sizes look
# equal.
_NAMELESS = re.compile(r"\?*|-1|[Nn]one|[Uu]nk(nown)?(__.*)?|dynamic|\*")
_LONGEST_EXPRESSION = 200
_NAME = re.compile(r"[^\W\d]\w*")
_FORMULA = re.compile(r"[()*+/ ]")
_SYMBOL = re.compile(r"[^\W\d][\w.]*(?![\w.]*\()")  # not the name of a function

_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
}


def clean(text: str) -> Dim:
    """Return the symbol, the number, or None that the dimension name `text` stands for."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    return None if _NAMELESS.fullmatch(text) else text


def names_in(symbol: str) -> tuple[str, ...]:
    """Return the names in `symbol`, which may be an expression of them, each once."""
    return tuple(dict.fromkeys(_NAME.findall(symbol)))


def symbols(dim: str) -> tuple[str, ...]:
    """Return the names in a dimension: its own, or those in its expression."""
    if not _FORMULA.search(dim):
        return (dim,)
    return tuple(dict.fromkeys(_SYMBOL.findall(dim)))


def bind(symbol: str, sizes: Mapping[str, int]) -> Dim:
    """Return the size of `symbol`, which may be an expression of bound names, or the symbol."""
    if symbol in sizes:
        return sizes[symbol]
    if not sizes or symbol.isidentifier() or len(symbol) > _LONGEST_EXPRESSION:
        return symbol
    try:
        size = _evaluate(ast.parse(symbol, mode="eval").body, sizes)
    except (SyntaxError, ValueError, KeyError, ZeroDivisionError, RecursionError, MemoryError):
        return symbol
    return size if 0 <= size < 2**63 else None


def _evaluate(node: ast.expr, sizes: Mapping[str, int]) -> int:
    """Evaluate an expression of integers and bound names; raises KeyError or ValueError."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name):
        return sizes[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _evaluate(node.left, sizes), _evaluate(node.right, sizes)
        if isinstance(node.op, ast.Div) and left % right:
            raise ValueError("a dimension is a whole number")
        return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, sizes)
    raise ValueError("not an expression of dimensions")
