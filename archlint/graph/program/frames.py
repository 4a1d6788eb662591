"""The call stack of the program at each operator, as torch.export records it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.program.call_record import called_operator

if TYPE_CHECKING:
    from archlint.graph.node import Node

# torch.export writes a traceback for each operator, the innermost call last.
STACK = "pkg.torch.onnx.stack_trace"
_CALL = re.compile(r'File "([^"\n]*)", line (\d+), in (\S+)(?:\n(?!  File ")[ \t]*(.*))?')


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


def source_line(node: Node) -> str:
    """Return the line of the program that called an operator, "" where none is recorded."""
    running = frames(node)
    return running[-1].code if running else ""


def is_cloned(node: Node) -> bool:
    """Whether the program itself clones a tensor here; torch.export writes clones for dropout."""
    return called_operator(node) == "clone" and ".clone(" in source_line(node)
