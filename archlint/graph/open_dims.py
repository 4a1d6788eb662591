"""The dimensions that a model leaves open, as symbols that can be given sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.batch import Batch, find_batch
from archlint.graph.dimension import bind, names_in
from archlint.record import record

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.graph.value import Dim


@record
class OpenDim:
    """A symbol in the shapes of the inputs, or an axis without a name, which is `INPUT.AXIS`.

    `axes` are the axes of inputs that it stands at, alone or in an expression.
    """

    name: str
    is_batch: bool
    axes: tuple[tuple[str, int], ...]

    @property
    def flag(self) -> str:
        """The flag that gives it a size, without the size."""
        return "--batch-size" if self.is_batch else f"--dim {self.name}"

    @property
    def binding(self) -> str:
        """The flag with a letter for the size."""
        return f"{self.flag} N" if self.is_batch else f"{self.flag}=N"


def open_dims(graph: Graph) -> tuple[OpenDim, ...]:
    """Return what is open in the inputs of a graph; all that is the batch is one."""
    values = (graph.values[name] for name in graph.inputs)
    shapes = {value.name: value.shape for value in values if value.shape is not None}
    batch = find_batch(shapes)
    found: dict[str, list[tuple[str, int]]] = {}
    the_batch = ""
    for name, shape in shapes.items():
        for axis, dim in enumerate(shape):
            for symbol in _symbols(dim, batch):
                is_batch = symbol in batch.symbols or (axis == 0 and not symbol)
                own = symbol or f"{name}.{axis}"
                the_batch = the_batch or (own if is_batch else "")
                found.setdefault(the_batch if is_batch else own, []).append((name, axis))
    return tuple(OpenDim(name, name == the_batch, tuple(axes)) for name, axes in found.items())


def _symbols(dim: Dim, batch: Batch) -> tuple[str, ...]:
    """Return the symbols of a dimension, "" for one without a name.

    They are the names in an expression, where it can be worked out of them.
    """
    if isinstance(dim, int):
        return ()
    if not dim or dim in batch.symbols:
        return (dim or "",)
    names = names_in(dim)
    is_expression = isinstance(bind(dim, dict.fromkeys(names, 2)), int)
    return names if is_expression else (dim,)
