"""State shared by the readers of all graphs of one model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

from archlint.graph.control_flow.unrolling import Allowance
from archlint.graph.reading.kind import Kinds

if TYPE_CHECKING:
    from archlint.graph.inference.standard import NodeInference
    from archlint.graph.inference.typeproto import Types
    from archlint.graph.node import Attribute
    from archlint.graph.reading.written import Written
    from archlint.graph.rebatch.rebatch import Rebatch


Outcome: TypeAlias = tuple[bytes | None, ...] | str
"""The serialized types of a node's outputs in their order, or the reason why there are none."""


class Context(Struct, frozen=True, eq=False):
    """The model's operators, its types, and what its file declares.

    `declared` holds the serialized types that the file gives to tensors of the main graph.
    `rebatch` adapts a model whose fixed batch was changed. `kinds` caches the calls that were read
    before, and `attributes` their attributes; `allowance` limits the unrolling of loops.
    """

    inference: NodeInference
    types: Types
    declared: Mapping[str, bytes]
    rebatch: Rebatch | None = None
    kinds: Kinds = field(default_factory=Kinds)
    attributes: dict[Written, Mapping[str, Attribute]] = field(default_factory=dict)
    allowance: Allowance = field(default_factory=Allowance)
