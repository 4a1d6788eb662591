"""Helpers for entries of contributed operators, most of which need only a few facets."""

from __future__ import annotations

from archlint.graph.inference.contributed.stand_in import MICROSOFT
from archlint.ops.facets import saves_nothing
from archlint.ops.operator import CostFacet, LinksFacet, Operator, SavedFacet, SignalFacet


def trainable(
    name: str,
    cost: CostFacet,
    saved: SavedFacet,
    links: LinksFacet,
    weights: tuple[int, ...] = (),
) -> Operator:
    """Return the entry of an operator without a known effect on signals."""
    return Operator(name, cost, saved, links, weights=weights, domain=MICROSOFT)


def inference_only(  # noqa: PLR0913 - a keyword a facet
    name: str,
    cost: CostFacet,
    links: LinksFacet,
    weights: tuple[int, ...] = (),
    *,
    signal: SignalFacet | None = None,
    domain: str = MICROSOFT,
) -> Operator:
    """Return the entry of an operator that no training runs."""
    return Operator(
        name,
        cost,
        saves_nothing,
        links,
        signal,
        weights=weights,
        differentiable=False,
        domain=domain,
    )
