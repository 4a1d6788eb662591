"""Parameters that an exporter folded into other tensors.

The graph of training computes a folded tensor from its parameters in every pass. One node stands
for all the calls, whose order is not known: `WeightNorm` where it is one, a view, or an operator of
the framework that is told bounds of its multiplications and of the memory that it keeps. A tensor
`linear` with the note `['fc.weight', 'linear', 'token']`, for instance, becomes the parameters
`fc.weight` and `token`, and a node that computes `linear` from them.

A tensor that was made of buffers alone is computed in every pass as well, if another call takes it
by its name. Tensors without such a note are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct

from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import taken_tensors
from archlint.graph.program.modules import SCOPES
from archlint.graph.value import Provenance, Role, Value
from archlint.ops.composite.precomputed import (
    COMPUTED,
    LEAST_GRADIENTS,
    LEAST_MACS,
    MOST_GRADIENTS,
    MOST_MACS,
    SAVED_PLACES,
    VIEWED,
)
from archlint.ops.operator import FRAMEWORK
from archlint.ops.restored.distinct_numbers import DistinctNumbers
from archlint.ops.restored.folded_products import (
    NO_PRODUCTS,
    FoldedProducts,
    ProductsOfTensors,
)
from archlint.ops.restored.folded_sizes import FoldedSizes, Size
from archlint.ops.restored.folded_tensors import FoldedTensor, folded_tensors
from archlint.ops.restored.graph_edit import GraphEdit

_WITH_BIAS = 2  # parameters of a linear layer


def with_folded(graph: Graph, numbers: DistinctNumbers, *, most: bool = False) -> Graph:
    """Return `graph` with nodes that compute its folded tensors in each pass.

    Where the size of a parameter is in doubt, it is the smallest that it may be, or the largest
    with `most`. `numbers` are those of stored tensors, which tell some sizes.
    """
    found = folded_tensors(graph)
    return _Unfolded(graph, found, numbers, most).graph_with_parameters() if found else graph


class Undecided(Struct, frozen=True):
    """Folded parameters: those of unknown size, and those with unknown saved tensors."""

    sizes: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is in doubt."""
        return bool(self.sizes or self.saved)


def undecided_parameters(graph: Graph, numbers: DistinctNumbers) -> Undecided:
    """Return the parameters that an optimizer folded in ways that leave memory in doubt."""
    found = folded_tensors(graph)
    return _Unfolded(graph, found, numbers).undecided if found else Undecided()


class _Unfolded(Struct, eq=False, dict=True):
    graph: Graph
    tensors: tuple[FoldedTensor, ...]
    numbers: DistinctNumbers
    most: bool = False

    @property
    def undecided(self) -> Undecided:
        """The parameters that are in doubt."""
        sizes = [name for name, size in self._sizes.items() if size.low < size.high]
        saved = (
            name
            for tensor in self.tensors
            if tensor.calls.is_in_doubt and tensor.weight_norm is None
            for name in tensor.origin.parameters
            if name in self._sizes
        )
        return Undecided(tuple(sizes), tuple(dict.fromkeys(saved)))

    def graph_with_parameters(self) -> Graph:
        for tensor in self.tensors:
            if tensor.origin.parameters:
                self._make(tensor)
            elif tensor.name in self._products:
                self._put(tensor.name, COMPUTED, FRAMEWORK, (), self._work(tensor.name))
            elif not tensor.calls.are_views and self._is_named(tensor.name):
                self._put(tensor.name, "Constant", "", ())
        self._add_buffers()
        return self._edit.edited()

    @cached_property
    def _edit(self) -> GraphEdit:
        return GraphEdit(self.graph)

    @cached_property
    def _measure(self) -> FoldedSizes:
        features = {
            name: each.features
            for name, each in self._products.items()
            if each.features and self._stored_before(name)
        }
        return FoldedSizes(self.graph, self.numbers, features)

    def _stored_before(self, name: str) -> bool:
        """Whether a linear layer may have made a tensor of a buffer or a constant."""
        origin = next(each.origin for each in self.tensors if each.name == name)
        return len(origin.others) == 1 and len(origin.parameters) <= _WITH_BIAS

    @cached_property
    def _sizes(self) -> Mapping[str, Size]:
        """The sizes of the parameters that are not in the file, as far as it tells."""
        return self._measure.of(self.tensors)

    @cached_property
    def _products(self) -> Mapping[str, FoldedProducts]:
        """The products that made tensors, by the names of these."""
        return ProductsOfTensors(self.graph, self.numbers).of(self.tensors)

    def _work(self, name: str) -> Mapping[str, int]:
        """Return the cost of the products that made a tensor, as attributes of its node."""
        found = self._products.get(name, NO_PRODUCTS)
        return {
            LEAST_MACS: found.least,
            MOST_MACS: found.most,
            LEAST_GRADIENTS: found.least_gradients,
            MOST_GRADIENTS: found.most_gradients,
        }

    def _is_named(self, name: str) -> bool:
        """Whether the call of another node takes a tensor of that name."""
        return any(name in taken_tensors(user) for user in self.graph.consumers[name])

    def _make(self, tensor: FoldedTensor) -> None:
        """Compute a tensor from its parameters."""
        value, origin, calls = self.graph.values[tensor.name], tensor.origin, tensor.calls
        for parameter in origin.parameters:
            self._add(parameter, value)
        if tensor.weight_norm is not None:
            self._put(tensor.name, "WeightNorm", FRAMEWORK, tensor.weight_norm)
        elif calls.are_views:
            is_whole = self._value(origin.parameters[0]).elements == tensor.elements
            op, domain = ("Reshape", "") if is_whole else (VIEWED, FRAMEWORK)
            self._put(tensor.name, op, domain, origin.parameters)
        else:
            memory = calls.most_memory if self.most else calls.least_memory
            places = self._measure.places(tensor)
            saves = {**memory, **self._work(tensor.name), SAVED_PLACES: places}
            self._put(tensor.name, COMPUTED, FRAMEWORK, origin.parameters, saves)

    def _add(self, parameter: str, like: Value) -> None:
        """Add a parameter of the program, in the shape of `like` where it is as large."""
        if self._edit.has(parameter):
            return
        size = self._sizes[parameter]
        count = size.high if self.most else size.low
        shape = like.shape if like.elements == count else (count,)
        self._edit.store(Value(parameter, like.dtype, shape, Role.STORED, Provenance.INFERRED))

    def _add_buffers(self) -> None:
        """Add the buffers that tensors were computed from, as far as their sizes follow."""
        for tensor in self.tensors:
            found = self._measure.of_buffer(tensor)
            if found is None:
                continue
            (name,), (count, are_places) = tensor.origin.others, found
            known = self._edit.values.get(name)
            if name not in self.graph.values and (known is None or (known.elements or 0) < count):
                dtype = DType.INT64 if are_places else self.graph.values[tensor.name].dtype
                value = Value(name, dtype, (count,), Role.STORED, Provenance.INFERRED)
                self._edit.store(value)

    def _value(self, name: str) -> Value:
        return self._edit.values.get(name) or self.graph.values[name]

    def _put(
        self,
        name: str,
        op: str,
        domain: str,
        inputs: tuple[str, ...],
        attributes: Mapping[str, int] | None = None,
    ) -> None:
        """Compute a stored tensor before the first node that reads it, and in its module."""
        user = self.graph.consumers[name][0]
        told = {key: text for key, text in user.metadata.items() if key == SCOPES}
        node = Node(f"{name}#folded", op, domain, inputs, (name,), attributes or {}, told)
        self._edit.compute(node, name, user)
