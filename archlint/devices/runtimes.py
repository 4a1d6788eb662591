"""Runtimes that give some operators to an accelerator, and the others to the processor."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.target import Target

_NO_RANKS: Mapping[str, tuple[int, ...]] = MappingProxyType({})
_NO_PAIRS: Mapping[str, str] = MappingProxyType({})


class Runtime(Struct, frozen=True):
    """What a runtime gives to its accelerator, in one version of it.

    `operators` are (domain, name), and "" is the domain of ONNX. `ranks` are the numbers of axes
    that the first input of an operator may have, `largest_rank` the most of any input. With
    `fixed_sizes`, the accelerator takes no open ones. The runtime leaves out those in `eliminated`,
    merges each of `fused` into the operator before, if that is of the kind that is given, and puts
    another in the place of each of `inlined`.
    """

    name: str
    operators: frozenset[tuple[str, str]]
    version: str = ""
    source: str = ""
    fixed_sizes: bool = False
    largest_rank: int | None = None
    ranks: Mapping[str, tuple[int, ...]] = _NO_RANKS
    eliminated: frozenset[str] = frozenset()
    fused: Mapping[str, str] = _NO_PAIRS
    inlined: Mapping[str, str] = _NO_PAIRS

    @property
    def title(self) -> str:
        """The name and the version."""
        return f"{self.name} {self.version}".rstrip()


@cache
def runtimes() -> Mapping[str, Runtime]:
    """Return the built-in runtimes by name."""
    import json
    from importlib.resources import files

    text = files("archlint.devices").joinpath("runtimes.json").read_text(encoding="utf-8")
    return MappingProxyType({entry["name"]: _read(entry) for entry in json.loads(text)["runtimes"]})


def runtime_of(target: Target) -> Runtime | None:
    """Return the runtime that a target names, or whose operators it lists; the list wins."""
    if target.runtime_operators:
        return Runtime(target.runtime or "the runtime", _listed(target.runtime_operators))
    return None if target.runtime is None else runtimes()[target.runtime]


def _read(entry: Mapping[str, Any]) -> Runtime:
    return Runtime(
        entry["name"],
        frozenset((domain, op) for domain, ops in entry["operators"].items() for op in ops),
        entry["version"],
        entry["source"],
        entry.get("fixed_sizes", False),
        entry.get("largest_rank"),
        {op: tuple(ranks) for op, ranks in entry["ranks"].items()},
        frozenset(entry["eliminated"]),
        entry["fused"],
        entry["inlined"],
    )


def _listed(names: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return operators from `Conv`, `ai.onnx:Conv` or `com.microsoft:QLinearAdd`."""
    split = ([part.strip() for part in name.rpartition(":")[::2]] for name in names)
    return frozenset(("" if domain == "ai.onnx" else domain, op) for domain, op in split)
