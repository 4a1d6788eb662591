"""The call stack of the program at each operator, as torch.export records it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from archlint.graph.node import Node

# torch.export writes a traceback for each operator, the innermost call last, and its own node.
STACK, FX_NODE = "pkg.torch.onnx.stack_trace", "pkg.torch.onnx.fx_node"
_CALL = re.compile(r'File "([^"\n]*)", line (\d+), in (\S+)(?:\n(?!  File ")[ \t]*(.*))?')
_CALL_NAME = re.compile(r"%(\w+)")
_OPERATOR = re.compile(r"target=torch\.ops\.\w+\.(\w+)")


class Frame(Struct, frozen=True):
    """A function that was running: its file and name, and the line that it was at."""

    file: str
    function: str
    number: int
    code: str


def frames(node: Node) -> tuple[Frame, ...]:
    """Return the functions that were running, from the outermost on.

    Empty for files without tracebacks, and for code that torch.export generated, as it does for
    what is under `no_grad`. In a statement of several lines, `code` is the line that called the
    operator.
    """
    return tuple(
        Frame(file, function, int(number), code.strip())
        for file, number, function, code in _CALL.findall(node.metadata.get(STACK, ""))
        if not file.startswith("<")
    )


def exported_call(node: Node) -> tuple[str, str]:
    """Return the name of the call that a node is part of in the exported program, and its operator.

    Several nodes may be parts of one call. Empty where nothing is recorded.
    """
    text = node.metadata.get(FX_NODE, "")
    name, operator = _CALL_NAME.match(text), _OPERATOR.search(text)
    return (name[1] if name else "", operator[1] if operator else "")


def is_cloned(node: Node) -> bool:
    """Whether the program itself clones a tensor here; torch.export writes clones for dropout."""
    if exported_call(node)[1] != "clone":
        return False
    running = frames(node)
    return bool(running) and ".clone(" in running[-1].code
