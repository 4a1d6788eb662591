"""The text in which torch.export records on a node the call that it stands for.

It is enough for most questions; `archlint.graph.program.calls` reads all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from archlint.graph.node import Node

_CALLS = "pkg.torch.onnx.fx_node"
_CLASSES = "pkg.torch.onnx.class_hierarchy"
_DETACHED = "target=torch.ops.aten.detach."
_NUMBERED = re.compile(r"_\d+$")
_OWN_NAME = re.compile(r"^%\w+")
_OPERATOR = re.compile(r"target=torch\.ops\.\w+\.(\w+)")


def printed_call(node: Node) -> str:
    """Return the call that a node stands for as the exporter printed it; "" without metadata."""
    return node.metadata.get(_CALLS, "")


def is_exported(node: Node) -> bool:
    """Whether torch.export says what a node stands for."""
    return _CALLS in node.metadata


def call_name(node: Node) -> str:
    """Return the name of the call that a node stands for, alone or with others; "" for none."""
    found = _OWN_NAME.match(printed_call(node))
    return found[0][1:] if found else ""


def base_name(name: str) -> str:
    """Return the name of a call without its number: `linear` for `linear_3`."""
    return _NUMBERED.sub("", name)


def called_operator(node: Node) -> str:
    """Return the operator that the call of a node calls, without namespace and overload."""
    found = _OPERATOR.search(printed_call(node))
    return found[1] if found else ""


def is_inside(node: Node, module: str) -> bool:
    """Whether torch.export says that a node was run inside a module of that class."""
    return module in node.metadata.get(_CLASSES, "")


def is_detached(node: Node) -> bool:
    """Whether torch.export says that a node cuts its tensor off from the backward pass."""
    return _DETACHED in printed_call(node)


def folds_normalization(node: Node) -> bool | None:
    """Whether torch.export folded a batch norm into a node; None where it does not say."""
    printed = printed_call(node)
    return "batch_norm" in printed if printed else None


def without_call(node: Node) -> Mapping[str, str]:
    """Return the metadata of a node that is no longer all of its call."""
    return {key: text for key, text in node.metadata.items() if key != _CALLS}


def as_call(node: Node, name: str) -> Mapping[str, str]:
    """Return the metadata of a node as that of the same call by another name."""
    printed = printed_call(node)
    return (
        {**node.metadata, _CALLS: _OWN_NAME.sub(f"%{name}", printed)} if printed else node.metadata
    )


def as_other_call(
    node: Node, name: str, target: str, arguments: str, keywords: str = ""
) -> Mapping[str, str]:
    """Return the metadata of a node as those of another call at the same place of the program.

    They do not say how many calls use its result.
    """
    call = f"%{name} : call_function[target=torch.ops.{target}]"
    printed = f"{call}(args = ({arguments},), kwargs = {{{keywords}}})"
    return {**node.metadata, _CALLS: printed}


def detaching_call(name: str, tensor: str) -> Mapping[str, str]:
    """Return the metadata of a node that cuts a tensor off from the backward pass."""
    return {_CALLS: f"%{name} : [{_DETACHED}default](args = (%{tensor},), kwargs = {{}})"}
