"""A stored tensor: what the file says about it without its bytes."""

from __future__ import annotations

from collections.abc import Mapping

from archlint.record import record

INITIALIZER, FROZEN, BUFFER = "archlint.initializer", "archlint.frozen", "archlint.buffer"
ADAPTER = "archlint.adapter"  # "true" for what a training adds beside the weights of the file


@record
class Weight:
    """A stored tensor, by name.

    `metadata` holds the tensor's metadata properties; architecture YAML keeps there what it
    declares: `archlint.initializer` (as `kaiming_normal(fan_in, relu)`-like text),
    `archlint.frozen` ("true") and `archlint.buffer` ("true").
    """

    name: str
    metadata: Mapping[str, str]
    external: bool = False
