"""DEPLOY004: a file of a newer version than the runtime reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity, newer_operators

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMED = 4  # operators that the message names


class NewerVersion(Rule):
    """The file is of a newer opset or IR version than the runtime of the target reads."""

    code = "DEPLOY004"
    name = "newer-version"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("deployment",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the versions of an ONNX file with those that the target states."""
        if model.ir_version is None:  # the versions of what archlint would export are no choice
            return
        opset, ir_version = model.target.max_opset, model.target.max_ir_version
        if opset is not None and model.graph.opset > opset:
            yield self._opset(model, opset)
        if ir_version is not None and model.ir_version > ir_version:
            yield self._ir_version(model.ir_version, ir_version)

    def _opset(self, model: Model, limit: int) -> Finding:
        newer = newer_operators(model.graph, limit)
        named = ", ".join(f"{op} ({since})" for op, since in list(newer.items())[:_NAMED])
        more = " and others" * (len(newer) > _NAMED)
        one = "is one that is newer or was changed" if len(newer) == 1 else "are newer or changed"
        why = f"; of its operators, {named}{more} {one}" if newer else "; no operator needs that"
        return self.finding(
            f"the file is of opset {model.graph.opset}, and the runtime reads up to opset {limit} "
            f"(max-opset){why}",
            data={"opset": model.graph.opset, "limit": limit, "operators": newer},
            help=f"export with opset_version={limit}, convert the file with "
            f"onnx.version_converter.convert_version(model, {limit}), or use a newer runtime",
        )

    def _ir_version(self, found: int, limit: int) -> Finding:
        return self.finding(
            f"the file is of IR version {found}, and the runtime reads up to IR version {limit} "
            "(max-ir-version)",
            data={"ir_version": found, "limit": limit},
            help=f"set model.ir_version = {limit} and save the file again, which is enough where "
            "it has no element type that is newer, or use a newer runtime",
        )
