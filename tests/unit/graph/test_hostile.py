"""Models that lie: each is read, or refused by name, and none ends the process."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper, parser

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.invalid import InvalidGraph

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
READ = """
import onnx, sys
from archlint.graph.build import build_graph
build_graph(onnx.load(sys.argv[1], load_external_data=False))
"""


def parse(text: str) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]>\n{text}')


def numbers(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def wrong_length() -> onnx.ModelProto:
    model = parse("g (int64[4] x) => (y) { y = Add(x, w) }")
    model.graph.initializer.append(
        TensorProto(name="w", data_type=TensorProto.INT64, dims=[4], raw_data=b"\0" * 8)
    )
    return model


def endless_shape() -> onnx.ModelProto:
    return parse(f"g (float[1, 3] x, int64[{2**62}] s) => (y) {{ y = Expand(x, s) }}")


def huge_vector() -> onnx.ModelProto:
    return parse(f"g (int64[{2**31}] x) => (y) {{ u = Unsqueeze(x, a) y = Add(x, u) }}")


def negative_axis() -> onnx.ModelProto:
    model = parse("g (float[1, 3] x) => (y) { a = Expand(x, s) y = Slice(a, b, c, d, e) }")
    sizes = numbers("s", -(2**60), 3)
    model.graph.initializer.extend(
        [sizes, *(numbers(name, value) for name, value in zip("bcde", (0, 1, 0, 1), strict=True))]
    )
    return model


def sizes_that_are_no_numbers() -> onnx.ModelProto:
    model = parse("g (float[1, 3] x) => (y) { y = Expand(x, s) }")
    model.graph.initializer.append(numpy_helper.from_array(np.array([np.nan, 3.0]), "s"))
    return model


def empty_axis_backwards() -> onnx.ModelProto:
    model = parse("g (float[0, 3] x) => (y) { y = Slice(x, b, c, d, e) }")
    model.graph.initializer.extend(
        numbers(name, value) for name, value in zip("bcde", (5, -9, 0, -1), strict=True)
    )
    return model


def too_many_parts() -> onnx.ModelProto:
    return parse("g (float[4] x) => (a) { a, b, c = Split <num_outputs = 2> (x) }")


def many_axes() -> onnx.ModelProto:
    model = parse("g (float[1] x) => (y) { y = Expand(one, s) }")
    model.graph.initializer.extend([numbers("one", 1), numbers("s", *(1,) * 48)])
    return model


HOSTILE = [
    wrong_length,
    endless_shape,
    huge_vector,
    negative_axis,
    empty_axis_backwards,
    sizes_that_are_no_numbers,
    too_many_parts,
    many_axes,
]


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_no_model_ends_the_process(make, tmp_path: Path):
    path = tmp_path / "model.onnx"
    model = make()
    if make is huge_vector:
        model.graph.initializer.append(numbers("a", 0))
    path.write_bytes(model.SerializeToString())

    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr.decode()


def test_a_tensor_without_its_bytes_has_no_contents():
    graph = build_graph(wrong_length())

    assert "w" not in graph.constants
    assert graph.values["y"].sizes == (4,)


def mutate(model: onnx.ModelProto, chance: random.Random) -> None:
    """Break a model in a few places, as a bad exporter or a bad person would."""
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    for _ in range(chance.randint(1, 4)):
        node = chance.choice(graph.node)
        kind = chance.randrange(7)
        if kind == 0 and node.input:
            node.input[chance.randrange(len(node.input))] = chance.choice(["", *names])
        elif kind == 1 and node.input:
            del node.input[chance.randrange(len(node.input))]
        elif kind == 2:
            node.op_type = chance.choice(graph.node).op_type
        elif kind == 3 and node.attribute:
            del node.attribute[chance.randrange(len(node.attribute))]
        elif kind == 4 and node.attribute:
            attribute = chance.choice(node.attribute)
            for place in range(len(attribute.ints)):
                attribute.ints[place] = chance.choice([0, -1, 99, 2**62, -(2**63)])
        elif kind == 5:
            node.output.append(f"extra{chance.randrange(99)}")
        elif graph.initializer:
            stored = chance.choice(graph.initializer)
            stored.data_type = chance.randrange(40)


@pytest.mark.parametrize("seed", range(6))
def test_broken_models_are_read_or_refused(seed: int):
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    paths = sorted(path for path in DATA.rglob("*.onnx") if path.stat().st_size < 20_000)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(60):
        model = onnx.load(chance.choice(paths), load_external_data=False)
        if model.graph.node:
            mutate(model, chance)
        try:
            build_graph(model, Bindings(batch_size=chance.choice([None, 0, 3])))
            outcomes["read"] += 1
        except InvalidGraph:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0


EMPTY_BRANCH = """y = If (c) <
  then_branch = a () => () { t = Neg(x) }, else_branch = b () => (e) { e = Neg(x) }
>"""
BROKEN = {
    "too few inputs": ("y = Add(x)", "number of inputs of Add is 1, not 2"),
    "too many inputs": ("y = Relu(x, x)", "number of inputs of Relu is 2, not 1"),
    "a missing attribute": ("y = Cast(x)", "Cast lacks its required attribute 'to'"),
    "a branch without an output": (EMPTY_BRANCH, "a graph inside If makes 0 outputs, not 1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_call_that_lacks_what_its_operator_needs_is_refused(name: str):
    body, reason = BROKEN[name]
    with pytest.raises(InvalidGraph, match=reason):
        build_graph(parse(f"g (float[2] x, bool c) => (y) {{ {body} }}"))


@pytest.mark.parametrize("op", ["Add", "Sum"])
@pytest.mark.parametrize("slot", [0, 1])
def test_a_required_input_that_is_left_out_is_refused(op: str, slot: int):
    model = parse(f"g (float[2] x) => (y) {{ y = {op}(x, x) }}")
    model.graph.node[0].input[slot] = ""
    with pytest.raises(InvalidGraph, match="leaves out one of its inputs"):
        build_graph(model)


@pytest.mark.parametrize("given", ["'text'", "['a', 'b']", "1.5"])
@pytest.mark.parametrize("key", ["value_int", "value_floats", "value_strings"])
def test_a_constant_of_another_kind_than_its_name_tells_is_read(key, given):
    model = parse("g () => (y) { y = Constant <value_int = 1> () }")
    value = {"'text'": "text", "['a', 'b']": ["a", "b"], "1.5": 1.5}[given]
    model.graph.node[0].attribute[0].CopyFrom(onnx.helper.make_attribute(key, value))

    try:
        graph = build_graph(model, Bindings())
    except InvalidGraph:
        return
    assert "y" in graph.values


def test_a_declaration_of_no_name_is_of_no_output():
    model = parse("g (float[2, 3] x) => (y) { y, mask = Dropout(x) }")
    model.graph.node[0].output[1] = ""
    declared = onnx.helper.make_tensor_value_info("", TensorProto.BOOL, [2])
    model.graph.value_info.append(declared)

    assert build_graph(model, Bindings()).values["y"].sizes == (2, 3)
