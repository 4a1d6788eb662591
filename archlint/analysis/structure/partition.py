"""How a runtime divides a graph between an accelerator and the processor."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from archlint.analysis.structure.flow import Flow
from archlint.devices.runtimes import Runtime, runtime_of
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.target import Target


class Partition(Struct, frozen=True):
    """The nodes of a graph that are computed, those the accelerator lacks, and the parts it gets.

    A part is a run of nodes that the accelerator computes without the processor in between.
    """

    runtime: Runtime
    nodes: tuple[Node, ...]
    lacking: tuple[Node, ...]
    parts: tuple[tuple[Node, ...], ...]

    @property
    def share(self) -> float:
        """The share of the nodes that the accelerator computes."""
        return 1 - len(self.lacking) / len(self.nodes) if self.nodes else 1.0


def partition(flow: Flow, target: Target) -> Partition | None:
    """Divide the graph of a file into as few parts as possible, as the runtime of a target does.

    What is known before the model runs, what only computes sizes and what the runtime leaves out or
    merges is not counted. None where the target states no runtime.
    """
    runtime = runtime_of(target)
    if runtime is None:
        return None
    nodes = tuple(_computed(flow, runtime))
    lacking = [node for node in nodes if not _has(runtime, node, flow.graph)]
    names = {node.name for node in lacking}
    parts = _parts(nodes, flow.graph, lambda node: node.name not in names)
    return Partition(runtime, nodes, tuple(lacking), tuple(parts))


def _computed(flow: Flow, runtime: Runtime) -> Iterator[Node]:
    for node in flow.nodes:
        if flow.dependent.isdisjoint(node.outputs) or node.op in runtime.eliminated:
            continue
        if not _is_fused(node, flow.graph, runtime):
            yield node


def _is_fused(node: Node, graph: Graph, runtime: Runtime) -> bool:
    before = graph.producers.get(node.inputs[0]) if node.inputs else None
    kind = runtime.fused.get(node.op)
    return (
        before is not None
        and before.op == kind
        and len(graph.consumers.get(before.output, ())) == 1
        and before.output not in graph.outputs
    )


def _has(runtime: Runtime, node: Node, graph: Graph) -> bool:
    """Whether the accelerator has an operator; an unknown rank is taken to fit."""
    name = runtime.inlined.get(node.op, node.op)
    if (node.domain, name) not in runtime.operators:
        return False
    shapes = [graph.values[name].shape for name in node.inputs if name]
    ranks, most = runtime.ranks.get(node.op), runtime.largest_rank
    fits = ranks is None or not shapes or shapes[0] is None or len(shapes[0]) in ranks
    return fits and all(most is None or shape is None or len(shape) <= most for shape in shapes)


def _parts(
    nodes: tuple[Node, ...], graph: Graph, is_given: Callable[[Node], bool]
) -> Iterator[tuple[Node, ...]]:
    """Yield the parts: in turns, all that can run on the processor, then all on the accelerator.

    That gives the fewest parts, since nothing is left for later that is ready.
    """
    waits, behind = _dependencies(nodes, graph)
    ready: dict[bool, list[Node]] = {True: [], False: []}
    for node in nodes:
        if not waits[node.name]:
            ready[is_given(node)].append(node)
    while ready[True] or ready[False]:
        for turn in (False, True):
            run = ready[turn]
            for node in run:  # it grows
                for user in behind[node.name]:
                    waits[user.name] -= 1
                    if not waits[user.name]:
                        ready[is_given(user)].append(user)
            ready[turn] = []
            if turn and run:
                yield tuple(run)


def _dependencies(
    nodes: tuple[Node, ...], graph: Graph
) -> tuple[dict[str, int], dict[str, list[Node]]]:
    """Return on how many others each node waits, and which wait on it, also past nodes between."""
    counted = {node.name for node in nodes}
    sources: dict[str, frozenset[str]] = {}  # the counted nodes that a tensor comes from
    waits: dict[str, int] = {}
    behind: dict[str, list[Node]] = {name: [] for name in counted}
    for node in graph.nodes:
        read = frozenset[str]().union(*(sources.get(name, ()) for name in graph.operands(node)))
        if node.name in counted:
            waits[node.name] = len(read)
            for name in read:
                behind[name].append(node)
            read = frozenset((node.name,))
        sources.update((name, read) for name in node.outputs if name)
    return waits, behind
