"""Names that the layers of a list can use: parameters, tensors, weights, blocks."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct, field

from archlint.errors import did_you_mean
from archlint.frontends.architecture.value import Invalid, node_word

if TYPE_CHECKING:
    from archlint.frontends.architecture.expression import Value
    from archlint.frontends.architecture.file import File
    from archlint.frontends.architecture.tensor import Tensor
    from archlint.sources.yaml_node import Node

PREVIOUS = "previous"
INPUT = "input"

# Limits: suggestions look at the most recent names only, and messages list the first few.
_NEAREST = 500
_LISTED = 16


class Scope(Struct):
    """The names in one list of layers.

    `tensors` holds the named outputs, and the last one as "previous"; None stands for a tensor
    that could not be built, whose problem has been recorded. `weights` holds those of named
    layers, `taken` the names in use, and `numbers` the next number for each kind of unnamed layer.
    `place` is the path of the layer of the main file that an imported layer belongs to.
    """

    file: File
    names: dict[str, Value]
    tensors: dict[str, Tensor | None]
    prefix: str = ""
    frozen: bool = False
    depth: int = 0
    place: tuple[str | int, ...] | None = None
    weights: dict[str, Tensor | None] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)

    def full_name(self, name: str) -> str:
        """The name of a layer in the whole model."""
        return f"{self.prefix}{name}"

    def free_name(self, word: str) -> str:
        """A name for a layer that the file gives none."""
        base = word.rpartition(".")[2].lower()
        number = self.numbers.get(base, 1)  # the smaller ones are taken
        while (name := base if number == 1 else f"{base}_{number}") in self.taken:
            number += 1
        self.numbers[base] = number + 1
        self.taken.add(name)
        return name

    def reference(self, node: Node) -> Tensor | None:
        """The tensor that a word refers to; raises Invalid where nothing has that name."""
        name = node_word(node, "a reference")
        if name in self.tensors:
            return self.tensors[name]
        if self.is_broken(name):
            return None
        near = did_you_mean(name, islice(reversed(self.tensors), _NEAREST))
        short = [known for known in self.tensors if "." not in known]
        listed = ", ".join(short[:_LISTED]) + (", ..." if len(short) > _LISTED else "")
        message = f"nothing before this is called {name!r}{near}"
        raise Invalid(node.span, message, f"known: {listed}")

    def weight(self, node: Node) -> Tensor | None:
        """The weight of the layer that a word refers to; raises Invalid."""
        name = node_word(node, "tie")
        if name in self.weights:
            return self.weights[name]
        if self.is_broken(name):
            return None
        near = did_you_mean(name, islice(reversed(self.weights), _NEAREST))
        message = f"no layer before this with a weight is called {name!r}{near}"
        raise Invalid(node.span, message)

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

    def is_broken(self, name: str) -> bool:
        """Whether the layer that `name` is a part of could not be built."""
        head = name.partition(".")[0]
        return head in self.tensors and self.tensors[head] is None
