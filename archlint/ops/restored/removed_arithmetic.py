"""Calls that torch.export's optimizer removed since they change no number.

It removes what adds zero or multiplies by one, or nearly so: a residual branch that is scaled by
1.0, an epsilon of 1e-15. The program computes a new tensor there, which is saved if what follows
saves its input. The call that read it still names it.
"""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import as_other_call, base_name, call_name
from archlint.graph.program.replaced_tensors import skipped
from archlint.graph.value import Role, Value
from archlint.ops.restored.graph_edit import GraphEdit

_ARITHMETIC = frozenset({"add", "sub", "mul", "div"})


def with_arithmetic(graph: Graph) -> Graph:
    """Return `graph` with a node for each removed call that adds zero or multiplies by one.

    Each becomes the addition of a number: none of them saves anything, and all make a new tensor.
    """
    edit = GraphEdit(graph)
    for call, gone, tensor in skipped(graph):
        maker = graph.producers.get(tensor)
        base = base_name(gone)
        if base not in _ARITHMETIC or maker is None or not _is_removed(base, tensor, maker, graph):
            continue
        reader = next(node for node in call.nodes if tensor in node.inputs)
        if not edit.has(gone):
            _insert(edit, reader, gone, tensor)
        edit.restore_operand(call, gone, tensor, gone)
    return edit.edited()


def _is_removed(base: str, tensor: str, maker: Node, graph: Graph) -> bool:
    """Whether a call that is gone read the result of another one, and was not merged with it."""
    dtype = graph.values[tensor].dtype
    is_result = tensor == call_name(maker) or base_name(call_name(maker)) == base_name(tensor)
    return is_result and base_name(tensor) != base and dtype is not None and dtype.is_float


def _insert(edit: GraphEdit, reader: Node, gone: str, tensor: str) -> None:
    """Compute a tensor that is gone in front of the node that reads it."""
    number, name = f"{gone}#number", f"{reader.name}#{gone}"
    dtype = edit.graph.values[tensor].dtype
    edit.values[number] = Value(number, dtype, (), Role.COMPUTED)
    edit.insert(Node(f"{name}#number", "Constant", "", (), (number,), {}, {}), reader)
    metadata = as_other_call(reader, gone, "aten.add.Tensor", f"%{tensor}, 0.0")
    edit.compute(Node(name, "Add", "", (tensor, number), (gone,), {}, metadata), tensor, reader)
