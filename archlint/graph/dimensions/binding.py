"""Binds the dimensions of a model's inputs to the sizes of the target."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.dimensions.batch import find_batch
from archlint.graph.dimensions.symbol import bind, names_in
from archlint.graph.value import Dim, Shape

if TYPE_CHECKING:
    from archlint.graph.dimensions.bindings import Bindings

_NOTHING: Mapping[str, Sequence[tuple[str, int]]] = MappingProxyType({})


class Bound(Struct, frozen=True):
    """The shapes of the inputs with the sizes of the target.

    `sizes` are those of bound symbols. `resized` means that a fixed size of the file was changed,
    so that the shapes that the file declares for other tensors are invalid; `batch` is the old and
    the new size where that was the batch. `values` are the contents of inputs. `unused` are names
    of the target that no input has.
    """

    shapes: Mapping[str, Shape | None]
    sizes: Mapping[str, int]
    resized: bool
    batch: tuple[int, int] | None
    values: Mapping[str, int]
    unused: tuple[str, ...]


def bind_inputs(
    declared: Mapping[str, Shape | None],
    bindings: Bindings,
    labels: Mapping[str, Sequence[tuple[str, int]]] = _NOTHING,
    numbers: Collection[str] = (),
) -> Bound:
    """Bind the dimensions that the target names, then the batch (see `find_batch`).

    `labels` are generated names in the file, which only identify an axis; `numbers` are the integer
    scalar inputs, to which the target may give a value.
    """
    axes, sizes = _split(bindings.dims, declared)
    values = {name: sizes.pop(name) for name in numbers if name in sizes}
    for label in [label for label in labels if label in sizes]:
        axes.update(dict.fromkeys(labels[label], sizes.pop(label)))
    batch = None
    if bindings.batch_size is not None:
        batch = _bind_batch(declared, bindings.batch_size, axes, sizes)
    shapes = {
        name: None if shape is None else _bind_shape(name, shape, axes, sizes)
        for name, shape in declared.items()
    }
    used = {*values, *labels, *_names(axes, declared)}
    unused = tuple(name for name in bindings.dims if name not in used)
    return Bound(shapes, sizes, _resized(declared, shapes), batch, values, unused)


def _bind_batch(
    declared: Mapping[str, Shape | None],
    size: int,
    axes: dict[tuple[str, int], int],
    sizes: dict[str, int],
) -> tuple[int, int] | None:
    """Bind the batch where the target does not name it.

    Return the old and the new size where a fixed batch changes, unless one of them is 0.
    """
    free = {
        name: shape
        for name, shape in declared.items()
        if shape and (name, 0) not in axes and shape[0] not in sizes
    }
    found = find_batch(free)
    sizes.update(dict.fromkeys(found.symbols, size))
    axes.update({(name, 0): size for name in found.unnamed})
    named = any(shape and shape[0] in sizes for shape in declared.values())
    if found.fixed is None or found.fixed == size or named:
        return None
    axes.update({(name, 0): size for name, shape in free.items() if shape[0] == found.fixed})
    return (found.fixed, size) if found.fixed and size else None


def _split(
    dims: Mapping[str, int], shapes: Mapping[str, Shape | None]
) -> tuple[dict[tuple[str, int], int], dict[str, int]]:
    """Split the names of the target into axes of inputs (`INPUT.AXIS`) and symbols."""
    axes, sizes = {}, {}
    for name, size in dims.items():
        tensor, _, axis = name.rpartition(".")
        if axis.isdecimal() and len(shapes.get(tensor) or ()) > int(axis):
            axes[tensor, int(axis)] = size
        else:
            sizes[name] = size
    return axes, sizes


def _bind_shape(
    name: str, shape: Shape, axes: Mapping[tuple[str, int], int], sizes: Mapping[str, int]
) -> Shape:
    bound: list[Dim] = []
    for axis, dim in enumerate(shape):
        if (name, axis) in axes:
            bound.append(axes[name, axis])
        else:
            bound.append(bind(dim, sizes) if isinstance(dim, str) else dim)
    return tuple(bound)


def _resized(before: Mapping[str, Shape | None], after: Mapping[str, Shape | None]) -> bool:
    """Whether a fixed size of the file was changed."""
    return any(
        isinstance(old, int) and old != new
        for name, shape in before.items()
        for old, new in zip(shape or (), after[name] or (), strict=True)
    )


def _names(axes: Iterable[tuple[str, int]], shapes: Mapping[str, Shape | None]) -> set[str]:
    """Return the names by which the target can refer to dimensions of the inputs."""
    present = {f"{name}.{axis}" for name, axis in axes}
    for shape in shapes.values():
        for dim in shape or ():
            if isinstance(dim, str):
                present.update((dim, *names_in(dim)))
    return present
