"""Check models and report what breaks a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import project_options, streams, target_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from archlint.config.selection import Selection
    from archlint.engine.baseline import Baseline
    from archlint.engine.discover import Candidate
    from archlint.engine.fix import FixedFile
    from archlint.engine.project import Project
    from archlint.report.outcome import FileOutcome, Outcome

_FOR_PEOPLE = frozenset({"text", "short", "github"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "paths", nargs="*", default=["."], metavar="PATH", help="files, folders, and patterns"
    )
    target_options.add_arguments(parser)
    project_options.add_arguments(parser)
    _add_rules(parser)
    _add_fixes(parser)
    _add_report(parser)


def _add_rules(parser: argparse.ArgumentParser) -> None:
    rules = parser.add_argument_group(
        "rules", "codes, prefixes of codes, or names, separated by commas"
    )
    rules.add_argument(
        "--select", metavar="RULES", action="append", default=None, help="run only these"
    )
    rules.add_argument(
        "--extend-select", metavar="RULES", action="append", default=[], help="run these too"
    )
    rules.add_argument(
        "--ignore", metavar="RULES", action="append", default=[], help="leave these out"
    )
    rules.add_argument("--baseline", metavar="FILE", help="leave out the findings recorded in it")
    rules.add_argument(
        "--write-baseline", metavar="FILE", help="record all findings and exit with 0"
    )
    rules.add_argument(
        "--force-exclude", action="store_true", help="apply `exclude` to named files too"
    )


def _add_fixes(parser: argparse.ArgumentParser) -> None:
    fixes = parser.add_argument_group("fixes").add_mutually_exclusive_group()
    fixes.add_argument(
        "--fix", action="store_true", help="fix what can be fixed safely, and report what is left"
    )
    fixes.add_argument(
        "--diff", action="store_true", help="print what --fix would change, and change nothing"
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    report = parser.add_argument_group("report")
    report.add_argument(
        "--format", metavar="NAME", default="text", help="text, short, json, github, sarif"
    )
    report.add_argument("--output", "-o", metavar="FILE", help="write the report there")
    report.add_argument(
        "--fail-on",
        choices=("warning", "error"),
        default="warning",
        help="the lowest severity that makes the exit code 1 (default: warning)",
    )
    noise = report.add_mutually_exclusive_group()
    noise.add_argument(
        "--verbose",
        "-v",
        action="store_true",
        help="show info too (json and sarif always do), and print more on standard error",
    )
    noise.add_argument("--quiet", "-q", action="store_true", help="print findings only")


def run(options: argparse.Namespace) -> int:
    """Check the files, write the report, and return the exit code."""
    from pathlib import Path

    from archlint.engine.run import run as run_rules
    from archlint.errors import CannotRun
    from archlint.findings import Severity
    from archlint.report.formats import find_reporter

    if "" in options.paths:  # from an empty shell variable; Path("") would be "."
        raise CannotRun("'': a path is empty: name a file or folder, or give no path for all files")
    paths = [Path(path) for path in options.paths]
    project = project_options.open_project(
        options, paths, target_options.read_target(options), _selection(options)
    )
    reporter = find_reporter(options.format, project.registry.reporters)
    candidates = _candidates(options, paths, project)
    project.check([candidate.path for candidate in candidates])
    outcome = run_rules(candidates, project, _baseline(options, project))
    if options.fix or options.diff:
        from archlint.engine.fix import fix_files

        _fix(options, fix_files(outcome, candidates, project))
        if options.diff:
            return outcome.exit_code(Severity(options.fail_on))
        outcome = run_rules(candidates, project, _baseline(options, project))
    if options.write_baseline is not None:
        return _write_baseline(options, outcome)
    color = options.output is None and streams.colored()
    shown = outcome if _shows_info(options) else outcome.without_info()
    _write(options, reporter.render(shown, color=color))
    _tell(options, outcome)
    return outcome.exit_code(Severity(options.fail_on))


def _candidates(
    options: argparse.Namespace, paths: Sequence[Path], project: Project
) -> list[Candidate]:
    """Return the files to check: those that were named, and others that nothing excludes."""
    from archlint.engine.discover import SUFFIXES, discover

    further = tuple(suffix for each in project.registry.frontends for suffix in each.suffixes)
    return [
        candidate
        for candidate in discover(paths, SUFFIXES + further)
        if (candidate.named and not options.force_exclude)
        or not project.configs.of(candidate.path).excludes(candidate.path)
    ]


def _fix(options: argparse.Namespace, fixed: Sequence[FixedFile]) -> None:
    """Write the fixed files or show the diff, and report how many fixes there are."""
    from archlint.report.text import counted

    if options.diff:
        streams.answer("".join(file.diff for file in fixed))
    else:
        for file in fixed:
            file.write()
    if not options.quiet:
        places = counted(sum(file.count for file in fixed), "place")
        done = f"--fix would fix {places}" if options.diff else f"fixed {places}"
        streams.note(f"archlint: {done if fixed else 'nothing here can be fixed safely'}")


def _shows_info(options: argparse.Namespace) -> bool:
    """Whether to show findings of severity info: in formats for programs, or on request.

    Annotations on a pull request are for people, and their number is limited.
    """
    return options.verbose or bool(options.select) or options.format not in _FOR_PEOPLE


def _selection(options: argparse.Namespace) -> Selection:
    from archlint.config.selection import Selection, rule_words
    from archlint.errors import CannotRun

    select = None if options.select is None else rule_words(options.select)
    if select == ():  # an empty shell variable must not turn off all rules
        raise CannotRun("--select names no rule; `archlint rule` lists all")
    return Selection(
        select=select,
        ignore=rule_words(options.ignore),
        extend_select=rule_words(options.extend_select),
    )


def _baseline(options: argparse.Namespace, project: Project) -> Baseline | None:
    """Return the baseline of the command line, or that of the configuration here."""
    from pathlib import Path

    from archlint.engine.baseline import read_baseline

    if options.write_baseline is not None:
        return None
    given = options.baseline
    path = project.configs.of(Path()).baseline if given is None else Path(given)
    return None if path is None else read_baseline(path)


def _write_baseline(options: argparse.Namespace, outcome: Outcome) -> int:
    from pathlib import Path

    from archlint.engine.baseline import write_baseline
    from archlint.report.text import counted

    count = write_baseline(Path(options.write_baseline), outcome.recordable)
    found = counted(count, "finding")
    recorded = {id(item) for item in outcome.recordable}
    codes = [item.finding.code for item in outcome.findings if id(item) not in recorded]
    left = f"; {', '.join(sorted(set(codes)))} cannot be, and fails again" if codes else ""
    streams.note(f"archlint: recorded {found} in {options.write_baseline}{left}")
    return 2 if outcome.crashes else 0


def _write(options: argparse.Namespace, text: str) -> None:
    """Write the report to standard output, or atomically to the output file."""
    if options.output is None:
        streams.answer(text)
        return
    from pathlib import Path

    from archlint.engine.whole_file import write_whole

    write_whole(Path(options.output), text.encode("utf-8", "backslashreplace"))


def _aside(skipped: Sequence[FileOutcome], paths: Sequence[str]) -> str:
    """Report why there was nothing to check: the reason for one named file, else a hint."""
    if not skipped:
        return f": no *.onnx, *.arch.yaml or *.arch.yml in {', '.join(paths)}"
    if len(skipped) == 1:
        return f": {skipped[0].path} is {skipped[0].reason}"
    return f" ({len(skipped)} skipped: --verbose says why)"


def _tell(options: argparse.Namespace, outcome: Outcome) -> None:
    """Write to standard error what is not a finding: crashes, skipped files, counts."""
    from archlint.report.outcome import Status
    from archlint.report.text import footer

    for crash in outcome.crashes:
        streams.note(f"archlint: error: {crash.path}: {crash.where} failed: {crash.exception}")
        if options.verbose:
            streams.note(crash.traceback.rstrip())
    if options.quiet:
        return
    skipped = [file for file in outcome.files if file.status is Status.SKIPPED]
    if options.verbose:
        for file in skipped:
            streams.note(f"archlint: skipped {file.path}: {file.reason}")
    if len(skipped) == len(outcome.files):
        told = options.verbose and skipped
        streams.note(f"archlint: no file to check{'' if told else _aside(skipped, options.paths)}")
    elif options.format in _FOR_PEOPLE:
        hidden = len(outcome.findings) - len(outcome.without_info().findings)
        hint = "" if _shows_info(options) or not hidden else "; -v shows info"
        streams.note(f"archlint: {footer(outcome, offers_fixes=not options.fix)}{hint}")
