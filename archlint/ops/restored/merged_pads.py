"""Paddings that were merged into the convolutions after them.

torch.export's optimizer merges a `Pad` into the convolution that reads it, and names its rule in
the metadata of the node (`FuseConvPad`). Training runs the padding, and saves the padded tensor.
PyTorch also pads beforehand where a convolution with `padding="same"` needs more on one side, as
with a kernel of 4, since it has no such convolution; the file says `SAME_UPPER`. The pad is put
back in front, with what the call of the convolution does not pad itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from operator import add, sub

from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Attribute, Node
from archlint.graph.program.calls import exported_call
from archlint.graph.value import Dim, Role, Shape, Value
from archlint.ops.restored.graph_edit import GraphEdit

_RULES, _RULE = "pkg.onnxscript.rewriter.rule_name", "FuseConvPad"
_PADDING = 4  # the place of the padding among the arguments of a convolution
_NUMBER = re.compile(r"\d+")
_SAME = "SAME_UPPER"
_CONSTANT: Mapping[str, Attribute] = {"mode": "constant"}


def with_pads(graph: Graph) -> Graph:
    """Return `graph` with a padding in front of each convolution that one was merged with.

    Convolutions whose calls name the same tensor share it. Where the call of the convolution is
    lost, since a batch norm was folded in, the convolution is assumed to pad nothing itself.
    """
    edit, made = GraphEdit(graph), dict[tuple[str, str, Shape | None], str]()
    for node in graph.nodes:
        padded = _padded(node, graph)
        if padded is None:
            continue
        named = _named(node, graph) or padded.name
        name = made.setdefault((named, node.inputs[0], padded.shape), padded.name)
        if name == padded.name:
            edit.values[name] = padded
            edit.insert(Node(name, "Pad", "", node.inputs[:1], (name,), _CONSTANT, {}), node)
        attributes = {**node.attributes, "pads": _own(node) * 2, "auto_pad": "NOTSET"}
        inputs = (name, *node.inputs[1:])
        edit.change(node, replace(node, inputs=inputs, attributes=attributes))
    return edit.edited()


def _named(node: Node, graph: Graph) -> str:
    """Return what the call of a convolution names its input, if that is not in the file."""
    call = exported_call(node)
    tensors = call.tensors if call is not None and "conv" in call.target else []
    return tensors[0] if tensors and tensors[0] not in graph.values else ""


def _padded(node: Node, graph: Graph) -> Value | None:
    """Return the padded input of a convolution, None where nothing was merged with it."""
    if graph.is_from_pytorch and node.attributes.get("auto_pad") == _SAME:
        return _evened(node, graph)
    pads = node.attributes.get("pads")
    if not isinstance(pads, tuple):
        return None
    if _RULE not in node.metadata.get(_RULES, "") and not _is_uneven(node, pads):
        return None
    value = graph.values[node.inputs[0]]
    numbers = [pad for pad in pads if isinstance(pad, int)]
    if value.shape is None or not any(numbers):
        return None
    half, own = len(numbers) // 2, _own(node)
    before = map(sub, numbers[:half], own)
    return _made(node, value, before, map(sub, numbers[half:], own))


def _is_uneven(node: Node, pads: Sequence[object]) -> bool:
    """Whether a convolution of an architecture file pads one side more than the other."""
    half = len(pads) // 2
    return node.document_path is not None and node.op == "Conv" and pads[:half] != pads[half:]


def _evened(node: Node, graph: Graph) -> Value | None:
    """Return the input padded by what one side needs more than the other, None for nothing."""
    value, (odd, _) = graph.values[node.inputs[0]], _same(node)
    return None if value.shape is None else _made(node, value, (0,) * len(odd), odd)


def _same(node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the odd element and the padding on both sides that keep the size of each axis."""
    kernel, dilations = (node.attributes.get(name) for name in ("kernel_shape", "dilations"))
    if not isinstance(kernel, tuple) or not isinstance(dilations, tuple):
        return (), ()
    added = [
        (size - 1) * step
        for size, step in zip(kernel, dilations, strict=False)
        if isinstance(size, int) and isinstance(step, int)
    ]
    return tuple(each % 2 for each in added), tuple(each // 2 for each in added)


def _made(node: Node, value: Value, before: Iterable[int], after: Iterable[int]) -> Value | None:
    """Return the padded tensor, None where it is no larger than before."""
    shape = value.shape or ()
    longer = tuple(map(_longer, shape[2:], before, after))
    if longer == shape[2:] or len(longer) != len(shape[2:]):
        return None
    name = f"{value.name}#{node.name}"
    return replace(value, name=name, shape=(*shape[:2], *longer), role=Role.COMPUTED)


def _own(node: Node) -> tuple[int, ...]:
    """Return what a convolution pads itself along each axis, before and after."""
    odd, even = _same(node)
    pads = node.attributes.get("pads")
    is_same = node.document_path is not None and pads == (*even, *map(add, even, odd))
    if is_same or node.attributes.get("auto_pad") == _SAME:
        return even
    axes = len(pads) // 2 if isinstance(pads, tuple) else 0
    call = exported_call(node)
    said = call.argument(_PADDING, "[0]") if call is not None and "conv" in call.target else "[0]"
    numbers = [int(number) for number in _NUMBER.findall(said)] or [0]
    return tuple(numbers * axes if len(numbers) == 1 else numbers[:axes])


def _longer(dim: Dim, before: int, after: int) -> Dim:
    return dim + before + after if isinstance(dim, int) else None
