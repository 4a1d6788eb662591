"""Layers that reshape, join, slice and reduce tensors."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from collections.abc import Sequence
from math import prod

from archlint.frontends.architecture.argument import Count, Fraction, Integers
from archlint.frontends.architecture.layers.shapes import axis_of, dims, rank, size
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Dim, Tensor
from archlint.frontends.properties import PER_CHANNEL

_TO_THE_END = 2**63 - 1


def identity(site: Site, x: Tensor) -> Tensor:
    """Return the input unchanged, for example to give it a name."""
    return site.node("Identity", x)


def dropout(
    site: Site,
    x: Tensor,
    *,
    p: Fraction = 0.5,
    inplace: bool = False,  # noqa: ARG001 - PyTorch has it
) -> Tensor:
    """Set a random part of the elements to zero in training."""
    return site.node("Dropout", x, site.scalar(p, "ratio", x))


def channel_dropout(
    site: Site,
    x: Tensor,
    *,
    p: Fraction = 0.5,
    inplace: bool = False,  # noqa: ARG001 - PyTorch has it
) -> Tensor:
    """Set a random part of the channels to zero in training."""
    return site.node("Dropout", x, site.scalar(p, "ratio", x), facts={PER_CHANNEL: "true"})


def flatten(site: Site, x: Tensor, *, start_dim: int = 1, end_dim: int = -1) -> Tensor:
    """Join the axes from start_dim to end_dim into one."""
    start, end = axis_of(x, start_dim, "start_dim"), axis_of(x, end_dim, "end_dim")
    if start > end:
        raise Rejected(f"start_dim {start_dim} is after end_dim {end_dim}", "start_dim")
    if start == 1 and end == rank(x) - 1:
        return site.node("Flatten", x, axis=1)
    joined = _product(dims(x)[start : end + 1])
    return _reshape(site, x, [*dims(x)[:start], joined, *dims(x)[end + 1 :]], "start_dim")


def unflatten(site: Site, x: Tensor, *, dim: int, sizes: Integers) -> Tensor:
    """Split an axis into several."""
    axis = axis_of(x, dim)
    found = dims(x)[axis]
    if isinstance(found, int) and -1 not in sizes and prod(sizes) != found:
        raise Rejected(f"cannot split {found} into {list(sizes)}", "sizes")
    shape = [*dims(x)[:axis], *sizes, *dims(x)[axis + 1 :]]
    return _reshape(site, x, shape, "sizes", given=range(axis, axis + len(sizes)))


def reshape(site: Site, x: Tensor, *, shape: Integers) -> Tensor:
    """Reshape: 0 keeps the size of that axis, -1 is inferred from the others."""
    axes = dims(x)
    if shape.count(-1) > 1 or any(number < -1 for number in shape):
        raise Rejected(f"shape is {list(shape)}, expected sizes and at most one -1", "shape")
    if any(number == 0 and axis >= len(axes) for axis, number in enumerate(shape)):
        raise Rejected(f"a 0 in shape stands for an axis that {x} does not have", "shape")
    moved = _product([dim for axis, dim in enumerate(axes) if shape[axis : axis + 1] != (0,)])
    wanted = prod(number for number in shape if number > 0)
    if isinstance(moved, int) and (moved % wanted if -1 in shape else moved != wanted):
        raise Rejected(f"cannot shape {x} as {list(shape)}: {moved} is not {wanted}", "shape")
    return site.node("Reshape", x, site.integers(shape, "shape"))


def permute(site: Site, x: Tensor, *, dims: Integers) -> Tensor:
    """Put the axes in another order."""
    order = [axis_of(x, dim, "dims") for dim in dims]
    if sorted(order) != list(range(rank(x))):
        raise Rejected(f"dims are {list(dims)}, expected each of the {rank(x)} axes once", "dims")
    return site.node("Transpose", x, perm=order)


def transpose(site: Site, x: Tensor, *, dim0: int, dim1: int) -> Tensor:
    """Swap two axes."""
    first, second = axis_of(x, dim0, "dim0"), axis_of(x, dim1, "dim1")
    order = list(range(rank(x)))
    order[first], order[second] = second, first
    return site.node("Transpose", x, perm=order)


def squeeze(site: Site, x: Tensor, *, dim: int) -> Tensor:
    """Remove an axis of size 1."""
    axis = axis_of(x, dim)
    if dims(x)[axis] not in {1, None} and isinstance(dims(x)[axis], int):
        raise Rejected(f"axis {dim} of {x} is {dims(x)[axis]}, expected 1", "dim")
    return site.node("Squeeze", x, site.integers([axis], "axes"))


def unsqueeze(site: Site, x: Tensor, *, dim: int) -> Tensor:
    """Add an axis of size 1."""
    axes = rank(x) + 1
    if not -axes <= dim < axes:
        raise Rejected(f"dim is {dim}, expected -{axes} to {axes - 1}", "dim")
    return site.node("Unsqueeze", x, site.integers([dim % axes], "axes"))


def concatenate(site: Site, *inputs: Tensor, dim: int = 1) -> Tensor:
    """Concatenate tensors along an axis."""
    first = inputs[0]
    axis = axis_of(first, dim)
    for other in inputs[1:]:
        if rank(other) != rank(first):
            raise Rejected(f"cannot join {first} and {other}: not as many axes", "from")
        for number, (one, two) in enumerate(zip(dims(first), dims(other), strict=True)):
            if number != axis and isinstance(one, int) and isinstance(two, int) and one != two:
                raise Rejected(
                    f"cannot join {first} and {other} along axis {axis}: "
                    f"axis {number} is {one} and {two}",
                    "from",
                )
    return site.node("Concat", *inputs, axis=axis)


def chunk(site: Site, x: Tensor, *, chunks: Count, dim: int = 1) -> tuple[Tensor, ...]:
    """Split an axis into equal parts, called NAME.0, NAME.1, ..."""
    axis = axis_of(x, dim)
    total = size(x, axis, "the size of the axis")
    if total % chunks:
        raise Rejected(f"cannot cut {total} into {chunks} equal parts", "chunks")
    return site.nodes("Split", x, outputs=chunks, axis=axis, num_outputs=chunks)


def split(site: Site, x: Tensor, *, sizes: Integers, dim: int = 1) -> tuple[Tensor, ...]:
    """Split an axis into parts of given sizes, called NAME.0, NAME.1, ..."""
    axis = axis_of(x, dim)
    total = size(x, axis, "the size of the axis")
    if sum(sizes) != total or any(number < 1 for number in sizes):
        raise Rejected(f"the parts {list(sizes)} do not make up {total}", "sizes")
    return site.nodes("Split", x, site.integers(sizes, "sizes"), outputs=len(sizes), axis=axis)


def cut(
    site: Site, x: Tensor, *, dim: int, start: int = 0, end: int | None = None, step: Count = 1
) -> Tensor:
    """Slice an axis, as x[start:end:step] does."""
    axis = axis_of(x, dim)
    found = dims(x)[axis]
    if isinstance(found, int) and not range(found)[slice(start, end, step)]:
        raise Rejected(f"nothing is left of axis {dim} of {x}", "start")
    bounds = ([start], [_TO_THE_END if end is None else end], [axis], [step])
    names = ("starts", "ends", "axes", "steps")
    stored = [site.integers(value, name) for name, value in zip(names, bounds, strict=True)]
    return site.node("Slice", x, *stored)


def select(site: Site, x: Tensor, *, dim: int, index: int) -> Tensor:
    """Select one element of an axis and remove the axis."""
    axis = axis_of(x, dim)
    found = dims(x)[axis]
    if isinstance(found, int) and not -found <= index < found:
        raise Rejected(f"index is {index}, but axis {dim} of {x} has {found}", "index")
    return site.node("Gather", x, site.integer(index, "index"), axis=axis)


def reduce(
    op: str, site: Site, x: Tensor, *, dim: int | tuple[int, ...], keepdim: bool = False
) -> Tensor:
    """Reduce one axis or several to one value."""
    axes = [axis_of(x, axis) for axis in (dim if isinstance(dim, tuple) else (dim,))]
    return site.node(op, x, site.integers(axes, "axes"), keepdims=int(keepdim))


def _product(shape: Sequence[Dim]) -> Dim:
    if len(shape) == 1:
        return shape[0]
    sizes = [dim for dim in shape if isinstance(dim, int)]
    return prod(sizes) if len(sizes) == len(shape) else None


def _reshape(
    site: Site, x: Tensor, shape: Sequence[Dim], argument: str, given: range = range(0)
) -> Tensor:
    """Reshape to sizes of which at most one has to be inferred."""
    target = []
    for axis, dim in enumerate(shape):
        if isinstance(dim, int):
            target.append(dim)
        elif axis not in given and axis < rank(x) and dims(x)[axis] == dim and -1 not in target:
            target.append(0)
        else:
            target.append(-1)
    if target.count(-1) > 1:
        raise Rejected(f"more than one size of {x} is not known", argument)
    return site.node("Reshape", x, site.integers(target, "shape"))
