"""The error for a model that cannot be turned into a graph."""

from __future__ import annotations


class InvalidGraph(Exception):
    """A model breaks a rule of ONNX that no analysis can work around.

    `reason` is lower case, without a full stop, and holds the names; `node` is the node where it
    shows, where there is one.
    """

    def __init__(self, reason: str, node: str | None = None) -> None:
        super().__init__(reason if node is None else f"{reason} (node {node!r})")
        self.reason = reason
        self.node = node
