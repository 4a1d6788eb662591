"""What is wrong with a setting, and where it was written."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from archlint.errors import CannotRun
from archlint.record import record, replace

if TYPE_CHECKING:
    from pathlib import Path

Key = tuple[str | int, ...]


class Origin(enum.StrEnum):
    """Where a setting was written."""

    FILE = "configuration file"
    DOCUMENT = "model"
    COMMAND_LINE = "command line"


@record(eq=False, slots=False, frozen=False)
class ConfigError(CannotRun):
    """Raised for a setting that archlint cannot take.

    `key` is the path of keys to the setting, in the configuration file or below `target:` of a
    model; `line` and `column` are 1-based, None where the text is not at hand. `unknown` says that
    the key itself is wrong, not its value.
    """

    problem: str
    key: Key = ()
    help: str = ""
    origin: Origin | None = None
    path: Path | None = None
    line: int | None = None
    column: int | None = None
    unknown: bool = False

    def __str__(self) -> str:
        """Return the place, the setting and the problem in one line, then the help."""
        place = str(self.path) if self.path else str(self.origin or "")
        numbers = [str(number) for number in (self.line, self.column) if number is not None]
        parts = [":".join([place, *numbers]), dotted(self.key), self.problem]
        text = ": ".join(part for part in parts if part)
        return f"{text} ({self.help})" if self.help else text

    def below(self, *parents: str | int) -> ConfigError:
        """Return the same error with `parents` put before its key."""
        return replace(self, key=(*parents, *self.key))

    def written_in(self, origin: Origin, path: Path | None = None) -> ConfigError:
        """Return the same error with where the setting was written, unless that is known."""
        if self.origin is not None:
            return self
        return replace(self, origin=origin, path=path)


def dotted(key: Key) -> str:
    """Write a path of keys as TOML does: `training.batch-size`, `per-file[1].select`."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
