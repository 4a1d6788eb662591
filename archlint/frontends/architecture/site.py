"""What a layer works with: the place where it stands, and what it may add to the graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from archlint.frontends.architecture.builder import Builder, BuildError
from archlint.frontends.architecture.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archlint.frontends.architecture.initializer import Initializer

_INT64 = 7


class Rejected(Exception):  # noqa: N818 - it says what happened, and is no bug
    """Raised by a layer that cannot be built as asked; `argument` is the one to point at."""

    def __init__(
        self,
        message: str,
        argument: str | None = None,
        help: str = "",  # noqa: A002 - the field's name in a finding
    ) -> None:
        super().__init__(message)
        self.message = message
        self.argument = argument
        self.help = help


@dataclass(slots=True)
class Site:
    """One layer being built.

    `initializers` holds what the file declares for "weight" and "bias"; `used` fills up with the
    ones that the layer had a weight for. `tied` is the weight that the layer shares, if any.
    """

    builder: Builder
    name: str
    metadata: Mapping[str, str]
    initializers: Mapping[str, Initializer] = field(default_factory=dict)
    frozen: bool = False
    tied: Tensor | None = None
    used: set[str] = field(default_factory=set)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def node(self, op: str, *inputs: Tensor | None, part: str = "", **attributes: object) -> Tensor:
        """Add a node with one output; `part` names it where it is not the layer's last node."""
        return self.nodes(op, *inputs, outputs=1, part=part, **attributes)[0]

    def nodes(
        self,
        op: str,
        *inputs: Tensor | None,
        outputs: int,
        part: str = "",
        **attributes: object,
    ) -> tuple[Tensor, ...]:
        """Add a node with several outputs."""
        name = f"{self.name}.{part}" if part else self.name
        try:
            return self.builder.node(op, inputs, name, self.metadata, outputs, **attributes)
        except BuildError as error:
            raise Rejected(str(error)) from error

    def weight(
        self,
        part: str,
        dims: Sequence[int],
        default: Initializer,
        fans: tuple[int, int] | None = None,
        role: str = "weight",
    ) -> Tensor:
        """Declare a weight; `fans` are fan-in and fan-out, by default as PyTorch counts them.

        PyTorch's fan-in of a tensor (O, I, k...) is I * prod(k), its fan-out O * prod(k).
        """
        if role in self.initializers:
            self.used.add(role)
        facts = {"archlint.frozen": "true"} if self.frozen else {}
        if fans is None and len(dims) > 1:
            fans = (prod(dims[1:]), dims[0] * prod(dims[2:]))
        if fans is not None:
            facts |= {"archlint.fan_in": str(fans[0]), "archlint.fan_out": str(fans[1])}
        declared = self.initializers.get(role, default)
        tensor = self.builder.weight(f"{self.name}.{part}", dims, declared, facts)
        self.weights[part] = tensor
        return tensor

    def bias(self, dims: Sequence[int], default: Initializer, part: str = "bias") -> Tensor:
        """Declare a bias."""
        return self.weight(part, dims, default, role="bias")

    def buffer(self, part: str, dims: Sequence[int], initializer: Initializer) -> Tensor:
        """Declare a stored tensor that is not trained, such as a running mean."""
        facts = {"archlint.buffer": "true"}
        return self.builder.weight(f"{self.name}.{part}", dims, initializer, facts)

    def integers(self, values: Sequence[int], part: str) -> Tensor:
        """Store a list of integers, such as the target of a Reshape."""
        return self.builder.constant(f"{self.name}.{part}", values, None, _INT64)

    def scalar(self, value: float, part: str, like: Tensor) -> Tensor:
        """Store a number of the element type of `like`."""
        return self.builder.constant(f"{self.name}.{part}", [value], [], like.dtype)
