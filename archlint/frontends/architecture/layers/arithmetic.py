"""Elementwise arithmetic of several tensors, and matrix products."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from archlint.frontends.architecture.layers.shapes import broadcast, dims, rank
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor


def elementwise(op: str, site: Site, *inputs: Tensor, value: float | None = None) -> Tensor:
    """Combine tensors, or a tensor and a constant, element by element."""
    operands = list(inputs)
    if value is not None:
        operands.append(site.scalar(value, "value", inputs[0]))
    if len(operands) < 2:
        raise Rejected("takes two or more inputs", "from", "name them, as from: [previous, skip]")
    result = operands[0]
    for number, other in enumerate(operands[1:], start=2):
        broadcast(result, other)
        part = "" if number == len(operands) else f"first_{number}"
        result = site.node(op, result, other, part=part)
    return result


def matrix_multiply(site: Site, first: Tensor, second: Tensor) -> Tensor:
    """Multiply two computed matrices, or stacks of them."""
    if rank(first) > 1 and rank(second) > 1:
        columns, rows = dims(first)[-1], dims(second)[-2]
        if isinstance(columns, int) and isinstance(rows, int) and columns != rows:
            raise Rejected(f"cannot multiply {first} by {second}: {columns} is not {rows}", "from")
    return site.node("MatMul", first, second)
