"""Problems of a file itself, which are found before any rule runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.sources.problem_kind import UNREADABLE_FILE, ProblemKind

if TYPE_CHECKING:
    from archlint.findings import Severity
    from archlint.sources.span import Span


class Problem(Struct, frozen=True):
    """A problem of a file, with its place.

    Text files give a `span`, binary files a byte `offset`; both are None where the problem concerns
    the whole file. `message` is lower case without a full stop, as in a finding; `tensor` names the
    stored tensor that the problem is about, if any. `stated` is a severity other than the usual one
    of its kind.
    """

    kind: ProblemKind
    message: str
    help: str = ""
    span: Span | None = None
    offset: int | None = None
    tensor: str | None = None
    stated: Severity | None = None

    @property
    def code(self) -> str:
        """The code of its kind, by which it is selected and explained."""
        return self.kind.code

    @property
    def name(self) -> str:
        """The name of its kind."""
        return self.kind.name

    @property
    def severity(self) -> Severity:
        """Its severity: as stated, or that of its kind."""
        return self.kind.severity if self.stated is None else self.stated


FETCH_AGAIN = "export or fetch the model again"


class Unreadable(Exception):
    """Raised for a file that cannot be read at all; holds the problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


def unreadable(message: str, help: str = "", offset: int | None = None) -> Unreadable:
    """Make the error for a file that cannot be parsed (FILE001)."""
    return Unreadable(Problem(UNREADABLE_FILE, message, help, offset=offset))


def not_onnx(detail: str = "", offset: int | None = None) -> Unreadable:
    """Make the error for bytes that cannot be in an ONNX file; `detail` names them."""
    message = "it is not in the format of ONNX (protobuf)"
    return unreadable(f"{message}: {detail}" if detail else message, FETCH_AGAIN, offset)
