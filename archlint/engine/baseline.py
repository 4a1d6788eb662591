"""The baseline: counts of known findings, so that only new ones fail a run."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.engine.whole_file import write_whole
from archlint.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from archlint.report.outcome import Reported

SCHEMA = "archlint-baseline/1"

Key = tuple[str, str]
"""A file, relative to the folder of the baseline, and a rule's code."""


class Stale(Struct, frozen=True):
    """An entry of the baseline with more findings than there are now."""

    file: str
    code: str
    recorded: int
    found: int


class Baseline(Struct, frozen=True):
    """How many findings of each rule each file had; a count survives moved lines."""

    path: Path
    counts: Mapping[Key, int]

    def split(self, findings: Iterable[Reported]) -> tuple[list[Reported], list[Reported]]:
        """Return the findings to report and those that the baseline covers.

        Where a file has more findings of a rule than recorded, all of them are reported, since it
        is not known which is new.
        """
        items = list(findings)
        now = Counter(self._key(item) for item in items)
        covered = {key for key, count in now.items() if count <= self.counts.get(key, 0)}
        report = [item for item in items if self._key(item) not in covered]
        return report, [item for item in items if self._key(item) in covered]

    def stale(
        self, findings: Iterable[Reported], checked: Mapping[str, frozenset[str]]
    ) -> list[Stale]:
        """Return the entries that can shrink, of files that were `checked` with these codes."""
        now = Counter(self._key(item) for item in findings)
        ran = {_relative(path, self.path): codes for path, codes in checked.items()}
        return [
            Stale(file, code, count, now[file, code])
            for (file, code), count in sorted(self.counts.items())
            if code in ran.get(file, ()) and now[file, code] < count
        ]

    def _key(self, item: Reported) -> Key:
        return _relative(item.path, self.path), item.finding.code


def read_baseline(path: Path) -> Baseline:
    """Read a baseline; raises `CannotRun` where it is not one."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise CannotRun(f"{path}: not a baseline of this version: {data['schema']!r}")
        counts = {
            (str(entry["file"]), str(entry["code"])): int(entry["count"])
            for entry in data["findings"]
        }
    except OSError as error:
        raise CannotRun(f"{path}: the baseline cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CannotRun(f"{path}: not a baseline: {type(error).__name__}: {error}") from error
    return Baseline(path, counts)


def write_baseline(path: Path, findings: Iterable[Reported]) -> int:
    """Write the counts of `findings` to `path`, sorted, and return how many findings they are.

    Raises `CannotRun` where it cannot be written.
    """
    counts = Counter((_relative(item.path, path), item.finding.code) for item in findings)
    entries = [
        {"file": file, "code": code, "count": count}
        for (file, code), count in sorted(counts.items())
    ]
    text = json.dumps({"schema": SCHEMA, "findings": entries}, indent=1) + "\n"
    write_whole(path, text.encode("utf-8"))
    return counts.total()


def _relative(file: str, baseline: Path) -> str:
    """Return the path of `file` relative to the folder of the baseline, with forward slashes."""
    try:
        return os.path.relpath(file, baseline.parent).replace(os.sep, "/")
    except ValueError:  # another drive
        return os.path.abspath(file).replace(os.sep, "/")  # noqa: PTH100 - a text, not a path
