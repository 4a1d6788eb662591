"""The kinds of problems that a file can have, with their codes, names and severities."""

from __future__ import annotations

from msgspec import Struct

from archlint.findings import Severity


class ProblemKind(Struct, frozen=True):
    """A kind of problem; `severity` applies to problems that do not state their own."""

    code: str
    name: str
    severity: Severity = Severity.ERROR


OVERSIZED_PROTOBUF = ProblemKind("DEPLOY008", "oversized-protobuf")
UNREADABLE_FILE = ProblemKind("FILE001", "unreadable-file")
EXTERNAL_DATA_MISSING = ProblemKind("FILE002", "external-data-missing", Severity.WARNING)
EXTERNAL_DATA_REFUSED = ProblemKind("FILE003", "external-data-refused")
TENSOR_SIZE_MISMATCH = ProblemKind("FILE004", "tensor-size-mismatch")
TEXT_NOT_UTF_8 = ProblemKind("FILE005", "text-not-utf-8", Severity.WARNING)
INVALID_MODEL = ProblemKind("FILE006", "invalid-model", Severity.WARNING)
INVALID_YAML = ProblemKind("YAML001", "invalid-yaml")
INVALID_ARCHITECTURE = ProblemKind("YAML002", "invalid-architecture")
AMBIGUOUS_VALUE = ProblemKind("YAML003", "ambiguous-value", Severity.WARNING)
UNPORTABLE_TEXT = ProblemKind("YAML004", "unportable-text", Severity.INFO)
DUPLICATE_KEY = ProblemKind("YAML005", "duplicate-key")
