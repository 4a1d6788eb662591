"""Runs every applicable rule on every file, in order."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from archlint.engine.inspection import source_text
from archlint.engine.load import NotOurs, load
from archlint.engine.loaded import reported
from archlint.engine.own_rules import StaleBaseline
from archlint.engine.suppression import suppress
from archlint.engine.tally import Tally
from archlint.engine.unmatched import unmatched
from archlint.errors import CannotRun
from archlint.report.outcome import FileOutcome, Outcome, Reported, Status
from archlint.sources.problem import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archlint.config.selection import Selection
    from archlint.engine.baseline import Baseline
    from archlint.engine.discover import Candidate
    from archlint.engine.loaded import LoadedFile
    from archlint.engine.project import Project
    from archlint.rule import Rule

_GARBAGE = 200_000  # objects from which a garbage collection between two files pays off


def run(candidates: Iterable[Candidate], project: Project, baseline: Baseline | None) -> Outcome:
    """Check every file and return the outcome, sorted by path, line, column and code."""
    tally = Tally()
    for candidate in candidates:
        _clear()
        _check_file(candidate, project, tally)
    found, covered = tally.findings, list[Reported]()
    if baseline is not None:
        found, covered = baseline.split(tally.findings)
        tally.final += _stale(baseline, tally)
    return Outcome(
        findings=_sorted((*found, *tally.final)),
        files=tuple(tally.files),
        suppressed=_sorted(tally.suppressed),
        baseline=_sorted(covered),
        crashes=tuple(tally.crashes),
        rules=project.rules,
        recordable=_sorted(tally.findings),
    )


def _clear() -> None:
    """Free the memory of previous models, since automatic garbage collection is off.

    Automatic collection would scan a large model repeatedly, without any garbage to find in it.
    """
    if not gc.isenabled() and gc.get_count()[0] > _GARBAGE:
        gc.collect()


def _check_file(candidate: Candidate, project: Project, tally: Tally) -> None:
    shown = candidate.shown
    try:
        loaded = load(candidate, project)
    except NotOurs as reason:
        tally.files.append(FileOutcome(shown, Status.SKIPPED, str(reason)))
    except Unreadable as error:
        tally.final += [reported(shown, problem) for problem in error.problems]
        text = source_text(candidate, error)
        tally.files.append(FileOutcome(shown, Status.UNREADABLE, str(error), text))
    except CannotRun:
        raise
    except Exception as error:  # noqa: BLE001 - a bug on one file must not hide the others
        tally.crash(shown, "reading the file", error)
        tally.files.append(FileOutcome(shown, Status.UNREADABLE, "archlint failed to read it"))
    else:
        shows = _check(loaded, project, tally)
        tally.files.append(FileOutcome(shown, Status.CHECKED, None, loaded.text if shows else None))


def _check(loaded: LoadedFile, project: Project, tally: Tally) -> bool:
    """Run the rules on one model; return whether its text is needed for code frames."""
    selection = project.selection(loaded.model.path)
    items = [
        reported(loaded.shown, problem)
        for problem in loaded.problems
        if selection.includes(problem.code, problem.name)
    ]
    items += [
        loaded.report(finding)
        for finding in unmatched(loaded)
        if selection.includes(finding.code, finding.name)
    ]
    for rule in _chosen(project.registry.rules, selection):
        try:
            items += [loaded.report(finding) for finding in rule.check(loaded.model)]
        except Exception as error:  # noqa: BLE001 - other rules go on; the run ends with 2
            tally.crash(loaded.shown, f"rule {rule.code}", error)
    codes = frozenset(rule.code for rule in _chosen(project.rules, selection))
    result = suppress(items, loaded.suppressions(), project.rules, codes)
    tally.ran[loaded.shown] = codes
    tally.findings += result.kept
    tally.suppressed += result.suppressed
    for finding, suppression in result.wrong:
        if selection.includes(finding.code, finding.name):
            tally.final.append(Reported(loaded.shown, finding, suppression.span))
    return bool(items or result.wrong)


def _chosen(rules: Iterable[Rule], selection: Selection) -> Iterator[Rule]:
    """Yield the rules that a selection allows."""
    for rule in rules:
        if selection.includes(rule.code, rule.name, enabled=rule.enabled):
            yield rule


def _sorted(items: Iterable[Reported]) -> tuple[Reported, ...]:
    return tuple(sorted(items, key=lambda item: item.order))


def _stale(baseline: Baseline, tally: Tally) -> list[Reported]:
    """Return a finding for every entry of the baseline that can shrink."""
    rule = StaleBaseline()
    return [
        Reported(
            baseline.path.as_posix(),
            rule.finding(
                f"{stale.code} was recorded {stale.recorded} times in {stale.file}, "
                f"now it is {stale.found}",
                data={"recorded": stale.recorded, "found": stale.found},
                help="write it again with --write-baseline",
            ),
        )
        for stale in baseline.stale(tally.findings, tally.ran)
    ]
