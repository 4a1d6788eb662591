"""Compiling and running small architectures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from onnx import ModelProto

from archlint.frontends.architecture import Architecture, compile_architecture
from archlint.sources.problem import Problem, Unreadable
from archlint.sources.yaml_document import YamlDocument, parse_yaml

if TYPE_CHECKING:
    from numpy.typing import NDArray

Compile: TypeAlias = Callable[[str], Architecture]
Refuse: TypeAlias = Callable[[str], list[tuple[Problem, str]]]
Run: TypeAlias = Callable[..., list["NDArray[np.float64]"]]


@pytest.fixture
def compile_text(tmp_path: Path) -> Compile:
    def compile_one(text: str) -> Architecture:
        return compile_architecture(parse_yaml(text.encode()), tmp_path)

    return compile_one


@pytest.fixture
def refuse(tmp_path: Path) -> Refuse:
    """Compile what cannot be compiled; give each problem with the text at its place."""

    def refuse_one(text: str) -> list[tuple[Problem, str]]:
        document = parse_yaml(text.encode())
        with pytest.raises(Unreadable) as raised:
            compile_architecture(document, tmp_path)
        return [(problem, excerpt(document, problem)) for problem in raised.value.problems]

    return refuse_one


def excerpt(document: YamlDocument, problem: Problem) -> str:
    assert problem.span is not None, "every problem has a place"
    return document.text.text[problem.span.start : problem.span.end]


@pytest.fixture
def run() -> Run:
    """Run a model in onnxruntime."""
    import onnxruntime

    def run_one(
        model: ModelProto, feeds: Mapping[str, NDArray[np.generic]]
    ) -> list[NDArray[np.float64]]:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        outputs: list[NDArray[np.float64]] = session.run(None, dict(feeds))
        return outputs

    return run_one
