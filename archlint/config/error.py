"""Errors in settings, and where each was written."""

from __future__ import annotations

import enum
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from archlint.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Key = tuple[str | int, ...]


class Origin(enum.StrEnum):
    """Where a setting was written."""

    FILE = "configuration file"
    DOCUMENT = "model"
    COMMAND_LINE = "command line"


@dataclass(eq=False)
class ConfigError(CannotRun):
    """Raised for an invalid setting.

    `key` is the path of keys to the setting, in the configuration file or below `target:` of a
    model; `line` and `column` are 1-based, None where the text is not available. `unknown` means
    that the key itself is wrong, not its value. `more` are the other errors of the same reading.
    """

    problem: str
    key: Key = ()
    help: str = ""
    origin: Origin | None = None
    path: Path | None = None
    line: int | None = None
    column: int | None = None
    unknown: bool = False
    more: tuple[ConfigError, ...] = ()

    @property
    def every(self) -> tuple[ConfigError, ...]:
        """Each error alone: this one, and those that came with it."""
        return (replace(self, more=()), *self.more)

    def __str__(self) -> str:
        """Return a line for each error: the place, the setting, the problem and the help."""
        return "\n".join(error._line() for error in self.every)  # noqa: SLF001 - of its own kind

    def _line(self) -> str:
        place = str(self.path) if self.path else str(self.origin or "")
        numbers = [str(number) for number in (self.line, self.column) if number is not None]
        parts = [":".join([place, *numbers]), dotted(self.key), self.problem]
        text = ": ".join(part for part in parts if part)
        return f"{text} ({self.help})" if self.help else text

    def below(self, *parents: str | int) -> ConfigError:
        """Return the same error with `parents` prepended to its key."""
        more = tuple(error.below(*parents) for error in self.more)
        return replace(self, key=(*parents, *self.key), more=more)

    def written_in(self, origin: Origin, path: Path | None = None) -> ConfigError:
        """Return the same error with where the setting was written, unless that is known."""
        more = tuple(error.written_in(origin, path) for error in self.more)
        if self.origin is not None:
            return replace(self, more=more)
        return replace(self, origin=origin, path=path, more=more)


class Errors:
    """Collects errors during reading, so that one run reports all of them."""

    def __init__(self) -> None:
        self._found: list[ConfigError] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    @contextmanager
    def at(self, *parents: str | int) -> Iterator[None]:
        """Record a `ConfigError` raised inside, with `parents` prepended to its key."""
        try:
            yield
        except ConfigError as error:
            self._found += error.below(*parents).every

    def check(self, origin: Origin | None = None, path: Path | None = None) -> None:
        """Raise all collected errors as one, if there are any.

        `origin` and `path` say where the settings were written, for errors without that.
        """
        if self._found:
            first, *more = self._found
            error = replace(first, more=tuple(more))
            raise error if origin is None else error.written_in(origin, path)


def dotted(key: Key) -> str:
    """Write a path of keys as TOML does: `training.batch-size`, `per-file[1].select`."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
