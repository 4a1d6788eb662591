"""A model: one loaded file, as rules see it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from archlint.analysis.facts import Facts
    from archlint.analysis.formulas.formulas import Formulas
    from archlint.graph.dimensions.open_dims import OpenDim
    from archlint.graph.graph import Graph
    from archlint.sources.payload import Payload
    from archlint.target import Target


class Model(Struct, frozen=True, eq=False, dict=True):
    """One loaded file: its graph, the facts about it, and its target.

    `payloads` says where in the file the bytes of each stored tensor are; they are read on demand.
    It is empty for architecture YAML, whose weights are declared, not stored. `retarget` returns
    the facts for another target, to find a target for which the model fits. `ir_version` is that of
    an ONNX file, None where the file is another.
    """

    path: Path
    graph: Graph
    facts: Facts
    target: Target
    payloads: Mapping[str, Payload]
    retarget: Callable[[Target], Facts]
    ir_version: int | None = None

    @cached_property
    def parts(self) -> tuple[Model, ...]:
        """The model itself, and one for each branch and each body of a loop in its graph.

        A branch that is known to be taken and a loop that is unrolled are in the graph itself.
        """
        nested = (graph for graphs in self.graph.inner.values() for graph in graphs)
        inside = (replace(self, graph=graph, facts=self.facts.inside(graph)) for graph in nested)
        return (self, *(part for model in inside for part in model.parts))

    def binding_flags(self) -> tuple[str, ...]:
        """Return the flags that bind every open dimension of the inputs."""
        return tuple(flag for dim in self.open_dims for flag in dim.flags)

    @cached_property
    def open_dims(self) -> tuple[OpenDim, ...]:
        """The dimensions of the inputs that neither the file nor the target binds."""
        from archlint.graph.dimensions.open_dims import open_dims

        return open_dims(self.graph)

    @cached_property
    def formulas(self) -> Formulas:
        """Amounts as polynomials in the sizes of the open dimensions."""
        from archlint.analysis.formulas.formulas import Formulas
        from archlint.analysis.formulas.samples import Samples

        return Formulas(Samples(self.facts, self.open_dims, self.bound))

    def bound(self, sizes: Sequence[int]) -> Facts:
        """Return the facts with a size for each open dimension."""
        from archlint.graph.dimensions.bindings import Bindings
        from archlint.graph.dimensions.open_dims import with_sizes

        target, given = self.target, dict(zip(self.open_dims, sizes, strict=True))
        bound = with_sizes(Bindings(target.batch_size, target.dims), given)
        return self.retarget(replace(target, batch_size=bound.batch_size, dims=bound.dims))
