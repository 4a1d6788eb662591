"""Architectures to check, and a run that needs no command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archlint.config.config import Config
from archlint.config.selection import Selection
from archlint.engine.baseline import Baseline
from archlint.engine.configs import Configs
from archlint.engine.discover import discover
from archlint.engine.project import Project
from archlint.engine.run import run
from archlint.registry import Registry
from archlint.report.outcome import Outcome
from archlint.rule import Rule
from archlint_rules.structure.dead_code import DeadCode
from dead_layer import DEAD

Check = Callable[..., Outcome]


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """An architecture whose second layer, in lines 8 and 9, reaches no output."""
    path = tmp_path / "net.arch.yaml"
    path.write_text(DEAD, encoding="utf-8")
    return path


@pytest.fixture
def check() -> Check:
    """Run rules on paths; DeadCode where none are given."""

    def check(
        *paths: Path,
        rules: tuple[type[Rule], ...] = (DeadCode,),
        selection: Selection | None = None,
        baseline: Baseline | None = None,
    ) -> Outcome:
        registry = Registry(rules=tuple(rule() for rule in rules))
        project = Project(registry, Configs(Config()), None, selection)
        return run(discover(paths), project, baseline)

    return check
