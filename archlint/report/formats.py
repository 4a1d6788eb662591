"""The report formats, by their names for `--format`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.errors import CannotRun, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.report.reporter import Reporter

BUILT_IN = ("text", "short", "json", "github", "sarif")


def find_reporter(name: str, further: Iterable[Reporter] = ()) -> Reporter:
    """Return the reporter called `name`, built in or `further`; raises `CannotRun`."""
    others = {reporter.name: reporter for reporter in further}
    if name in others:
        return others[name]
    if name not in BUILT_IN:
        known = [*BUILT_IN, *others]
        raise CannotRun(
            f"unknown format {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})"
        )
    return _built_in(name)


def _built_in(name: str) -> Reporter:
    """Make a built-in reporter; a run imports the one that it needs."""
    if name == "json":
        from archlint.report.json import JsonReporter

        return JsonReporter()
    if name == "github":
        from archlint.report.github import GithubReporter

        return GithubReporter()
    if name == "sarif":
        from archlint.report.sarif import SarifReporter

        return SarifReporter()
    from archlint.report.text import TextReporter

    return TextReporter(short=name == "short")
