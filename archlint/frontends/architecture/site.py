"""The interface of a layer's build function: its settings, and what it adds to the graph."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from archlint.frontends.architecture.builder import Builder
from archlint.frontends.architecture.default import KERAS, PYTORCH
from archlint.frontends.architecture.node_inference import BuildError
from archlint.frontends.architecture.tensor import Dim, Tensor, shape_text
from archlint.frontends.properties import ADAPTER, BUFFER, FAN_IN, FAN_OUT, FROZEN, PATH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archlint.frontends.architecture.default import Default
    from archlint.frontends.architecture.initializer import Initializer

_NO_FACTS: Mapping[str, str] = {}
_FLOAT, _INT64 = 1, 7


class Rejected(Exception):
    """Raised by a layer that cannot be built as asked; `argument` is the one to point at."""

    def __init__(
        self,
        message: str,
        argument: str | None = None,
        help: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.argument = argument
        self.help = help


class Adapter(Struct, frozen=True):
    """A low-rank adapter: two thin matrices of `rank`, scaled by alpha / rank."""

    rank: int
    alpha: float


class Site(Struct):
    """One layer being built.

    `initializers` holds what the file declares by the words "init" and "bias_init", or for some
    weights only, as "init.out_proj"; elsewhere the default of `framework` holds. `tied` is the
    weight that the layer shares, `adapter` the requested low-rank adapter. `used` collects the keys
    that the layer used.
    """

    builder: Builder
    name: str
    metadata: Mapping[str, str]
    initializers: Mapping[str, Initializer] = field(default_factory=dict)
    framework: str = PYTORCH
    frozen: bool = False
    tied: Tensor | None = None
    adapter: Adapter | None = None
    used: set[str] = field(default_factory=set)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def node(
        self,
        op: str,
        *inputs: Tensor | None,
        part: str = "",
        shape: tuple[Dim, ...] | None = None,
        facts: Mapping[str, str] = _NO_FACTS,
        **attributes: Any,  # noqa: ANN401 - attributes are of many types
    ) -> Tensor:
        """Add a node with one output; `part` names it where it is not the layer's last node.

        `shape` is given where ONNX infers none. `facts` go into the metadata of the node.
        """
        output = self.nodes(op, *inputs, outputs=1, part=part, facts=facts, **attributes)[0]
        return output if shape is None else self.builder.declare(output, shape)

    def nodes(
        self,
        op: str,
        *inputs: Tensor | None,
        outputs: int,
        part: str = "",
        facts: Mapping[str, str] = _NO_FACTS,
        **attributes: Any,  # noqa: ANN401 - attributes are of many types
    ) -> tuple[Tensor, ...]:
        """Add a node with several outputs."""
        name = f"{self.name}.{part}" if part else self.name
        metadata = {**self.metadata, **facts}
        try:
            return self.builder.node(op, inputs, name, metadata, outputs, **attributes)
        except BuildError as error:
            raise Rejected(str(error)) from error

    def weight(
        self,
        part: str,
        dims: Sequence[int],
        default: Default,
        fans: tuple[int, int] | None = None,
        role: str = "init",
    ) -> Tensor:
        """Declare a weight; `fans` are fan-in and fan-out, by default as PyTorch counts them.

        PyTorch's fan-in of a tensor (O, I, k...) is I * prod(k), its fan-out O * prod(k).
        """
        if part == "weight" and self.tied is not None:
            return self._shared(self.tied, dims)
        facts = {PATH: self.metadata[PATH]}
        if self.frozen:
            facts[FROZEN] = "true"
        if role == "lora":
            facts[ADAPTER] = "true"
        if fans is None and len(dims) > 1:
            fans = (prod(dims[1:]), dims[0] * prod(dims[2:]))
        declared, fans = self._declared(role, part, default, fans)
        if fans is not None:
            facts |= {FAN_IN: str(fans[0]), FAN_OUT: str(fans[1])}
        tensor = self.builder.weight(f"{self.name}.{part}", dims, declared, facts)
        self.weights[part] = tensor
        return tensor

    def bias(self, dims: Sequence[int], default: Default, part: str = "bias") -> Tensor:
        """Declare a bias."""
        return self.weight(part, dims, default, role="bias_init")

    def buffer(self, part: str, dims: Sequence[int], initializer: Initializer) -> Tensor:
        """Declare a stored tensor that is not trained, such as a running mean."""
        facts = {PATH: self.metadata[PATH], BUFFER: "true"}
        return self.builder.weight(f"{self.name}.{part}", dims, initializer, facts)

    def _declared(
        self, role: str, part: str, default: Default, fans: tuple[int, int] | None
    ) -> tuple[Initializer, tuple[int, int] | None]:
        """Return the initializer of a weight; a layer's default is also that of its bias."""
        framework = self.framework
        for word, declared in self.initializers.items():
            named, _, start = word.partition(".")
            is_default = declared.name in {PYTORCH, KERAS}
            if named == role and part.startswith(start):
                self.used.add(word)
                if not is_default:
                    return declared, fans
                framework = declared.name
                break
            if is_default and word == "init" and role == "bias_init":
                framework = declared.name
        return default.of(framework, fans)

    def _shared(self, tied: Tensor, dims: Sequence[int]) -> Tensor:
        if tied.shape != tuple(dims):
            raise Rejected(
                f"cannot share a weight {tied} where {shape_text(tuple(dims))} is needed", "tie"
            )
        self.used.add("tie")
        return tied

    def integers(self, values: Sequence[int], part: str) -> Tensor:
        """Store a list of integers, such as the target of a Reshape."""
        return self.builder.constant(f"{self.name}.{part}", values, None, _INT64)

    def integer(self, value: int, part: str) -> Tensor:
        """Store one integer."""
        return self.builder.constant(f"{self.name}.{part}", [value], [], _INT64)

    def floats(self, values: Sequence[float], dims: Sequence[int], part: str) -> Tensor:
        """Store a tensor of fixed numbers, which is not trained."""
        facts = {PATH: self.metadata[PATH], BUFFER: "true"}
        return self.builder.constant(f"{self.name}.{part}", values, dims, _FLOAT, facts)

    def scalar(self, value: float, part: str, like: Tensor) -> Tensor:
        """Store a number of the element type of `like`."""
        return self.builder.constant(f"{self.name}.{part}", [value], [], like.dtype)
