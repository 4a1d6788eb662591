"""Records of the program that no exporter writes: the file is read, and nothing breaks."""

import re
from pathlib import Path

import onnx
import pytest

from archlint.cli import main

EXPORTS = Path(__file__).parents[2] / "truth" / "training"
CALL = "pkg.torch.onnx.fx_node"
# Arguments of calls: numbers, and tensors, in brackets and between commas.
NUMBER, TENSOR = r"(?<=[ (\[])-?\d+(?=[,)\]])", r"(?<=[ (\[])%\w+(?=[,)\]])"


@pytest.mark.parametrize("name", ["moved", "rearranged", "pointwise", "attention-by-hand", "gated"])
@pytest.mark.parametrize(
    ("pattern", "instead"),
    [(NUMBER, "--1"), (NUMBER, "-9"), (NUMBER, "²"), (NUMBER, "None"), (TENSOR, "nan")],
)
def test_calls_of_words_and_of_axes_that_are_not_there(
    name: str, pattern: str, instead: str, tmp_path: Path, capsys
):
    model = onnx.load(EXPORTS / f"{name}.dynamo.onnx")
    for node in model.graph.node:
        for entry in node.metadata_props:
            if entry.key == CALL:
                head, args, rest = entry.value.partition("(args = ")
                entry.value = f"{head}{args}{re.sub(pattern, instead, rest)}"
    path = tmp_path / "lies.onnx"
    onnx.save(model, path)

    ended = main(["inspect", str(path), "--optimizer", "adam", "--device", "nvidia-t4"])

    assert (ended, capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("name", ["moved", "encoder", "residual", "perceptron"])
@pytest.mark.parametrize("operator", ["diagonal.default", "unbind.int", "unfold.default"])
def test_a_call_that_another_operator_stands_for(name: str, operator: str, tmp_path: Path, capsys):
    """A view along a diagonal of what is no matrix is none."""
    model = onnx.load(EXPORTS / f"{name}.dynamo.onnx")
    for node in model.graph.node:
        for entry in node.metadata_props:
            if entry.key == CALL:
                called = f"target=torch.ops.aten.{operator}"
                entry.value = re.sub(r"target=[\w.]+", called, entry.value)
    path = tmp_path / "lies.onnx"
    onnx.save(model, path)

    ended = main(["check", str(path), "--optimizer", "adam"])

    assert ended in {0, 1}
    assert "internal error" not in capsys.readouterr().err
