"""What archlint itself reports, besides the rules of plugins: codes to select and to explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.findings import Severity
from archlint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.findings import Finding
    from archlint.model import Model


class OwnRule(Rule):
    """Something that archlint reports while it reads and runs, not by looking at a model."""

    since = "0.1.0"
    tags = ("archlint",)

    def check(self, model: Model) -> Iterable[Finding]:  # noqa: ARG002 - found elsewhere
        """Yield nothing: these findings come up before or after the rules."""
        return ()


class UnusedSuppression(OwnRule):
    """A suppression suppresses nothing."""

    code = "LINT001"
    name = "unused-suppression"


class InvalidSuppression(OwnRule):
    """A suppression names no rule, or one that does not exist."""

    code = "LINT002"
    name = "invalid-suppression"


class StaleBaseline(OwnRule):
    """The baseline records more findings than there are."""

    code = "LINT003"
    name = "stale-baseline"


class InternalError(OwnRule):
    """A rule or a reader of archlint failed: this is a bug, and the run ends with exit code 2."""

    code = "LINT004"
    name = "internal-error"
    severity = Severity.ERROR


class UnknownDimension(OwnRule):
    """The target gives a size to a dimension that the model does not have."""

    code = "LINT005"
    name = "unknown-dimension"
    severity = Severity.INFO  # a size for all models of a run need not be one of each


class UnknownModule(OwnRule):
    """The training names a module or a parameter that the model does not have."""

    code = "LINT006"
    name = "unknown-module"


class UnreadableFile(OwnRule):
    """The file is not a model that archlint can read."""

    code = "FILE001"
    name = "unreadable-file"
    severity = Severity.ERROR


class ExternalDataMissing(OwnRule):
    """A file with weights is not there, or too short."""

    code = "FILE002"
    name = "external-data-missing"


class ExternalDataRefused(OwnRule):
    """A file with weights is not where a model may keep them, or is described wrongly."""

    code = "FILE003"
    name = "external-data-refused"
    severity = Severity.ERROR


class TensorSizeMismatch(OwnRule):
    """A stored tensor has more or fewer bytes than its dimensions need."""

    code = "FILE004"
    name = "tensor-size-mismatch"
    severity = Severity.ERROR


class TextNotUtf8(OwnRule):
    """Names in the model are not UTF-8, as ONNX asks."""

    code = "FILE005"
    name = "text-not-utf-8"


class InvalidModel(OwnRule):
    """The file holds a model that onnx's own checker refuses."""

    code = "FILE006"
    name = "invalid-model"


class InvalidYaml(OwnRule):
    """The file is not YAML, or holds what no architecture needs."""

    code = "YAML001"
    name = "invalid-yaml"
    severity = Severity.ERROR


class InvalidArchitecture(OwnRule):
    """The file is YAML, but says something that no architecture can mean."""

    code = "YAML002"
    name = "invalid-architecture"
    severity = Severity.ERROR


class AmbiguousValue(OwnRule):
    """A value means one thing in YAML 1.1 and another in YAML 1.2."""

    code = "YAML003"
    name = "ambiguous-value"


class UnportableText(OwnRule):
    """The text holds what other readers of YAML refuse or change."""

    code = "YAML004"
    name = "unportable-text"


class DuplicateKey(OwnRule):
    """A mapping has the same key twice, and only one of them can count."""

    code = "YAML005"
    name = "duplicate-key"
    severity = Severity.ERROR


_ALL = (
    UnusedSuppression,
    InvalidSuppression,
    StaleBaseline,
    InternalError,
    UnknownDimension,
    UnknownModule,
    UnreadableFile,
    ExternalDataMissing,
    ExternalDataRefused,
    TensorSizeMismatch,
    TextNotUtf8,
    InvalidModel,
    InvalidYaml,
    InvalidArchitecture,
    AmbiguousValue,
    UnportableText,
    DuplicateKey,
)


def own_rules() -> tuple[Rule, ...]:
    """Return one of each."""
    return tuple(rule() for rule in _ALL)
