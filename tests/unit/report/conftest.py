"""An outcome with everything in it that a report can have."""

from __future__ import annotations

import pytest

from archlint.findings import Edit, Finding, Fix, Place, Severity
from archlint.report.outcome import Crash, FileOutcome, Outcome, Reported, Status
from archlint.sources.span import Span

TEXT = "archlint: 1\nlayers:\n\t- Größe: {漢字: 3}\n"
HOSTILE = "bad\x1b[31mname\nwith lines\u202e"


@pytest.fixture
def outcome() -> Outcome:
    place = Place(node="conv", tensor="y")
    fix = Fix("write std: 0.05", (Edit(Place(path=("layers", 0), key="std"), "0.05"),))
    first = Finding(
        "RF001",
        "receptive-field-too-small",
        Severity.ERROR,
        "receptive field of y is 3, required 31",
        place,
        {"size": 3, "ratio": float("inf"), "axes": (2, 3)},
        "add layers",
    )
    second = Finding("INIT001", "sigma-relu", Severity.WARNING, "sigma is 0.1", fix=fix)
    third = Finding("ARCH006", "dead-code", Severity.INFO, f"{HOSTILE} is dead")
    here = Span(3, 4, 3, 17, 24, 37)
    return Outcome(
        findings=(
            Reported("a.onnx", first, None, "Conv conv: x float32[1, 3] -> y float32[1, 8]"),
            Reported("b.arch.yaml", second, here),
            Reported("b.arch.yaml", third, here),
        ),
        files=(
            FileOutcome("a.onnx", Status.CHECKED),
            FileOutcome("b.arch.yaml", Status.CHECKED, None, TEXT),
            FileOutcome("c.yaml", Status.SKIPPED, "no architecture"),
        ),
        suppressed=(Reported("a.onnx", second),),
        baseline=(Reported("a.onnx", third),),
        crashes=(Crash("a.onnx", "rule X001", "KeyError: 1", "Traceback"),),
    )
