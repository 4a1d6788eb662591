"""Lints in a test, without a command line or configuration files."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from archlint.config.config import Config
from archlint.config.error import Origin
from archlint.config.reading import read_layer
from archlint.config.selection import Selection
from archlint.engine.configs import Configs
from archlint.engine.discover import Candidate
from archlint.engine.project import Project
from archlint.engine.run import run
from archlint.plugins import load_plugins
from archlint.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnx import ModelProto

    from archlint.findings import Finding
    from archlint.rule import Rule


def lint_text(
    text: str,
    rules: Iterable[type[Rule]] | None = None,
    target: Mapping[str, object] | None = None,
) -> list[Finding]:
    """Return the findings of `rules` (None: of all installed ones) about an architecture."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.arch.yaml")
        path.write_text(text, encoding="utf-8")
        return lint_file(path, rules, target)


def lint_model(
    model: ModelProto,
    rules: Iterable[type[Rule]] | None = None,
    target: Mapping[str, object] | None = None,
) -> list[Finding]:
    """Return the findings of `rules` (None: of all installed ones) about an ONNX model."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        path.write_bytes(model.SerializeToString())
        return lint_file(path, rules, target)


def lint_file(
    path: Path,
    rules: Iterable[type[Rule]] | None = None,
    target: Mapping[str, object] | None = None,
) -> list[Finding]:
    """Return the findings of `rules` (None: of all installed ones) about a file.

    `target` holds settings as a configuration file would, as {"training": {"optimizer": "adam"}};
    they win over those in the file. Raises `RuntimeError` where a rule fails.
    """
    rules = None if rules is None else tuple(rules)
    registry = load_plugins() if rules is None else Registry(rules=tuple(rule() for rule in rules))
    layer = read_layer(target or {}, Origin.COMMAND_LINE)
    # A rule that is named runs, also one that is off unless it is selected.
    named = Selection(extend_select=tuple(rule.code for rule in rules or ()))
    project = Project(registry, Configs(Config()), layer, named)
    outcome = run([Candidate(path, named=True)], project, None)
    if outcome.crashes:
        raise RuntimeError(outcome.crashes[0].traceback)
    return [item.finding for item in outcome.findings]
