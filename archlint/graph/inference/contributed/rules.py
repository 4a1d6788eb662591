"""The shape rules of all contributed operators, except those with a standard equivalent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archlint.graph.inference.contributed.attention import ATTENTION
from archlint.graph.inference.contributed.classical import CLASSICAL
from archlint.graph.inference.contributed.elementwise import ELEMENTWISE
from archlint.graph.inference.contributed.given import Rule
from archlint.graph.inference.contributed.products import PRODUCTS
from archlint.graph.inference.contributed.rearranged import BLOCKS, REARRANGED
from archlint.graph.inference.contributed.stand_in import BLOCKED, MICROSOFT

RULES: Mapping[tuple[str, str], Rule] = MappingProxyType(
    {
        **{
            (MICROSOFT, name): rule
            for family in (ATTENTION, ELEMENTWISE, PRODUCTS, REARRANGED)
            for name, rule in family.items()
        },
        **{(BLOCKED, name): rule for name, rule in BLOCKS.items()},
        **{("ai.onnx.ml", name): rule for name, rule in CLASSICAL.items()},
        # onnxruntime writes it in the standard domain too.
        ("", "SimplifiedLayerNormalization"): ELEMENTWISE["SimplifiedLayerNormalization"],
    }
)
"""By domain and name."""
