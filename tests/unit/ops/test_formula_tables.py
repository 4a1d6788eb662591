"""Tables of a formula among the weights of a file that tells buffers by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.analysis.parameters.parameters import Parameters
from archlint.engine.stored_numbers import StoredNumbers
from archlint.frontends.onnx import load_onnx
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.ops.restored.formula_tables import formula_tables, with_tables
from archlint.sources.tensor_numbers import UnknownNumbers
from archlint.target import Target

RANDOM = np.random.default_rng(0)
LEARNED = RANDOM.normal(size=(50, 16)) * (np.arange(50) > 0)[:, None]  # the first row is padding


def sines(length: int, features: int) -> np.ndarray:
    """Vaswani et al. 2017, section 3.5."""
    place = np.arange(length)[:, None] / 10_000 ** (np.arange(0, features, 2) / features)
    return np.stack((np.sin(place), np.cos(place)), -1).reshape(length, features)


def decay(length: int) -> np.ndarray:
    """The causal decay of retention: Sun et al. 2023, equation 6."""
    steps = np.subtract.outer(np.arange(length), np.arange(length))
    return np.where(steps >= 0, 0.9 ** np.maximum(steps, 0), 0)


def angles(length: int, features: int) -> np.ndarray:
    """Su et al. 2021, section 3.2.2."""
    return np.outer(np.arange(length), 10_000 ** (-np.arange(features) / features))


def transform(length: int) -> np.ndarray:
    """Return the angles of a discrete Fourier transform."""
    return 2 * np.pi * np.outer(np.arange(length // 2), np.arange(length)) / length


Stored = tuple[str, str, np.ndarray, int]
TABLES: dict[str, Stored] = {
    "sines": ("Add", "position", sines(50, 64), 0),
    "few-sines": ("Add", "position", sines(6, 8), 0),
    "looked-up": ("Gather", "position.weight", sines(50, 64), 3200),
    "decay": ("Mul", "decay", decay(40), 0),
    "cosines": ("Mul", "turn", np.cos(angles(50, 16)), 0),
    "sines-alone": ("Mul", "turn", np.sin(angles(50, 16)), 0),
    "cosines-twice": ("Mul", "turn", np.cos(np.tile(angles(50, 16), 2)), 0),
    "cosines-in-pairs": ("Mul", "turn", np.cos(np.repeat(angles(50, 16), 2, axis=1)), 0),
    "transform": ("MatMul", "basis", np.cos(transform(32)), 0),
    "transform-by-sines": ("MatMul", "basis", np.sin(transform(32)), 0),
    "transform-turned": ("MatMul", "onnx::MatMul_20", np.cos(transform(32)).T, 0),
    "layer-turned": ("MatMul", "onnx::MatMul_20", RANDOM.normal(size=(32, 16)), 512),
    "layer-of-waves": ("MatMul", "fc.weight", np.cos(transform(32)), 512),
    "padded": ("Add", "table", LEARNED, 800),
    "bounded": ("Mul", "table", np.cos(LEARNED), 800),
    "blur": ("Conv", "kernel", np.tile(np.outer([1, 2, 1], [1, 2, 1]) / 16, (8, 1, 1, 1)), 0),
    "blur-of-a-layer": ("Conv", "up.weight", np.tile(np.eye(3), (8, 1, 1, 1)), 72),
    "filters": ("Conv", "kernel", RANDOM.normal(size=(8, 1, 3, 3)), 72),
    "octaves": ("Mul", "octaves", 2.0 ** np.arange(6), 0),
    "three-octaves": ("Mul", "octaves", 2.0 ** np.arange(3), 3),
    "grid": ("Sub", "spline.grid", np.linspace(-1, 1, 12)[None], 0),
    "steps-elsewhere": ("Mul", "mix", np.linspace(0, 1, 12)[None], 12),
    "learned": ("Add", "position", RANDOM.normal(size=(50, 64)), 3200),
    "fresh": ("Mul", "gain", np.ones((40, 40)), 1600),
    "zeros": ("Add", "shift", np.zeros((40, 40)), 1600),
    "matrix": ("MatMul", "turn", np.tril(np.ones((40, 40))), 1600),
}


def written(path: Path, op: str, name: str, numbers: np.ndarray, producer: str) -> Parameters:
    rows = ["places"] if op == "Gather" else []
    nodes = [helper.make_node(op, [name, *rows] if rows else ["x", name], ["y"])]
    inputs = [
        helper.make_tensor_value_info("places", TensorProto.INT64, [3])
        if rows
        else helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, *numbers.shape])
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    stored = numpy_helper.from_array(numbers.astype(np.float32), name)
    graph = helper.make_graph(nodes, "g", inputs, outputs, [stored])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, producer_name=producer), path)
    read = load_onnx(path)
    plain = build_graph(read.model)
    first = StoredNumbers(path, read.model, read.payloads).first
    marked = with_tables(plain, formula_tables(plain, first))
    return Facts(marked, Target(), operators()).parameters


@pytest.mark.parametrize("case", TABLES)
def test_a_table_made_by_a_formula_is_not_trained(case: str, tmp_path: Path) -> None:
    op, name, numbers, count = TABLES[case]

    found = written(tmp_path / "net.onnx", op, name, numbers, "pytorch")

    assert found.count == count
    assert found.buffer_count == numbers.size - count
    trained = sum(entry.value.elements or 0 for entry in found.every if entry.trained)
    assert trained == (0 if case == "looked-up" else count)


@pytest.mark.parametrize("make", [lambda: sines(50, 64), lambda: decay(40)])
def test_missing_numbers_decide_nothing(make: Callable[[], np.ndarray]) -> None:
    numbers = make()
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "table"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, numbers.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(numbers.astype(np.float32), "table")],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="pytorch"
    )

    assert not formula_tables(build_graph(model), lambda *_: None)


SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"


@pytest.mark.parametrize(
    ("op", "numbers", "is_trained"),
    [
        ("Gather", sines(50, 64), False),
        ("Gather", RANDOM.normal(size=(50, 64)), True),
        ("Add", sines(50, 64), True),  # it may be learned from there on
    ],
)
def test_of_the_parameters_of_a_program_only_looked_up_sines_are_frozen(
    op: str, numbers: np.ndarray, is_trained: bool, tmp_path: Path
) -> None:
    written(tmp_path / "net.onnx", op, "table", numbers, "pytorch")
    proto = onnx.load(tmp_path / "net.onnx")
    places = ["places"] if op == "Gather" else ["x"]
    lines = ["p_table: PARAMETER target='table'", f"{places[0]}: USER_INPUT"]
    proto.graph.metadata_props.add(key=SIGNATURE, value="\n".join(["# inputs", *lines]))
    onnx.save(proto, tmp_path / "net.onnx")
    read = load_onnx(tmp_path / "net.onnx")
    graph = build_graph(read.model)
    first = StoredNumbers(tmp_path / "net.onnx", read.model, read.payloads).first

    tables = formula_tables(graph, first)

    (entry,) = Facts(with_tables(graph, tables), Target(), operators()).parameters.every
    assert entry.trained is is_trained
    assert entry.value.elements == numbers.size


ROWS: dict[str, tuple[str, np.ndarray, bool]] = {
    "window": ("Mul", np.hanning(33)[:-1], True),
    "decays": ("Log", 1 - 2.0 ** (-5 - np.arange(4)), True),  # Sun et al. 2023, section 2.1
    "frequencies": ("Mul", 10_000.0 ** (-np.arange(8) / 8), True),
    "learned": ("Mul", RANDOM.normal(size=32), False),
    "ordered": ("Mul", np.sort(RANDOM.normal(size=32)), False),
    "gains": ("Mul", np.ones(32), False),
    "few": ("Mul", np.linspace(0, 1, 3), False),
    "bias": ("Add", np.linspace(0, 1, 32), False),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_row_of_a_formula_may_be_a_buffer(case: str) -> None:
    """Memory lies between a buffer and a parameter; torch.export says which it is."""
    op, numbers, is_open = ROWS[case]
    stored = numpy_helper.from_array(numbers.astype(np.float32), "row")
    weight = numpy_helper.from_array(np.ones((6, len(numbers)), np.float32), "weight")
    nodes = [helper.make_node("MatMul", ["x", "weight"], ["h"])]
    if op == "Log":
        nodes += [
            helper.make_node("Log", ["row"], ["log"]),
            helper.make_node("Mul", ["h", "log"], ["y"]),
        ]
    else:
        nodes.append(helper.make_node(op, ["h", "row"], ["y"]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", (5, 6)), ("y", (5, len(numbers))))
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [stored, weight])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="pytorch")

    class Numbers(UnknownNumbers):
        def first(self, name: str, count: int, /) -> np.ndarray:
            return (numbers.astype(np.float32) if name == "row" else np.ones(count))[:count]

    facts = Facts(build_graph(model), Target(), operators(), Numbers())

    note = "row has numbers or a use as buffers have"
    assert (note in (facts.training_note or "")) == is_open
    assert (facts.training_memory.peak.low < facts.training_memory.peak.high) == is_open
    if op == "Mul":  # its other operand is kept for the gradient of the row alone
        kept, made = 4 * 5 * 6, 4 * 5 * len(numbers)
        assert facts.saved.total.high == kept + made
        assert facts.saved.total.low == kept + made * (not is_open)
