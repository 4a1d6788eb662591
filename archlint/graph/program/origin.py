"""What a stored tensor was computed from during export, which onnxscript's optimizer notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.program.call_record import base_name
from archlint.graph.program.signature import Signature

if TYPE_CHECKING:
    from archlint.graph.graph import Graph

FOLDED_FROM = "pkg.onnxscript.optimizer.folded_from"
"""The names of all tensors that went into one, in alphabetic order."""

_NAME = re.compile(r"'([^']*)'")
_UNNAMED = re.compile(r"val_\d+")  # what the exporter makes inside a call
_PARAMETER = "PARAMETER"


class Origin(Struct, frozen=True):
    """What a tensor was computed from during export.

    `parameters` and `others` are stored tensors of the program, the latter its buffers and
    constants. `names` are those of the calls, of which the last one made the tensor itself. The
    order of the others is not recorded, nor which call takes what.
    """

    parameters: tuple[str, ...]
    others: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def calls(self) -> tuple[str, ...]:
        """The base names of its calls."""
        return tuple(map(base_name, self.names))


def origin_of(graph: Graph, name: str, named: Signature) -> Origin | None:
    """Return what a stored tensor was computed from; None where the file does not say."""
    weight = graph.weights.get(name)
    text = None if weight is None else weight.metadata.get(FOLDED_FROM)
    if text is None or name in named.kinds:
        return None
    sources = [*_NAME.findall(text), name]
    kinds = {source: named.kinds[source] for source in sources if source in named.kinds}
    return Origin(
        tuple(source for source, kind in kinds.items() if kind == _PARAMETER),
        tuple(source for source, kind in kinds.items() if kind != _PARAMETER),
        tuple(
            source for source in sources if source not in kinds and not _UNNAMED.fullmatch(source)
        ),
    )


def origins(graph: Graph, named: Signature) -> Mapping[str, Origin]:
    """Return the stored tensors that were computed during export, with what they are made of."""
    found = ((name, origin_of(graph, name, named)) for name in graph.weights)
    return {name: each for name, each in found if each is not None}


def folded_names(graph: Graph) -> Iterator[str]:
    """Yield the names of all computed tensors, and of all tensors that went into them."""
    for name, weight in graph.weights.items():
        text = weight.metadata.get(FOLDED_FROM)
        if text is not None:
            yield from _NAME.findall(text)
            yield name


def origin_note(names: Iterable[str]) -> str:
    """Return the note that a tensor was computed from those with these names."""
    return repr(sorted(names))
