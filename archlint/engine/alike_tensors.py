"""Statistics of many short tensors of equal size, computed together for speed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.sources.byte_file import ByteFile
from archlint.sources.payload import Payload
from archlint.sources.problem import Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import TensorProto

    from archlint.sources.statistics import Statistics

_WIDTHS: Mapping[int, int] = {1: 4, 10: 2, 11: 8, 16: 2}
"""Bytes of a number of the element types that weights have: float32, float16, float64, bfloat16."""

_AT_ONCE = 128 * 1024
"""Bytes that are described together: they fit into a cache, and no tensor is sampled."""

Kind = tuple[int, int]
"""The element type, and the number of elements."""


class AlikeTensors(Struct, frozen=True, dict=True):
    """The tensors of a file by their kind, each described once with others of its kind."""

    path: Path
    payloads: Mapping[str, Payload]
    tensors: Mapping[str, TensorProto]

    def with_others(self, name: str) -> dict[str, Statistics]:
        """Return the statistics of a tensor and of some others of its kind, by name.

        The result is empty for a tensor that is long, that has been described, or whose byte count
        does not match its dimensions.
        """
        kind = self._kind(name)
        waiting = {} if kind is None else self._waiting.get(kind, {})
        if kind is None or name not in waiting:
            return {}
        most = max(_AT_ONCE // (kind[1] * _WIDTHS[kind[0]]), 1)
        del waiting[name]
        names = [name, *(waiting.popitem()[0] for _ in range(min(most - 1, len(waiting))))]
        return self._described(kind, names)

    @cached_property
    def _waiting(self) -> dict[Kind, dict[str, None]]:
        """The names of the tensors of each kind that are not described yet, the last one first."""
        waiting: dict[Kind, dict[str, None]] = {}
        for name in reversed({**self.payloads, **self.tensors}):
            kind = self._kind(name)
            if kind is not None:
                waiting.setdefault(kind, {})[name] = None
        return waiting

    def _kind(self, name: str) -> Kind | None:
        """Return the kind of a tensor, None for one that is not described with others."""
        payload, tensor = self.payloads.get(name), self.tensors.get(name)
        if payload is not None:
            code, dims, length = payload.data_type, payload.dims, payload.length
            is_raw = payload.field == "raw_data"
        elif tensor is not None:
            code, dims, length = tensor.data_type, tuple(tensor.dims[:]), len(tensor.raw_data)
            is_raw = tensor.data_location != tensor.EXTERNAL
        else:
            return None
        if not is_raw or min(dims, default=1) < 1 or not 0 < length <= _AT_ONCE:
            return None
        count = prod(dims)
        return (code, count) if length == count * _WIDTHS.get(code, 0) else None

    def _described(self, kind: Kind, names: list[str]) -> dict[str, Statistics]:
        from archlint.sources.elements import decoder
        from archlint.sources.statistics import row_statistics

        try:
            found = dict(zip(names, self._contents(names), strict=True))
        except Unreadable:
            return {}
        distinct = tuple(dict.fromkeys(found.values()))  # gains and biases are most often alike
        decode = decoder(kind[0])
        if decode is None:
            return {}
        rows = decode(memoryview(b"".join(distinct))).reshape(len(distinct), kind[1])
        known = dict(zip(distinct, row_statistics(rows), strict=True))
        return {name: known[contents] for name, contents in found.items()}

    def _contents(self, names: list[str]) -> list[bytes]:
        """Return the bytes of tensors; raises Unreadable."""
        with ByteFile.open(self.path) as file:
            return [
                self.tensors[name].raw_data
                if (payload := self.payloads.get(name)) is None
                else file.read(payload.offset, payload.length)
                for name in names
            ]
