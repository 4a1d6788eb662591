"""Receptive fields: what every tensor reads of every axis of every input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from archlint.analysis.field import Branch, Field, source_field, through, union, unknown_field
from archlint.analysis.field_path import Step, widest_path
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role
from archlint.ops.call import Call
from archlint.ops.links import Sight, Whole
from archlint.ops.registry import Operators
from archlint.ops.undetermined import Undetermined


@dataclass(frozen=True, slots=True)
class Extent:
    """An axis of an input that spans space or time, and its length where that is known."""

    input: str
    axis: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Join:
    """An operator that merges two data paths, and how their fields lie to each other.

    `offset` is the distance between the centres of the fields, in input elements, averaged over
    the phases; paths are aligned where it is 0 and their strides agree (Araujo et al. 2019).
    """

    node: str
    tensor: str
    axis: int
    extent: Extent
    offset: Fraction
    strides: tuple[Fraction, Fraction]

    @property
    def aligned(self) -> bool:
        """Whether the paths look at the same place."""
        return self.offset == 0 and self.strides[0] == self.strides[1]


@dataclass(frozen=True)
class ReceptiveFields:
    """The fields of a graph, worked out forward from each input axis.

    Axes of features (channels, embeddings) are no extents and are left out: they are the ones that
    a product sums over before anything else has happened to them. So is the batch axis.
    """

    graph: Graph
    operators: Operators

    @cached_property
    def extents(self) -> tuple[Extent, ...]:
        """The axes of the inputs that span space or time."""
        return tuple(self._walks)

    def of(self, tensor: str, extent: Extent) -> Field:
        """Return what `tensor` reads along `extent`; a field without branches is independent."""
        return self._walks[extent].get(tensor, Field())

    def depends(self, tensor: str, extent: Extent) -> bool:
        """Whether `tensor` depends on the input along `extent`."""
        return tensor in self._walks[extent]

    def path(self, tensor: str, extent: Extent) -> tuple[Step, ...]:
        """Return the nodes that make the field of `tensor`, from the input on."""
        return widest_path(self.graph, self._walks[extent], tensor)

    @cached_property
    def maps(self) -> tuple[str, ...]:
        """The last feature maps with an extent, before all is read, and the graph outputs."""
        last = {
            self._origin(name, extent)
            for extent, fields in self._walks.items()
            for name, field in fields.items()
            if field.moves and self._ends(name, extent)
        }
        names = [name for node in self.graph.nodes for name in node.outputs if name in last]
        return tuple(dict.fromkeys([*names, *self.graph.outputs]))

    @cached_property
    def joins(self) -> tuple[Join, ...]:
        """Every place where two paths with a local field meet."""
        return tuple(
            join
            for extent in self._walks
            for node in self.graph.nodes
            for join in self._joins_at(node, extent)
        )

    @cached_property
    def _walks(self) -> dict[Extent, dict[str, Field]]:
        walks = {}
        for name in self.graph.inputs:
            shape = self.graph.values[name].shape or ()
            for axis in range(1, len(shape)):
                length = shape[axis]
                extent = Extent(name, axis, length if isinstance(length, int) else None)
                fields = self._walk(extent)
                if fields is not None:
                    walks[extent] = fields
        return walks

    def _walk(self, extent: Extent) -> dict[str, Field] | None:
        """Return the fields of all tensors along one input axis, None for an axis of features."""
        fields = {extent.input: source_field(extent.axis)}
        for node in self.graph.nodes:
            if not any(name in fields for name in node.inputs):
                continue
            for slot, name in enumerate(node.outputs):
                if not name:
                    continue
                sight = self._sights[node.name][slot]
                if isinstance(sight, str):
                    if self._is_data(name):
                        fields[name] = unknown_field(sight)
                    continue
                if self._sums_features(node, sight, fields):
                    return None
                seen = self._seen(node, sight, fields, extent)
                if seen is not None:
                    fields[name] = seen
        return fields

    def _seen(
        self, node: Node, sight: Sight, fields: Mapping[str, Field], extent: Extent
    ) -> Field | None:
        paths = [
            through(fields[node.inputs[slot]], links, self._shape(node.inputs[slot]), extent.length)
            for slot, links in sight.items()
            if node.inputs[slot] in fields
        ]
        return union(paths) if paths else None

    @cached_property
    def _sights(self) -> dict[str, tuple[Sight | str, ...]]:
        """How each output of each node looks at its inputs, or why that is not known."""
        return {
            node.name: tuple(self._sight(node, slot) for slot in range(len(node.outputs)))
            for node in self.graph.nodes
        }

    def _sight(self, node: Node, slot: int) -> Sight | str:
        operator = self.operators.of(node)
        if operator is None:
            return f"{node.op} at {node.name} is not known"
        if not node.outputs[slot]:
            return {}
        try:
            return operator.sight(Call(node, self.graph), slot)
        except Undetermined as reason:
            return f"{node.op} at {node.name}: {reason}"

    def _sums_features(self, node: Node, sight: Sight, fields: Mapping[str, Field]) -> bool:
        """Whether a product sums over the followed axis before anything else touched it."""
        for slot, links in sight.items():
            field = fields.get(node.inputs[slot])
            if field is None or len(field.branches) != 1:
                continue
            (branch,) = field.branches
            if any(
                isinstance(link, Whole) and link.features and _untouched(branch, link.source)
                for link in links
            ):
                return True
        return False

    def _shape(self, name: str) -> tuple[object, ...]:
        return self.graph.values[name].shape or ()

    def _is_data(self, name: str) -> bool:
        """Whether a tensor can carry data: integers that were computed are shapes and indices."""
        value = self.graph.values[name]
        return value.role is Role.INPUT or value.dtype is None or value.dtype.is_float

    def _ends(self, name: str, extent: Extent) -> bool:
        """Whether a user of the tensor no longer has the axis."""
        fields = self._walks[extent]
        return any(
            output in fields and not fields[output].moves and fields[output].unknown is None
            for user in self.graph.consumers.get(name, ())
            for output in user.outputs
        )

    def _origin(self, name: str, extent: Extent) -> str:
        """Return the tensor that a chain of pointwise operators started from."""
        fields = self._walks[extent]
        while name in self.graph.producers:
            node = self.graph.producers[name]
            data = [used for used in node.inputs if used in fields]
            if len(data) != 1 or data[0] in self.graph.inputs or fields[data[0]] != fields[name]:
                return name
            name = data[0]
        return name

    def _joins_at(self, node: Node, extent: Extent) -> Iterable[Join]:
        fields = self._walks[extent]
        sight = self._sights[node.name][0] if node.outputs else ""
        if isinstance(sight, str) or len(sight) < 2:
            return
        paths = []
        for slot, links in sight.items():
            name = node.inputs[slot]
            if name not in fields:
                continue
            field = through(fields[name], links, self._shape(name), extent.length)
            if field.axis is not None and field.reach is not None:
                paths.append((field.axis, field.reach))
        for axis, reach in paths[1:]:
            first_axis, first = paths[0]
            if axis == first_axis:
                yield Join(
                    node.name,
                    node.output,
                    axis,
                    extent,
                    reach.centre - first.centre,
                    (first.stride, reach.stride),
                )


def _untouched(branch: Branch, axis: int) -> bool:
    terms = dict(branch.terms)
    return axis in terms and len(terms) == 1 and terms[axis].is_identity and branch.rest.mask == 1
