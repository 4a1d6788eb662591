"""Axes that a network treats equally, such as height and width, share one walk."""

from __future__ import annotations

from itertools import takewhile
from operator import itemgetter

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.analysis.receptive_field.branch import Branch
from archlint.analysis.receptive_field.field import Field
from archlint.analysis.receptive_field.node_looks import Look
from archlint.analysis.receptive_field.readings import Reading, Readings
from archlint.analysis.receptive_field.walk import Path, Walk
from archlint.graph.value import Shape
from archlint.ops.links import Link, Piece, Regroup, Stage, Through, Whole


class Mirror(Struct):
    """The exchange of the (first) axis of `walk` with a second axis."""

    walk: Walk
    first: int
    second: int
    _known: dict[int, bool] = field(default_factory=dict)
    _fields: dict[int, Field] = field(default_factory=dict)

    def follow(self, name: str, readings: Readings) -> Walk:
        """Return the walk along the second axis of the input `name`.

        It equals the first one up to the operator that treats them differently.
        """
        alike = self.leading(readings)
        told = [name, *(output for reading in alike for output in reading.outputs)]
        fields, paths = self.walk.fields, self.walk.paths
        walk = Walk(
            {name: self._field(fields[name]) for name in told if name in fields},
            {name: self._paths(paths[name]) for name in told if name in paths},
        )
        if any(reading.node.name == self.walk.summed_at for reading in alike):
            walk.summed_at = self.walk.summed_at
        walk.follow(readings.since(len(alike)))
        return walk

    def leading(self, readings: Readings) -> list[Reading]:
        """Return the readings before the first one that treats the two axes differently."""
        inside = readings.inside
        return list(
            takewhile(lambda it: it.node.name not in inside and self._is_alike(it), readings)
        )

    def _is_alike(self, reading: Reading) -> bool:
        if reading.lost is not None:
            return False
        fields = self.walk.fields
        for look, source in zip(reading.looks, reading.sources, strict=True):
            before = fields.get(source)
            # A field that does not move is the same for both axes.
            if before is None or not (before.moves or before.blended):
                continue
            if not (self._is_square(before.shape) and self._looks_alike(look)):
                return False
        return True

    def _looks_alike(self, look: Look) -> bool:
        known = self._known.get(id(look))
        if known is None:
            known = self._known[id(look)] = all(map(self._stage_is_alike, look.stages))
        return known

    def _stage_is_alike(self, stage: Stage) -> bool:
        axes = {self.first, self.second}
        for link in stage.links:
            if isinstance(link, Regroup):
                if not axes.isdisjoint((*link.sources, *link.targets)):
                    return False
            elif self._link(link) not in stage.links:
                return False
        return len(stage.shape) <= self.second or self._is_square(stage.shape)

    def _is_square(self, shape: Shape) -> bool:
        return len(shape) > self.second and shape[self.first] == shape[self.second]

    def _link(self, link: Link) -> Link:
        """Return what a link would be if the axes were exchanged."""
        match link:
            case Regroup():
                return link
            case Piece():
                return replace(link, axis=self._other(link.axis))
            case Through():
                target = self._other(link.target)
                return replace(link, source=self._other(link.source), target=target)
            case Whole():
                causal, own = (
                    None if axis is None else self._other(axis) for axis in (link.causal, link.own)
                )
                return replace(link, source=self._other(link.source), causal=causal, own=own)
            case _:
                return replace(link, source=self._other(link.source))

    def _paths(self, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple([Path(path.slot, path.tensor, self._field(path.field)) for path in paths])

    def _field(self, field: Field) -> Field:
        known = self._fields.get(id(field))
        if known is None:
            known = self._fields[id(field)] = self._exchanged(field)
        return known

    def _exchanged(self, field: Field) -> Field:
        if not (field.moves or field.blended):
            return field
        branches = tuple([self._branch(branch) for branch in field.branches])
        return replace(field, branches=branches, blended=frozenset(map(self._other, field.blended)))

    def _branch(self, branch: Branch) -> Branch:
        terms = [(self._other(axis), term) for axis, term in branch.terms]
        return Branch(tuple(sorted(terms, key=itemgetter(0))), branch.rest, branch.marks)

    def _other(self, axis: int) -> int:
        if axis == self.first:
            return self.second
        return self.first if axis == self.second else axis
