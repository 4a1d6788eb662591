"""Limits on the size of files that the reader accepts."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True):
    """Bounds that keep a hostile file from exhausting the machine.

    payload: size in bytes from which the elements of a tensor are left out.
    fields: the number of nodes, attributes and the like; a graph of 50,000 nodes has about 200,000.
    skeleton: bytes of the model without its payloads; the same graph has about 18 MB.
    nesting: depth of nested messages; protobuf's own parsers stop at 100.
    """

    payload: int = 4096
    fields: int = 1_000_000
    skeleton: int = 64 * 1024 * 1024
    nesting: int = 100
