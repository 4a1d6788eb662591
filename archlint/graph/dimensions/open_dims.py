"""The open dimensions of a model, as symbols that can be given sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.dimensions.batch import Batch, find_batch
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.dimensions.symbol import bind, names_in
from archlint.graph.generated_names import is_generated_axis

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.graph.value import Dim


_BATCH = object()


class OpenDim(Struct, frozen=True):
    """A symbol in the shapes of the inputs, or axes without a name, which are `INPUT.AXIS`.

    `axes` are the axes of inputs where it occurs, alone or in an expression. `names` are what has
    to be bound: several where unnamed axes at the same position of several inputs are assumed to
    have equal size, as in tokens and their mask.
    """

    name: str
    is_batch: bool
    axes: tuple[tuple[str, int], ...]
    names: tuple[str, ...]

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that bind it, with a placeholder for the size."""
        return ("--batch-size N",) if self.is_batch else tuple(f"--dim {n}=N" for n in self.names)

    @property
    def equal(self) -> str:
        """The sizes that are assumed to be equal: `a.1 = b.1`; empty for a single name."""
        return "" if self.is_batch or len(self.names) == 1 else " = ".join(self.names)


def open_dims(graph: Graph) -> tuple[OpenDim, ...]:
    """Return the open dimensions of a graph's inputs; all parts of the batch are one."""
    values = (graph.values[name] for name in graph.inputs)
    shapes = {value.name: value.shape for value in values if value.shape is not None}
    batch = find_batch(shapes)
    axes: dict[object, list[tuple[str, int]]] = {}
    names: dict[object, dict[str, None]] = {}
    for name, shape in shapes.items():
        for axis, dim in enumerate(shape):
            for symbol in _symbols(dim, batch):
                is_batch = symbol in batch.symbols or (axis == 0 and not symbol)
                own = "" if is_generated_axis(symbol) else symbol
                key = _BATCH if is_batch else own or (axis, len(shape))
                axes.setdefault(key, []).append((name, axis))
                names.setdefault(key, {})[symbol or f"{name}.{axis}"] = None
    return tuple(
        OpenDim(next(iter(names[key])), key is _BATCH, tuple(own), tuple(names[key]))
        for key, own in axes.items()
    )


def with_sizes(bindings: Bindings, sizes: Mapping[OpenDim, int]) -> Bindings:
    """Return `bindings` with sizes for the dimensions that they leave open."""
    batch = next((size for dim, size in sizes.items() if dim.is_batch), bindings.batch_size)
    dims = {name: size for dim, size in sizes.items() if not dim.is_batch for name in dim.names}
    return Bindings(batch, {**bindings.dims, **dims})


def _symbols(dim: Dim, batch: Batch) -> tuple[str, ...]:
    """Return the symbols of a dimension, "" for one without a name.

    For an expression that can be evaluated, these are the names in it.
    """
    if isinstance(dim, int):
        return ()
    if not dim or dim in batch.symbols:
        return (dim or "",)
    names = names_in(dim)
    is_expression = isinstance(bind(dim, dict.fromkeys(names, 2)), int)
    return names if is_expression else (dim,)
