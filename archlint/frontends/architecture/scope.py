"""What the layers of a list can see: parameters, named tensors, blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.frontends.architecture.expression import Value
    from archlint.frontends.architecture.file import File
    from archlint.frontends.architecture.tensor import Tensor

PREVIOUS = "previous"
INPUT = "input"


@dataclass(slots=True)
class Scope:
    """The names in one list of layers.

    `tensors` holds the named outputs, and the last one as "previous"; None stands for a tensor
    that could not be made, whose problem was taken down already. `place` is the path of the layer
    of the main file that an imported layer belongs to.
    """

    file: File
    names: dict[str, Value]
    tensors: dict[str, Tensor | None]
    prefix: str = ""
    frozen: bool = False
    depth: int = 0
    place: tuple[str | int, ...] | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def full_name(self, name: str) -> str:
        """The name of a layer in the whole model."""
        return f"{self.prefix}{name}"

    def free_name(self, word: str) -> str:
        """A name for a layer that the file gives none."""
        base = word.rpartition(".")[2].lower()
        name, number = base, 2
        while name in self.taken:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name

    def inside(self, name: str, names: dict[str, Value], file: File | None = None) -> Scope:
        """A scope for the layers inside the block or group called `name`."""
        return Scope(
            file=file or self.file,
            names=names,
            tensors={},
            prefix=f"{self.prefix}{name}.",
            frozen=self.frozen,
            depth=self.depth + 1,
            place=self.place,
        )
