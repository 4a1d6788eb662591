"""What training computes beyond what a file shows, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.program.signature import signature
from archlint.ops.operator import FRAMEWORK
from archlint.ops.restored.twins import MAY_REPEAT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archlint.analysis.compute.compute import Compute
    from archlint.graph.node import Node

_SHOWN = 3


def restored_work(file: Compute, training: Compute) -> str | None:
    """Return what an optimizer took out of a file that training computes; None for nothing.

    It merges equal calls, and computes beforehand what depends on no input. `training` is the work
    of the network before that.
    """
    found = [
        (node, training.of_node[node.name])
        for node in training.graph.nodes
        if node.name not in file.graph.by_name and training.of_node[node.name].macs.high
    ]
    folded = [(node, work.is_bounded) for node, work in found if node.domain == FRAMEWORK]
    merged = len(found) - len(folded)
    doubted, known = (
        list(
            dict.fromkeys(name for node, each in folded if each is is_bounded for name in _of(node))
        )
        for is_bounded in (True, False)
    )
    notes = []
    if merged:
        products = "a product" if merged == 1 else f"{merged} products"
        notes.append(
            f"the exporter merged {products} with equal ones; training computes all of them"
        )
    if known:
        notes.append(f"training computes products of {_shown(known)}, which the exporter folded")
    if doubted:
        notes.append(
            f"the exporter folded products of {_shown(doubted)}, whose sizes are not recorded: "
            "export with optimize=False"
        )
    if any(MAY_REPEAT in node.attributes for node in training.graph.nodes):
        is_recorded = signature(training.graph) is not None
        notes.append(
            "the exporter may have merged more products, which are not recorded: export with "
            + ("optimize=False" if is_recorded else "dynamo=True, optimize=False")
        )
    return "; ".join(notes) or None


def _of(node: Node) -> Sequence[str]:
    """Return what a tensor was computed from, or the tensor where that were no parameters."""
    return node.inputs or node.outputs


def _shown(names: Sequence[str]) -> str:
    """Return the first names of a list."""
    return ", ".join(names[:_SHOWN]) + ", ..." * (len(names) > _SHOWN)
