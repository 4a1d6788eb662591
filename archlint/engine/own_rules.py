"""Rules that archlint itself reports, so that their codes can be selected and explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.engine.file_rules import FILE_RULES
from archlint.engine.own_rule import OwnRule
from archlint.findings import Severity

if TYPE_CHECKING:
    from archlint.rule import Rule


class UnusedSuppression(OwnRule):
    """A suppression suppresses nothing."""

    code = "LINT001"
    name = "unused-suppression"


class InvalidSuppression(OwnRule):
    """A suppression names no rule, or one that does not exist."""

    code = "LINT002"
    name = "invalid-suppression"


class StaleBaseline(OwnRule):
    """The baseline records more findings than the run found."""

    code = "LINT003"
    name = "stale-baseline"


class InternalError(OwnRule):
    """A rule or a reader crashed: this is a bug, and the run ends with exit code 2."""

    code = "LINT004"
    name = "internal-error"
    severity = Severity.ERROR


class UnknownDimension(OwnRule):
    """The target gives a size to a dimension that the model does not have."""

    code = "LINT005"
    name = "unknown-dimension"
    severity = Severity.INFO  # a size that is stated for all models of a run need not apply to each


class UnknownModule(OwnRule):
    """The training settings name a module or a parameter that the model does not have."""

    code = "LINT006"
    name = "unknown-module"


_RUN_RULES: tuple[type[OwnRule], ...] = (
    UnusedSuppression,
    InvalidSuppression,
    StaleBaseline,
    InternalError,
    UnknownDimension,
    UnknownModule,
)


def own_rules() -> tuple[Rule, ...]:
    """Return one of each."""
    return tuple(rule() for rule in (*_RUN_RULES, *FILE_RULES))
