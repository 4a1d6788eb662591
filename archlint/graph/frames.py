"""Which functions of the program were running when an operator was called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archlint.record import record

if TYPE_CHECKING:
    from archlint.graph.node import Node

# torch.export writes a traceback for each operator, the innermost call last, and its own node.
STACK, FX_NODE = "pkg.torch.onnx.stack_trace", "pkg.torch.onnx.fx_node"
_CALL = re.compile(r'File "([^"\n]*)", line (\d+), in (\S+)(?:\n(?!  File ")[ \t]*(.*))?')
_OPERATOR = re.compile(r"target=torch\.ops\.\w+\.(\w+)")


@record
class Frame:
    """A function that was running: its file and name, and the line that it was at."""

    file: str
    function: str
    number: int
    code: str


def frames(node: Node) -> tuple[Frame, ...]:
    """Return the functions that were running, from the outermost on.

    Empty for files that tell nothing. Of a statement of several lines `code` is the one that the
    operator was called in.
    """
    return tuple(
        Frame(file, function, int(number), code.strip())
        for file, number, function, code in _CALL.findall(node.metadata.get(STACK, ""))
    )


def operator_name(node: Node) -> str:
    """Return the framework's name of the operator that a node stands for; "" for none."""
    found = _OPERATOR.search(node.metadata.get(FX_NODE, ""))
    return found[1] if found else ""
