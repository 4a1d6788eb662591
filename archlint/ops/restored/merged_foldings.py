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
from archlint.graph.program.call_record import base_name
from archlint.graph.program.calls import ExportedCall, exported_calls
from archlint.graph.program.modules import module_path
from archlint.graph.program.numbering import Numbering
from archlint.graph.program.origin import FOLDED_FROM, Origin, origin_note, origins
from archlint.graph.program.signature import Signature, signature
from archlint.ops.restored.call_kinds import ALL_VIEWS, CREATIONS
from archlint.ops.restored.exported_weights import holds_norm
from archlint.ops.restored.folded_norms import folded_norms
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
        if not self._lost and all(each.parameters for each in self._origins.values()):
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
        if name in asked:
            return False
        origin = self._origins.get(name)
        if origin is None:
            return self._kinds.get(name) == _PARAMETER
        if origin.parameters and set(origin.parameters) <= set(asked):
            return False
        return bool(origin.parameters) or not is_generated_name(name)

    def _add(self, gone: str, stored: str, user: Node) -> bool:
        """Add a tensor that is gone; false where it is not known what it was made of."""
        origin, value = self._origins.get(stored), self.graph.values[stored]
        if origin is not None and not origin.parameters and self._are_views(gone, origin):
            return False  # all lie in the storage of the same tensor
        names = () if origin is None else (*origin.others, *origin.calls)
        if base_name(gone) in CREATIONS or (origin is not None and not origin.parameters):
            if value.elements == 1:
                return False  # a number, which takes no memory
            note = origin_note(names)
        else:
            made_of = (stored,) if origin is None else origin.parameters
            parameter = self._parameter(user) or self._alike(made_of)
            if parameter is None:
                return False
            self._lost.remove(parameter)
            note = origin_note((parameter,))
        self.edit.store(replace(value, name=gone), {FOLDED_FROM: note})
        return True

    def _are_views(self, gone: str, origin: Origin) -> bool:
        """Whether a tensor that is gone was a view of what the stored one is a view of.

        What was made again would have called all its operators again. So it was made once where no
        number is missing among the calls of one of them. Those of which the file has no call, whose
        later numbers nothing shows, do not tell.
        """
        if base_name(gone) not in ALL_VIEWS:
            return False
        made = {base_name(call) for call in origin.names} - ALL_VIEWS
        return not made.isdisjoint(self._numbered - self._numbering.gone.keys())

    @cached_property
    def _numbering(self) -> Numbering:
        return Numbering(self.graph, frozenset(folded_norms(self.graph)))

    @cached_property
    def _numbered(self) -> frozenset[str]:
        """The names of the operators that calls of the file call."""
        return frozenset(each.name.base for each in self._numbering.calls)

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
    def _origins(self) -> Mapping[str, Origin]:
        return origins(self.graph, self.named)

    @cached_property
    def _lost(self) -> list[str]:
        """The parameters that are neither in the file, nor noted for a folded tensor."""
        said = {name for each in self._origins.values() for name in each.parameters}
        return [
            name
            for name, kind in self.named.kinds.items()
            if kind == _PARAMETER and name not in self.graph.values and name not in said
        ]
