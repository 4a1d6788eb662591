"""One walk through a graph: the fields of all tensors along one axis of one input."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.analysis.receptive_field.field import Field, unknown_field
from archlint.analysis.receptive_field.following import leaves, through, union
from archlint.analysis.receptive_field.node_looks import Look
from archlint.analysis.receptive_field.readings import Reading, Readings
from archlint.graph.control_flow.operators import branches
from archlint.graph.graph import Graph
from archlint.ops.links import Fixed, Piece, Stage, Whole


class Path(Struct, frozen=True):
    """What one input of an operator contributes to the field of its output."""

    slot: int
    tensor: str
    field: Field


class Walk(Struct):
    """The fields of all tensors that depend on one axis of an input.

    `paths` holds, for each node that merges several data paths, the contribution of each path.
    `summed_at` is the first product with a weight that sums over the whole axis before any operator
    has widened the field: a sign that it is a feature axis. `is_features` is true where no operator
    has changed the axis before.
    """

    fields: dict[str, Field]
    paths: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    summed_at: str | None = None
    is_features: bool = False
    _distinct: dict[Field, Field] = field(default_factory=dict)
    _repeated: dict[tuple[int, int], Field] = field(default_factory=dict)

    def follow(self, readings: Readings) -> None:
        """Compute the fields of all outputs in order."""
        fields, inside = self.fields, readings.inside
        for reading in readings:
            if len(reading.looks) == 1:  # most do not widen it along most axes
                before = fields.get(reading.sources[0])
                if before is None:
                    continue
                if leaves(reading.looks[0], before, reading.shape):
                    fields[reading.outputs[0]] = before
                    continue
            if inside and reading.node.name in inside:
                self._follow_inside(reading, readings)
            else:
                self._follow(reading)
            if self.is_features:
                return
        readings.spread(fields)

    @property
    def mixes(self) -> bool:
        """Whether any operator reads more than one position of the axis."""
        return any(
            not each.is_local or each.size != (1, 1)
            for each in self.fields.values()
            if each.kind not in {"unknown", "independent"}
        )

    def _follow(self, reading: Reading) -> None:
        fields = self.fields
        if reading.lost is not None:
            if not fields.keys().isdisjoint(reading.sources):
                fields[reading.outputs[0]] = unknown_field(reading.lost)
            return
        used = [
            (look, fields[source])
            for look, source in zip(reading.looks, reading.sources, strict=True)
            if source in fields
        ]
        for look, before in used:
            if look.sums and _is_untouched(look, before) and _by_weight(reading, look):
                self.is_features = True
                return
        if used:
            fields[reading.outputs[0]] = self._seen(reading, used)

    def _seen(self, reading: Reading, used: Sequence[tuple[Look, Field]]) -> Field:
        shape, name = reading.shape, reading.node.name
        found = [
            before if leaves(look, before, shape) else self._through(before, look, name)
            for look, before in used
        ]
        seen = found[0] if len(found) == 1 else self._joined(reading, used, found)
        if self.summed_at is None and seen.whole == name:
            self._note_sum(reading, used)
        return seen

    def _through(self, before: Field, look: Look, node: str) -> Field:
        """Return the field through a look, cached since layers repeat it."""
        key = id(before), id(look)  # both are kept, by this walk and by its readings
        seen = self._repeated.get(key)
        if seen is None:
            seen = through(before, look.stages, node)
            if seen.whole == before.whole and (seen.whole or seen.branches == before.branches):
                seen = self._repeated[key] = self._one(seen)
        return seen

    def _one(self, seen: Field) -> Field:
        """Return the shared object of a field that does not grow, since few are distinct."""
        return self._distinct.setdefault(seen, seen)

    def _joined(
        self, reading: Reading, used: Sequence[tuple[Look, Field]], found: Sequence[Field]
    ) -> Field:
        """Return the union of several paths, and record them."""
        pieces = [
            link
            for look, _ in used
            if not look.is_pointwise
            for link in look.links
            if isinstance(link, Piece)
        ]
        if not _in_a_row(found, pieces):
            inputs = reading.node.inputs
            self.paths[reading.outputs[0]] = tuple(
                [
                    Path(look.slot, inputs[look.slot], each)
                    for (look, _), each in zip(used, found, strict=True)
                ]
            )
        if len(pieces) in {0, len(found)}:
            seen = union(found, pieces)
        else:  # where the later pieces begin is not known: any place may be of any of them
            seen = replace(union(found), bounded=True)
        return seen if seen.whole is None else self._one(seen)

    def _note_sum(self, reading: Reading, used: Sequence[tuple[Look, Field]]) -> None:
        """Record a product with a weight that sums over positions which were still separate."""
        for look, before in used:
            apart = look.sums and before.kind == "local" and before.size == (1, 1)
            if apart and _by_weight(reading, look):
                self.summed_at = reading.node.name

    def _follow_inside(self, reading: Reading, readings: Readings) -> None:
        node = reading.node
        if self.fields.keys().isdisjoint(reading.sources):
            return
        if not branches(node, readings.graph):
            for name in filter(None, node.outputs):
                self.fields[name] = unknown_field(f"{node.op} at {node.name} is not followed")
            return
        inside = readings.inside[node.name]
        for branch in inside:
            self.follow(branch)
        for slot, name in enumerate(node.outputs):
            ends = [self.fields.get(branch.graph.outputs[slot]) for branch in inside]
            ends.append(self._condition(reading, readings.graph, name))
            known = [end for end in ends if end is not None]
            if name and known:
                self.fields[name] = union(known)

    def _condition(self, reading: Reading, graph: Graph, output: str) -> Field | None:
        """Return the field of the condition of an If, which all of its outputs depend on."""
        condition = self.fields.get(reading.sources[0])
        if condition is None:
            return None
        links = tuple(Fixed(axis) for axis in range(len(condition.shape)))
        return through(
            condition, (Stage(links, graph.values[output].shape or ()),), reading.node.name
        )


def _by_weight(reading: Reading, look: Look) -> bool:
    """Whether a look is multiplied by data-independent weights."""
    return look.weighted or len(reading.looks) == 1


def _is_untouched(look: Look, before: Field) -> bool:
    """Whether a product sums over an axis that no operator has changed before."""
    if before.whole is not None or len(before.branches) != 1:
        return False
    terms = before.branches[0].terms
    if len(terms) != 1:
        return False
    axis, term = terms[0]
    return term.is_identity and any(
        isinstance(link, Whole) and link.features and link.source == axis for link in look.links
    )


def _in_a_row(fields: Sequence[Field], pieces: Sequence[Piece]) -> bool:
    """Whether maps are concatenated along the axis that carries them, so that none merge."""
    axes = {piece.axis for piece in pieces}
    return bool(axes) and any(each.is_local and each.axis in axes for each in fields)
