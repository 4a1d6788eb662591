"""A stored tensor: what the file says about it, without its bytes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from archlint.frontends.properties import PATH


class Weight(Struct, frozen=True):
    """A stored tensor, by name.

    `metadata` holds the tensor's metadata properties; architecture YAML keeps there what it
    declares (see `archlint.frontends.properties`).
    """

    name: str
    metadata: Mapping[str, str]
    external: bool = False

    @property
    def document_path(self) -> str | None:
        """The keys that lead to its layer in an architecture file, as JSON; None elsewhere."""
        return self.metadata.get(PATH)
