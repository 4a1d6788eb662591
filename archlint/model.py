"""A model: one file, loaded, as rules see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from archlint.analysis.facts import Facts
    from archlint.graph.graph import Graph
    from archlint.sources.payload import Payload
    from archlint.target import Target


@record(eq=False)
class Model:
    """One loaded file: its graph, what was worked out about it, and what it is for.

    `payloads` says where in the file the bytes of each stored tensor are; they are read only by
    rules that ask. It is empty for architecture YAML, whose weights are declared, not stored.
    `retarget` works out the facts for another target, to try what would make the model fit.
    """

    path: Path
    graph: Graph
    facts: Facts
    target: Target
    payloads: Mapping[str, Payload]
    retarget: Callable[[Target], Facts]

    def binding_flags(self) -> tuple[str, ...]:
        """Return the flags that would give every open dimension of the inputs a size."""
        from archlint.graph.batch import find_batch

        values = (self.graph.values[name] for name in self.graph.inputs)
        shapes = {value.name: value.shape for value in values if value.shape is not None}
        batch = find_batch(shapes)
        flags: dict[str, None] = {}
        for name, shape in shapes.items():
            for axis, dim in enumerate(shape):
                if isinstance(dim, int):
                    continue
                is_batch = dim in batch.symbols if dim else axis == 0 and name in batch.unnamed
                flag = "--batch-size N" if is_batch else f"--dim {dim or f'{name}.{axis}'}=N"
                flags[flag] = None
        return tuple(flags)
