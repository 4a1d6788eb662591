"""Equal folded tensors that torch.export's optimizer stores once.

Gains of ones that are reshaped for their norms are all equal in a network that is not trained, and
so are tables of cosines that each layer makes. The file keeps one of them, while the record of each
call names its own. Every call gets a stored tensor of that name, noted as made of the parameter of
its module, or of what the kept tensor was made of. Calls are left alone where the names that are
gone cannot be paired with the tensors that are read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.graph.generated_names import is_generated_name
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import (
    ExportedCall,
    Signature,
    base_name,
    exported_calls,
    signature,
)
from archlint.graph.program.folding import FOLDED_FROM, Folding, foldings, sources
from archlint.graph.program.modules import module_path
from archlint.ops.restored.call_kinds import CREATIONS
from archlint.ops.restored.exported_weights import holds_norm
from archlint.ops.restored.graph_edit import GraphEdit

_PARAMETER = "PARAMETER"
_NUMBER = re.compile(r"\d+")


def with_own_foldings(graph: Graph) -> Graph:
    """Return `graph` with a stored tensor of its own for each folded one that the calls name."""
    named = signature(graph)
    return graph if named is None else _Merged(graph, named, GraphEdit(graph)).apart()


class _Merged(Struct, eq=False, dict=True):
    graph: Graph
    named: Signature
    edit: GraphEdit

    def apart(self) -> Graph:
        if not self._lost and all(each.parameters for each in self._foldings.values()):
            return self.graph
        for call in exported_calls(self.graph):
            for gone, stored in self._pairs(call):
                if gone in self.edit.weights or self._add(gone, stored, call.nodes[0]):
                    for node in call.nodes:
                        self.edit.read_instead(node, stored, gone)
        return self.edit.edited()

    def _pairs(self, call: ExportedCall) -> Iterator[tuple[str, str]]:
        """Yield the tensors that a call names and that are gone, with what it reads instead."""
        if holds_norm(call):
            return
        asked = [self.named.tensors.get(name, name) for name in call.tensors]
        there = (self.graph.values, self._kinds, self._calls)
        gone = [name for name in asked if not any(name in each for each in there)]
        read = dict.fromkeys(name for node in call.nodes for name in node.inputs)
        others = [name for name in read if self._may_be_another(name, asked)]
        if len(gone) == len(others):
            yield from zip(gone, others, strict=True)

    def _may_be_another(self, name: str, asked: Collection[str]) -> bool:
        """Whether a tensor is stored that may stand for another one than a call `asked` for.

        What the exporter names itself, such as sizes and factors, is none of the program's. What it
        made of parameters that the call asks for is theirs, as the joined biases of an LSTM.
        """
        origin = self._foldings.get(name)
        if name in asked:
            return False
        if origin is None:
            return self._kinds.get(name) == _PARAMETER
        if origin.parameters and set(origin.parameters) <= set(asked):
            return False
        return bool(origin.parameters) or not is_generated_name(name)

    def _add(self, gone: str, stored: str, user: Node) -> bool:
        """Add a tensor that is gone; false where it is not known what it was made of."""
        origin, value = self._foldings.get(stored), self.graph.values[stored]
        names = () if origin is None else (*origin.others, *origin.calls)
        if base_name(gone) in CREATIONS or (origin is not None and not origin.parameters):
            if value.elements == 1:
                return False  # a number, which takes no memory
            note = sources(names)
        else:
            made_of = (stored,) if origin is None else origin.parameters
            parameter = self._parameter(user) or self._alike(made_of)
            if parameter is None:
                return False
            self._lost.remove(parameter)
            note = sources((parameter,))
        self.edit.store(replace(value, name=gone), {FOLDED_FROM: note})
        return True

    def _parameter(self, user: Node) -> str | None:
        """Return the first parameter of the module of a node that is not in the file."""
        module = "".join(f"{part}." for part in module_path(user))
        found = (name for name in self._lost if name.startswith(module))
        return next((name for name in found if "." not in name[len(module) :]), None)

    def _alike(self, made_of: Collection[str]) -> str | None:
        """Return the first parameter not in the file whose name differs in numbers alone."""
        forms = {_NUMBER.sub("", name) for name in made_of}
        return next((name for name in self._lost if _NUMBER.sub("", name) in forms), None)

    @cached_property
    def _calls(self) -> frozenset[str]:
        """The names of the calls in the file, whose results may have other names there."""
        return frozenset(call.name for call in exported_calls(self.graph))

    @property
    def _kinds(self) -> Mapping[str, str]:
        return self.named.kinds

    @cached_property
    def _foldings(self) -> Mapping[str, Folding]:
        return foldings(self.graph, self.named)

    @cached_property
    def _lost(self) -> list[str]:
        """The parameters that are neither in the file, nor noted for a folded tensor."""
        said = {name for each in self._foldings.values() for name in each.parameters}
        return [
            name
            for name, kind in self.named.kinds.items()
            if kind == _PARAMETER and name not in self.graph.values and name not in said
        ]
