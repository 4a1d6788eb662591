"""What training computes beyond what a file shows, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.program.signature import signature
from archlint.ops.operator import FRAMEWORK
from archlint.ops.restored.twins import MAY_REPEAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archlint.analysis.compute.compute import Compute
    from archlint.graph.node import Node

_SHOWN = 3


def restored_work(file: Compute, training: Compute) -> str | None:
    """Return what an optimizer took out of a file that training computes; None for nothing.

    It merges equal calls, and computes beforehand what depends on no input. `training` is the work
    of the network before that.
    """
    return "; ".join((*_merged_or_folded(file, training), *_perhaps_merged(training))) or None


def _merged_or_folded(file: Compute, training: Compute) -> Iterator[str]:
    """Yield what is said of the products that are not in the file."""
    added = [
        (node, training.of_node[node.name])
        for node in training.graph.nodes
        if node.name not in file.graph.by_name and training.of_node[node.name].macs.high
    ]
    folded = [(node, work.is_bounded) for node, work in added if node.domain == FRAMEWORK]
    merged = len(added) - len(folded)
    if merged:
        products = "a product" if merged == 1 else f"{merged} products"
        yield f"the exporter merged {products} with equal ones; training computes all of them"
    known = [node for node, is_bounded in folded if not is_bounded]
    if known:
        yield f"training computes products of {_sources(known)}, which the exporter folded"
    doubted = [node for node, is_bounded in folded if is_bounded]
    if doubted:
        yield (
            f"the exporter folded products of {_sources(doubted)}, whose sizes are not recorded: "
            "export with optimize=False"
        )


def _perhaps_merged(training: Compute) -> Iterator[str]:
    """Yield what is said where more products may have been merged than the file tells."""
    if any(MAY_REPEAT in node.attributes for node in training.graph.nodes):
        is_recorded = signature(training.graph) is not None
        yield (
            "the exporter may have merged more products, which are not recorded: export with "
            + ("optimize=False" if is_recorded else "dynamo=True, optimize=False")
        )


def _sources(nodes: Iterable[Node]) -> str:
    """Return the first of the tensors that some were computed from, or else these themselves."""
    names = [*dict.fromkeys(name for node in nodes for name in node.inputs or node.outputs)]
    return ", ".join(names[:_SHOWN]) + ", ..." * (len(names) > _SHOWN)
