"""Rules for problems of a file itself, which are found before there is a model."""

from __future__ import annotations

from typing import ClassVar

from archlint.engine.own_rule import OwnRule
from archlint.sources import problem_kind
from archlint.sources.problem_kind import ProblemKind


class FileRule(OwnRule):
    """One kind of problem that a file can have: its code, its name and its severity."""

    kind: ClassVar[ProblemKind]

    def __init_subclass__(cls) -> None:
        """Take the code, the name and the severity from the kind."""
        cls.code, cls.name, cls.severity = cls.kind.code, cls.kind.name, cls.kind.severity


class OversizedProtobuf(FileRule):
    """The file has 2 GiB or more, which protobuf does not read."""

    kind = problem_kind.OVERSIZED_PROTOBUF


class UnreadableFile(FileRule):
    """The file is not a model that archlint can read."""

    kind = problem_kind.UNREADABLE_FILE


class ExternalDataMissing(FileRule):
    """An external weight file is missing or too short."""

    kind = problem_kind.EXTERNAL_DATA_MISSING


class ExternalDataRefused(FileRule):
    """An external weight file is at a place that is not allowed, or is described wrongly."""

    kind = problem_kind.EXTERNAL_DATA_REFUSED


class TensorSizeMismatch(FileRule):
    """A stored tensor has more or fewer bytes than its dimensions need."""

    kind = problem_kind.TENSOR_SIZE_MISMATCH


class TextNotUtf8(FileRule):
    """Names in the model are not UTF-8, which ONNX requires."""

    kind = problem_kind.TEXT_NOT_UTF_8


class InvalidModel(FileRule):
    """The file contains a model that onnx's own checker rejects."""

    kind = problem_kind.INVALID_MODEL


class InvalidYaml(FileRule):
    """The file is not valid YAML, or uses a part of YAML that architecture files do not allow."""

    kind = problem_kind.INVALID_YAML


class InvalidArchitecture(FileRule):
    """The file is valid YAML, but not a valid architecture."""

    kind = problem_kind.INVALID_ARCHITECTURE


class AmbiguousValue(FileRule):
    """A value means one thing in YAML 1.1 and another in YAML 1.2."""

    kind = problem_kind.AMBIGUOUS_VALUE


class UnportableText(FileRule):
    """The text contains what other YAML readers reject or change."""

    kind = problem_kind.UNPORTABLE_TEXT


class DuplicateKey(FileRule):
    """A mapping has the same key twice, and only one of the values can count."""

    kind = problem_kind.DUPLICATE_KEY


FILE_RULES: tuple[type[FileRule], ...] = (
    OversizedProtobuf,
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
