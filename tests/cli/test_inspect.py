"""What `archlint inspect` prints for people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from onnx import TensorProto, helper, numpy_helper, parser

from dead_layer import DEAD

from .conftest import Archlint


def _layers(text: str) -> list[str]:
    table = text.partition("\n\n")[0].splitlines()[1:]
    return [line.split()[0] for line in table if not line.startswith("(")]


def write_transposed_linear(folder: Path) -> None:
    """A product with a weight that is stored the other way round, and a dead constant."""
    weight = numpy_helper.from_array(np.zeros((4, 3), np.float32), "weight")
    nodes = [
        helper.make_node("Transpose", ["weight"], ["turned"], name="turn", perm=[1, 0]),
        helper.make_node("MatMul", ["x", "turned"], ["product"], name="linear"),
        helper.make_node("Identity", ["product"], ["y"], name="end"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])
    graph = helper.make_graph(nodes, "net", [x], [y], [weight])
    (folder / "net.onnx").write_bytes(helper.make_model(graph).SerializeToString())


def test_nodes_that_only_prepare_weights_are_no_layers(archlint: Archlint, folder: Path) -> None:
    write_transposed_linear(folder)
    text = archlint("inspect", "net.onnx").out
    assert _layers(text) == ["linear", "end"]
    assert "(1 node that only prepares shapes or weights: --all-tensors)" in text
    assert _layers(archlint("inspect", "net.onnx", "--all-tensors").out) == [
        "turn",
        "linear",
        "end",
    ]


def test_open_dimensions_come_with_the_flags_that_bind_them(
    archlint: Archlint, folder: Path
) -> None:
    opened = DEAD.replace("[1, 3, 8, 8]", "[N, 3, 8, T]")
    (folder / "net.arch.yaml").write_text(opened, encoding="utf-8")
    assert (
        "bind the open dimensions: --batch-size N --dim T=N\n"
        in archlint("inspect", "net.arch.yaml").out
    )
    bound = archlint("inspect", "net.arch.yaml", "--batch-size", "2", "--dim", "T=8")
    assert "bind the open dimensions" not in bound.out


def test_a_reason_is_given_once(archlint: Archlint, folder: Path) -> None:
    nodes = [
        helper.make_node("Riddle", ["x"], ["h"], name="first", domain="acme"),
        helper.make_node("Riddle", ["h"], ["y"], name="second", domain="acme"),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy")
    graph = helper.make_graph(nodes, "net", [x], [y])
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("acme", 1)]
    model = helper.make_model(graph, opset_imports=imports)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    text = archlint("inspect", "net.onnx").out
    assert text.count("the operator is not known") == 1
    assert "\n  Riddle first and 1 more: the operator is not known\n" in text


OPEN = """\
archlint: 1
name: net
inputs:
  x: [N, 3, H, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 2, stride: 2, bias: false}
    name: stem
