"""Joins: operators that merge data paths, and how the receptive fields there align."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.receptive_field.branch import Mark
from archlint.analysis.receptive_field.field import Field
from archlint.analysis.receptive_field.walk import Path, Walk
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.reach import Reach
from archlint.ops.registry import Operators


class Join(Struct, frozen=True, dict=True):
    """An operator that merges data paths along one axis of one input.

    Paths are aligned if their strides are equal and their centres, averaged over the phases, agree
    (Araujo et al. 2019). Different centres may be `intended`: causal paths end at the same element
    instead, and space-to-depth, token shift and differences of neighbours combine shifted parts of
    one tensor.
    """

    node: str
    tensor: str
    axis: int
    input: str
    input_axis: int
    paths: tuple[Path, ...]
    intended: bool

    @property
    def strides(self) -> tuple[Fraction, ...]:
        """The stride of each path."""
        return tuple(reach.stride for reach in self._reaches)

    @property
    def step(self) -> int:
        """The largest step of a path; for an upsampled path, the one before the upsampling."""
        return max(map(_step, self._reaches)) or 1

    @cached_property
    def offset(self) -> Fraction | None:
        """The largest distance between the centres of two paths, None where it is not known."""
        first, *others = self._reaches
        if self._adrift or not all(first.keeps_pace(other) for other in others):
            return None
        centres = [reach.centre for reach in self._reaches]
        return max(centres) - min(centres)

    @property
    def extremes(self) -> tuple[Path, Path]:
        """The paths with the earliest and with the latest centre."""
        ordered = sorted(self.paths, key=lambda path: _reach(path).centre)
        return ordered[0], ordered[-1]

    @property
    def aligned(self) -> bool | None:
        """Whether the paths have the same centre; None where that is not known.

        Automatic padding may hide it; a path that reads the same elements at every position, or
        whose field is only bounded, has no centre.
        """
        if self._adrift or self._placeless:
            return None
        first, *others = self._reaches
        return all(first.keeps_pace(other) and first.is_concentric(other) for other in others)

    @property
    def _adrift(self) -> bool:
        return any(Mark.ADRIFT in path.field.marks for path in self.paths)

    @property
    def _placeless(self) -> bool:
        """Whether one path is constant while another moves, or is only known by a bound."""
        still = [reach.advance == 0 for reach in self._reaches]
        return any(still) != all(still) or any(not _is_exact(path.field) for path in self.paths)

    @cached_property
    def _reaches(self) -> tuple[Reach, ...]:
        return tuple([_reach(path) for path in self.paths])


def join_of(
    graph: Graph, operators: Operators, walk: Walk, output: str, source: tuple[str, int]
) -> Join | None:
    """Return the join of those paths to `output` that move along the same axis, None without two.

    `source` names the input and its axis along which `walk` went.
    """
    paths = walk.paths[output]
    local = [path for path in paths if _repeats(path.field)]
    if len(local) < 2:
        return None
    axis = local[0].field.axis
    same = tuple(path for path in local if path.field.axis == axis)
    if axis is None or len(same) < 2:
        return None
    first = same[0].field
    ends_together = all(path.field is first or _end_together(first, path.field) for path in same)
    join = Join(graph.producers[output].name, output, axis, *source, same, intended=ends_together)
    if ends_together or join.aligned:  # pieces that are aligned need no further check
        return join
    return replace(join, intended=_rearranges(graph, operators, walk.fields, same))


def meet_apart(paths: Sequence[Path]) -> bool:
    """Whether paths may form a misaligned join, by a quick check that excludes nearly all joins."""
    first = paths[0].field
    return any(
        path.field is not first and not _lie_together(first, path.field) for path in paths[1:]
    )


def _lie_together(first: Field, second: Field) -> bool:
    """Whether two fields move along the same axis, with the same stride and centre."""
    if first.axis != second.axis or not (_repeats(first) and _repeats(second)):
        return False
    one, other = first.reach, second.reach
    return (
        one is not None and other is not None and one.keeps_pace(other) and one.is_concentric(other)
    )


def _repeats(field: Field) -> bool:
    reach = field.reach
    return reach is not None and not reach.finite and field.kind == "local"


def _reach(path: Path) -> Reach:
    found = path.field.reach
    return found if found is not None else Reach(0, ())


def _step(reach: Reach) -> int:
    """Return the step of a field; for a flattened map, the step within a row."""
    if reach.advance:
        return abs(reach.advance)
    return max((after.low - before.low for before, after in pairwise(reach.offsets)), default=0)


def _is_exact(field: Field) -> bool:
    return field.status == "exact" and Mark.ROLLED not in field.marks


def _end_together(first: Field, second: Field) -> bool:
    """Whether two fields have the same stride, and position 0 reads up to the same element."""
    one, other = first.reach, second.reach
    return one is not None and other is not None and one.keeps_pace(other) and one.end == other.end


def _rearranges(
    graph: Graph, operators: Operators, fields: Mapping[str, Field], paths: Sequence[Path]
) -> bool:
    """Whether the paths are pieces of one tensor."""
    origins = {_origin(graph, operators, fields, path.tensor) for path in paths}
    return len(origins) == 1 and any(path.tensor not in origins for path in paths)


def _origin(graph: Graph, operators: Operators, fields: Mapping[str, Field], tensor: str) -> str:
    """Return the tensor that is sliced or moved, following pointwise operators back."""
    while (node := graph.producers.get(tensor)) is not None:
        before = [name for name in node.inputs if name in fields]
        moved = len(before) == 1 and _is_moved(fields[before[0]], fields[tensor])
        if not before or not (moved or _is_cut(operators, node)):
            break
        tensor = before[0]
    return tensor


def _is_moved(before: Field, after: Field) -> bool:
    """Whether an operator only moves elements: each reads one position, possibly a shifted one."""
    if before == after:
        return True
    if not (_is_local(before) and _is_local(after)):
        return False
    first, second = before.reach, after.reach
    if first is None or second is None or not first.keeps_pace(second):
        return False
    return len({taps.mask for reach in (first, second) for taps in reach.offsets}) == 1


def _is_local(field: Field) -> bool:
    return field.kind == "local"


def _is_cut(operators: Operators, node: Node) -> bool:
    operator = operators.of(node)
    return operator is not None and operator.selection is not None
