"""Findings: what a rule reports, with severity, place and fix."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

_NO_DATA: Mapping[str, object] = MappingProxyType({})


class Severity(enum.StrEnum):
    """How much a finding matters; only findings at or above the threshold fail a run."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Position in the order info < warning < error."""
        return ("info", "warning", "error").index(self.value)


class Place(Struct, frozen=True):
    """Where a finding is, by names of the model; the engine converts it to line and column.

    `path` is a path of keys into the document (`("target", "training", "optimizer")`); it is used
    for text files and wins over `node` there. `key` narrows a node to one of its arguments.
    """

    node: str | None = None
    tensor: str | None = None
    path: tuple[str | int, ...] | None = None
    key: str | None = None


WHOLE_FILE = Place()


class Edit(Struct, frozen=True):
    """Replace the text at `place` by `text`."""

    place: Place
    text: str


class Fix(Struct, frozen=True):
    """A change to the text of the file that fixes the finding."""

    message: str
    edits: tuple[Edit, ...]
    safe: bool = True


class Finding(Struct, frozen=True):
    """One violation of one rule, with the numbers that show it.

    `message` is lower case, without a full stop, and holds the thing and the number;
    `data` holds the numbers for machines; `help` says how to fix it.
    """

    code: str
    name: str
    severity: Severity
    message: str
    place: Place = WHOLE_FILE
    data: Mapping[str, object] = _NO_DATA
    help: str = ""
    fix: Fix | None = None
