"""The graph under autocast: which tensors are in half precision, and the casts it inserts."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.analysis.training.gradients import GradientFlow
from archlint.analysis.training.precision import Formatted
from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role, Value
from archlint.ops import insertion
from archlint.ops.autocast import Casting, Lists
from archlint.ops.call import Call
from archlint.ops.undetermined import Undetermined
from archlint.ops.weight_origin import WeightOrigin

_FORMATS = frozenset({DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16})
_CASTS = frozenset({Casting.STATED, Casting.LIKE})


def autocast(
    graph: Graph, gradients: GradientFlow, half: DType, lists: Lists, unsettled: DType
) -> Formatted:
    """Return `graph` as autocast runs it, with a node for every cast of a tensor.

    The inputs of an operator are cast to the format that it requires, each to a new tensor. Only
    half-precision copies of leaves that need a gradient, above all parameters, are cached for the
    next operator. `unsettled` is the format of operators that are not in `lists`.
    """
    values = dict(graph.values)
    walk = _Walk(replace(graph, values=values), gradients, half, lists, unsettled, values)
    for node in graph.nodes:
        walk.visit(node)
    casted = replace(graph, nodes=tuple(walk.nodes), values=values)
    return Formatted(casted, tuple(walk.cached.values()), tuple(dict.fromkeys(walk.reasons)))


class _Walk(Struct):
    graph: Graph
    gradients: GradientFlow
    half: DType
    lists: Lists
    unsettled: DType
    values: dict[str, Value]  # of the graph, with the formats found so far
    nodes: list[Node] = field(default_factory=list)
    cached: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def visit(self, node: Node) -> None:
        """Add a node after the casts of its inputs, and record the formats of its outputs."""
        casting = self._casting(node)
        floats = [name for name in node.inputs if self._is_float(name)]
        widest = self._widest(floats)
        asked = {
            None: self.unsettled,
            Casting.HALF: self.half,
            Casting.SINGLE: DType.FLOAT32,
            Casting.JOINED: widest,
        }.get(casting)
        if asked is not None:
            inputs = tuple(
                self._in_format(name, asked, f"{node.name}#{slot}") if name in floats else name
                for slot, name in enumerate(node.inputs)
            )
            node = replace(node, inputs=inputs)
        self.nodes.append(node)
        self._answer(node, casting, floats, asked or widest)

    def _answer(
        self, node: Node, casting: Casting | None, floats: list[str], dtype: DType | None
    ) -> None:
        """Record the formats of the outputs of a node, whose float outputs have `dtype`."""
        outputs = node.outputs
        if casting is Casting.ANSWERS_SINGLE:
            dtype = DType.FLOAT32
        elif casting is Casting.STATED or not floats:
            return  # as the file states
        elif casting is Casting.FIRST:  # the others are statistics
            outputs, dtype = outputs[:1], self.values[floats[0]].dtype
        elif casting is Casting.LIKE:
            dtype = self.values[floats[-1]].dtype
        for name in outputs:
            if name and self.values[name].dtype in _FORMATS:
                self.values[name] = replace(self.values[name], dtype=dtype)

    def _widest(self, names: list[str]) -> DType | None:
        """Return the widest format; scalars count only if all inputs are scalars."""
        values = [self.values[name] for name in names]
        counted = [value for value in values if value.shape] or values
        if not counted:
            return None
        return DType.FLOAT32 if any(v.dtype is DType.FLOAT32 for v in counted) else self.half

    def _casting(self, node: Node) -> Casting | None:
        """Return the casting of an operator, None where it is not known."""
        operator = self.gradients.operators.of(node)
        if operator is None:
            return Casting.WIDEST  # its saved tensors are unknown in any case
        try:
            return operator.casting(Call(node, self.graph), self.lists)
        except Undetermined as reason:
            self.reasons.append(str(reason))
            return None

    def _is_float(self, name: str) -> bool:
        """Whether the format of a tensor counts; constants adopt the format of other inputs."""
        if not name or self.values[name].dtype not in _FORMATS:
            return False
        if name not in self.graph.constants or self.values[name].elements != 1:
            return True
        parameters = self.gradients.parameters
        return parameters.origins.get(name) in parameters.trainable

    def _in_format(self, name: str, dtype: DType, place: str) -> str:
        """Return a tensor in a format, cast where it has another one."""
        if self.values[name].dtype is dtype:
            return name
        if dtype is self.half and self.values[name].dtype is DType.FLOAT32:
            copy = self._cached(name, place)
            if copy is not None:
                return copy
        return self._cast(name, dtype, place)

    def _cached(self, name: str, place: str) -> str | None:
        """Return the one copy of a leaf that needs a gradient, None for any other tensor.

        Operators that exporters insert between a parameter and its user, such as a transposition,
        are then applied to the copy.
        """
        source, carriers = name, []
        while source not in self.cached and not self._is_leaf(source):
            carrier = self._carrier(source)
            if carrier is None:
                return None
            carriers.append(carrier)
            source = carrier.inputs[0]
        if source not in self.cached:
            self.cached[source] = self._cast(source, self.half, place, f"{source}#half")
        for carrier in reversed(carriers):
            self._carry(carrier)
        return self.cached[name]

    def _carrier(self, name: str) -> Node | None:
        """Return the node that derived a tensor from another one without changing its format."""
        maker = self.graph.producers.get(name)
        operator = None if maker is None else self.gradients.operators.of(maker)
        if maker is None or operator is None or operator.origin is not WeightOrigin.SAME:
            return None
        return None if self._casting(maker) in _CASTS else maker

    def _carry(self, carrier: Node) -> None:
        """Apply a node to the half-precision copy of its input."""
        name = carrier.output
        self.cached[name] = self._new(name, self.half, f"{name}#half")
        inputs = (self.cached[carrier.inputs[0]], *carrier.inputs[1:])
        self.nodes.append(
            replace(
                carrier, name=f"{carrier.name}#half", inputs=inputs, outputs=(self.cached[name],)
            )
        )

    def _is_leaf(self, name: str) -> bool:
        parameter = self.gradients.parameters.trainable.get(name)
        if parameter is not None:
            return parameter.trained
        return name in self.graph.inputs and name in self.gradients.needed

    def _cast(self, name: str, dtype: DType, place: str, copy: str = "") -> str:
        """Cast a tensor in a node that is named after its `place`, a slot of the consuming node."""
        copy = self._new(name, dtype, copy or place)
        self.nodes.append(insertion.cast(place, name, copy))
        return copy

    def _new(self, name: str, dtype: DType, copy: str) -> str:
        self.values[copy] = replace(self.values[name], name=copy, dtype=dtype, role=Role.COMPUTED)
        return copy