"""


def test_totals_of_an_open_model_are_formulas(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(OPEN, encoding="utf-8")
    lines = archlint("inspect", "net.arch.yaml", "--optimizer", "sgd").out.splitlines()
    # 4 * 3 * 2 * 2 multiplications at each of N * H/2 * 8/2 places.
    assert "forward              96 MAC * N * H = 192 FLOP * N * H" in lines
    # Only the input is kept: 3 * 8 values of 4 bytes.
    assert "  saved activations  96 B * N * H" in lines
    assert "parameters           48 (192 B)" in lines
    (stem,) = [line for line in lines if line.startswith("stem")]
    assert "96 * N * H" in stem
    assert lines[-2:] == [
        "formulas hold for H a multiple of 2",
        "bind the open dimensions: --batch-size N --dim H=N",
    ]
    assert not any("not known" in line or "at least" in line for line in lines)


def test_formulas_of_an_open_model_as_json(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(OPEN, encoding="utf-8")
    facts = json.loads(archlint("inspect", "net.arch.yaml", "--format", "json").out)
    schema = json.loads(archlint("schema", "facts").out)
    Draft202012Validator(schema).validate(facts)
    assert not facts["compute"]["complete"]
    formulas = facts["formulas"]
    assert [symbol["name"] for symbol in formulas["symbols"]] == ["N", "H"]
    macs = formulas["compute"]["forward_macs"]
    assert macs["low"] == macs["high"] == [{"coefficient": 96, "powers": {"N": 1, "H": 1}}]
    assert macs["multiple_of"] == {"N": 1, "H": 2}
    assert macs["smallest"] == {"N": 1, "H": 2}
    assert formulas["unknown"] == [
        {"node": "", "op": "optimizer", "reason": "none is named: --optimizer NAME"}
    ]


def test_a_bound_model_has_no_formulas(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(OPEN, encoding="utf-8")
    bound = ("--batch-size", "2", "--dim", "H=8", "--format", "json")
    facts = json.loads(archlint("inspect", "net.arch.yaml", *bound).out)
    assert facts["formulas"] is None
    assert facts["compute"]["forward_macs"] == 96 * 2 * 8


BRANCHES = """<ir_version: 8, opset_import: ["" : 17]>
net (float[rows, 4] x, int64 rate) => (float[rows, width] y) {
  is_high = Equal (rate, high)
  y = If (is_high) <
    then_branch = wide () => (t) { a = MatMul (x, x_t) t = MatMul (a, x) },
    else_branch = narrow () => (e) { e = MatMul (x, square) }
  >
}"""


def write_branches(folder: Path) -> None:
    model = parser.parse_model(BRANCHES)
    stored = {
        "high": np.array(16000),
        "x_t": np.ones((4, 3), np.float32),
        "square": np.ones((4, 4), np.float32),
    }
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in stored.items()
    )
    (folder / "net.onnx").write_bytes(model.SerializeToString())


def test_branches_are_shown_as_an_interval(archlint: Archlint, folder: Path) -> None:
    write_branches(folder)
    text = archlint("inspect", "net.onnx", "--dim", "rows=3").out
    assert "forward              48 MAC to 72 MAC = 96 FLOP to 144 FLOP\n" in text
    assert "between the least and the most:\n  If y: which branch runs is not known\n" in text

    facts = json.loads(archlint("inspect", "net.onnx", "--dim", "rows=3", "--format", "json").out)
    assert not facts["compute"]["complete"]
    assert facts["compute"]["unknown"] == []
    assert facts["compute"]["range"]["forward_macs"] == {"low": 48, "high": 72}


def test_the_value_of_an_input_selects_the_branch(archlint: Archlint, folder: Path) -> None:
    write_branches(folder)
    given = ("--dim", "rows=3", "--dim", "rate=16000", "--format", "json")
    facts = json.loads(archlint("inspect", "net.onnx", *given).out)
    assert facts["compute"]["complete"]
    assert facts["compute"]["forward_macs"] == 72


def test_open_dimensions_are_listed_once_by_name(archlint: Archlint, folder: Path) -> None:
    text = DEAD.replace("[1, 3, 8, 8]", "[N, 3, T, T]")
    (folder / "net.arch.yaml").write_text(text, encoding="utf-8")
    totals = archlint("inspect", "net.arch.yaml").out.partition("\n\nparameters")[2]
    assert totals.count("bind the open dimensions: --batch-size N --dim T=N") == 1
    assert "not bound" not in totals
    assert "floor(" not in totals


def test_the_common_domain_of_formulas_is_shown_once(archlint: Archlint, folder: Path) -> None:
    layers = (
        "  - Embedding: {num_embeddings: 100, embedding_dim: 8}\n"
        "  - PositionEmbedding: {num_embeddings: 512}\n"
        "  - MultiheadAttention: {num_heads: 2}\n"
    )
    inputs = "inputs: {tokens: {shape: [N, T], dtype: int64}}"
    text = f"archlint: 1\nname: gpt\n{inputs}\nlayers:\n{layers}"
    (folder / "gpt.arch.yaml").write_text(text, encoding="utf-8")
    out = archlint("inspect", "gpt.arch.yaml").out
    assert "\nformulas hold for T <= 512\nbind the open dimensions: " in out
    assert "for T <= 512" not in out.replace("formulas hold for T <= 512", "")
    (sum_of_biases,) = (line for line in out.splitlines() if "out_proj  " in line)
    assert sum_of_biases.split()[-4:] == ["0", "0", "B", "all"]


def test_names_in_the_target_without_a_match_are_reported(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(DEAD, encoding="utf-8")
    plain = archlint("inspect", "net.arch.yaml")
    told = archlint("inspect", "net.arch.yaml", "--dim", "T=3", "--set", "training.frozen=none.*")

    assert told.out == plain.out
    assert "no input has a dimension 'T'" in told.err
    assert "training.frozen names none.*, which matches nothing in the model" in told.err
    assert not plain.err


def totals(text: str) -> dict[str, str]:
    """Return what stands behind each label of the totals; the last where one comes twice."""
    lines = [line.split("  ", 1) for line in text.partition("\n\n")[2].splitlines() if "  " in line]
    return {label: value.strip() for label, value in lines if label}


def test_inference_is_shown_for_the_targets_format(archlint: Archlint, folder: Path) -> None:
    """A convolution of 8 x 3 x 3 x 3 weights and 8 biases on 3 x 32 x 32, made as 8 x 30 x 30."""
    net = "archlint: 1\ninputs: {x: [1, 3, 32, 32]}\nlayers:\n"
    net += "  - Conv2d: {out_channels: 8, kernel_size: 3}\n"
    (folder / "conv.arch.yaml").write_text(net, encoding="utf-8")
    plain = archlint("inspect", "conv.arch.yaml")
    assert "inference on" not in plain.out
    command = ("inspect", "conv.arch.yaml", "--set", "deploy-dtype=fp16", "--device")
    assert totals(archlint(*command, "stm32f407").out)["inference on stm32f407"] == (
        f"{(3 * 32 * 32 + 8 * 30 * 30) * 2 / 1024:.4g} KiB of 192 KiB (in fp16)"
    )
    gpu = archlint(*command, "nvidia-t4", "--format", "json")
    deployment = json.loads(gpu.out)["memory"]["deployment"]
    assert deployment["weight_bytes"] == {"low": 448, "high": 448}
    assert deployment["total_bytes"]["high"] == (3 * 32 * 32 + 8 * 30 * 30) * 2 + 448


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("pooled.dynamo", "1,421 (5.551 KiB); in training 1,469"),
        ("pooled.torchscript", "1,429 (5.582 KiB); in training 1,461 to 1,485"),
    ],
)
def test_the_trained_parameters_of_a_folded_network_are_shown(
    archlint: Archlint, name: str, shown: str
) -> None:
    """PyTorch counts 1,469; whether convolutions had biases, only one exporter tells."""
    path = Path(__file__).parents[1] / "truth" / "inference" / f"{name}.onnx"
    assert totals(archlint("inspect", str(path)).out)["parameters"] == shown


def test_what_training_computes_besides_a_file_is_told(archlint: Archlint) -> None:
    """Attention in three rounds, whose keys and values PyTorch's optimizer projects once."""
    path = Path(__file__).parents[1] / "truth" / "repeated" / "rounds.inference.onnx"
    truth = json.loads(path.with_name("truth.json").read_text(encoding="utf-8"))["networks"]
    forward, backward = truth["rounds"]["forward"], truth["rounds"]["backward"]
    text = archlint("inspect", str(path)).out
    found = totals(text)
    assert found["forward"].endswith(f"; in training {forward / 1000:.4g} kFLOP")
    assert found["training step"] == f"{(forward + backward) / 1000:.4g} kFLOP"
    assert "the exporter merged 4 products with equal ones" in text
    compute = json.loads(archlint("inspect", str(path), "--format", "json").out)["compute"]
    assert compute["training_forward_flops"] == forward
    assert compute["forward_flops"] == 2 * compute["forward_macs"] < forward
    assert compute["backward_flops"] == backward
    assert compute["complete"]


def test_quantized_weights_are_said_not_to_be_trained(archlint: Archlint, folder: Path) -> None:
    weight = numpy_helper.from_array(np.ones((3, 4), np.int8), "weight")
    scale = numpy_helper.from_array(np.float32(0.1), "scale")
    nodes = [
        helper.make_node("DequantizeLinear", ["weight", "scale"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])
    graph = helper.make_graph(nodes, "net", [x], [y], [weight, scale])
    (folder / "net.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    told = "12 of 12 parameters are stored as integers, which are not trained"
    assert told in archlint("inspect", "net.onnx", "--optimizer", "adamw").out
    write_transposed_linear(folder)
    assert "whole numbers" not in archlint("inspect", "net.onnx", "--optimizer", "adamw").out
