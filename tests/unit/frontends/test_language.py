"""Names, branches, blocks, parameters, conditions, repetition, imports, places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from archlint.frontends.architecture import Architecture, compile_architecture
from archlint.sources.problem import Unreadable
from archlint.sources.yaml_document import plain, read_yaml

HEAD = """archlint: 1
inputs: {image: [N, 3, 32, 32]}
"""


def names(architecture: Architecture) -> list[str]:
    return [node.name for node in architecture.model.graph.node]


def facts(entry: onnx.NodeProto | onnx.TensorProto) -> dict[str, str]:
    return {pair.key: pair.value for pair in entry.metadata_props}


def output_shapes(architecture: Architecture) -> dict[str, list[int | str]]:
    return {
        output.name: [dim.dim_value or dim.dim_param for dim in output.type.tensor_type.shape.dim]
        for output in architecture.model.graph.output
    }


def test_layers_are_called_by_their_names_or_their_kinds(compile_text: Any) -> None:
    architecture = compile_text(
        f"""{HEAD}
blocks:
  unit:
    layers: [ReLU, {{Tanh: , name: last}}]
layers:
  - ReLU
  - ReLU
  - {{unit: , name: stage, repeat: 2}}
  - unit
"""
    )
    assert names(architecture) == [
        "relu", "relu_2", "stage.0.relu", "stage.0.last", "stage.1.relu", "stage.1.last",
        "unit.relu", "unit.last",
    ]  # fmt: skip


@pytest.mark.parametrize("nothing", ["", "null", "~", "{}"])
def test_a_layer_may_have_no_arguments(compile_text: Any, nothing: str) -> None:
    assert names(compile_text(f"{HEAD}layers:\n  - {{GELU: {nothing}, name: act}}\n")) == ["act"]


def test_a_block_computes_with_its_parameters(compile_text: Any) -> None:
    architecture = compile_text(
        f"""{HEAD}
parameters: {{base: 8}}
blocks:
  widen:
    parameters: {{factor: 2, width: "${{base * factor}}"}}
    layers:
      - Conv2d: {{out_channels: $width, kernel_size: "${{3 if factor > 2 else 1}}"}}
layers:
  - widen
  - widen: {{factor: 4, width: "${{[1, 2, 3][2] + len([0])}}"}}
"""
    )
    weights = {tensor.name: list(tensor.dims) for tensor in architecture.model.graph.initializer}
    assert weights["widen.conv2d.weight"] == [16, 3, 1, 1]
    assert weights["widen_2.conv2d.weight"] == [4, 16, 3, 3]


def test_a_repeated_layer_knows_its_index(compile_text: Any) -> None:
    architecture = compile_text(
        f"""{HEAD}
layers:
  - Conv2d: {{out_channels: "${{4 * (index + 1)}}", kernel_size: 1}}
    repeat: 3
    if: ${{index != 1}}
    name: c
"""
    )
    assert names(architecture) == ["c.0", "c.2"]
    assert output_shapes(architecture) == {"c.2": ["N", 12, 32, 32]}


def test_a_layer_whose_condition_is_false_passes_its_input_on(compile_text: Any) -> None:
    architecture = compile_text(
        f"""{HEAD}
layers:
  - {{ReLU: , name: left}}
  - {{Tanh: , from: image, if: false, name: right}}
  - {{Add: , from: [left, right]}}
"""
    )
    assert list(architecture.model.graph.node[-1].input) == ["left", "image"]


def test_inner_layers_and_parts_can_be_referred_to(compile_text: Any) -> None:
    architecture = compile_text(
        f"""{HEAD}
blocks:
  b: {{layers: [{{ReLU: , name: inner}}, Tanh]}}
layers:
  - {{b: , name: one}}
  - {{b: , name: many, repeat: 2}}
  - {{Chunk: {{chunks: 3}}, name: colours}}
  - {{Concat: , from: [one.inner, many.0.inner, many.1, many, colours.2]}}
"""
    )
    assert list(architecture.model.graph.node[-1].input) == [
        "one.inner", "many.0.inner", "many.1.tanh", "many.1.tanh", "colours.2",
    ]  # fmt: skip


def test_a_block_may_have_several_inputs_and_name_its_output(compile_text: Any) -> None:
    architecture = compile_text(
        """archlint: 1
inputs: {a: [N, 4], b: [N, 4]}
blocks:
  join:
    inputs: [left, right]
    layers:
      - {Sub: , from: [left, right], name: difference}
      - {ReLU: , name: unused}
    output: difference
layers:
  - {join: , from: [a, b], name: j}
outputs: {answer: j, first: a}
"""
    )
    assert output_shapes(architecture) == {"answer": ["N", 4], "first": ["N", 4]}
    onnx.checker.check_model(architecture.model)


def test_a_group_sees_the_names_around_it(compile_text: Any) -> None:
    architecture = compile_text(
        f"""{HEAD}
layers:
  - {{ReLU: , name: before}}
  - Sequential:
      - Tanh
      - {{Add: , from: [previous, before]}}
"""
    )
    assert list(architecture.model.graph.node[-1].input) == ["sequential.tanh", "before"]


def test_defaults_hold_where_a_layer_says_nothing(compile_text: Any) -> None:
    architecture = compile_text(
        f"""{HEAD}
defaults:
  - Conv2d: {{bias: false, kernel_size: 3}}
    init: {{normal: {{std: 0.5}}}}
layers:
  - Conv2d: {{out_channels: 4}}
    name: a
  - Conv2d: {{out_channels: 4, bias: true}}
    init: ones
    name: b
"""
    )
    weights = {tensor.name: facts(tensor) for tensor in architecture.model.graph.initializer}
    assert set(weights) == {"a.weight", "b.weight", "b.bias"}
    assert weights["a.weight"]["archlint.initializer"] == "normal(mean=0, std=0.5)"
    assert weights["b.weight"]["archlint.initializer"] == "ones()"


def test_frozen_holds_for_all_that_is_inside(compile_text: Any) -> None:
    architecture = compile_text(
        f"""{HEAD}
layers:
  - Sequential:
      - Conv2d: {{out_channels: 4, kernel_size: 1}}
      - {{BatchNorm2d: , frozen: false}}
    frozen: true
"""
    )
    frozen = {
        tensor.name.rpartition(".")[2]: facts(tensor).get("archlint.frozen")
        for tensor in architecture.model.graph.initializer
        if "conv2d" in tensor.name
    }
    assert frozen == {"weight": "true", "bias": "true"}
    others = [t for t in architecture.model.graph.initializer if "conv2d" not in t.name]
    assert all("archlint.frozen" not in facts(tensor) for tensor in others)


def test_a_node_and_a_weight_lead_back_to_their_layer(compile_text: Any) -> None:
    text = f"""{HEAD}
blocks:
  b:
    layers:
      - ReLU
      - Conv2d: {{out_channels: 4, kernel_size: 1}}
layers:
  - {{b: , repeat: 2}}
"""
    architecture = compile_text(text)
    node = architecture.model.graph.node[-1]
    path = tuple(json.loads(facts(node)["archlint.path"]))
    assert path == ("blocks", "b", "layers", 1)
    weight = architecture.model.graph.initializer[0]
    assert json.loads(facts(weight)["archlint.path"]) == list(path)
    span = architecture.locate(path, "kernel_size")
    assert span is not None
    assert text[span.start : span.end] == "1"
    assert architecture.locate((*path, "nothing", 3)) == architecture.locate(path)


def test_the_target_is_handed_on_as_it_is(compile_text: Any) -> None:
    architecture = compile_text(f"{HEAD}layers: [ReLU]\ntarget: {{batch-size: 4, x: [y]}}\n")
    assert architecture.target is not None
    assert plain(architecture.target) == {"batch-size": 4, "x": ["y"]}
    assert compile_text(f"{HEAD}layers: [ReLU]\n").target is None


def test_warnings_do_not_keep_a_file_from_being_compiled(compile_text: Any) -> None:
    architecture = compile_text(
        f"{HEAD}layers:\n  - Conv2d: {{out_channels: 4, kernel_size: 1, bias: no}}\n"
    )
    assert [problem.code for problem in architecture.problems] == ["YAML003"]
    assert len(architecture.model.graph.initializer) == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts.arch.yaml").write_text(
        """archlint: 1
inputs: {x: [N, C, H, W]}
parameters: {width: required}
blocks:
  pair: {layers: [ReLU, Tanh]}
layers:
  - Conv2d: {out_channels: $width, kernel_size: 1}
  - pair
""",
        encoding="utf-8",
    )
    return tmp_path


def compiled(folder: Path, text: str) -> Architecture:
    path = folder / "main.arch.yaml"
    path.write_text(text, encoding="utf-8")
    return compile_architecture(read_yaml(path), folder)


def test_another_file_is_a_block_and_so_are_its_blocks(folder: Path) -> None:
    architecture = compiled(
        folder,
        f"""{HEAD}
imports: {{parts: parts.arch.yaml}}
layers:
  - {{parts: {{width: 5}}, name: body}}
  - parts.pair
""",
    )
    assert names(architecture) == ["body.conv2d", "body.pair.relu", "body.pair.tanh",
                                   "pair.relu", "pair.tanh"]  # fmt: skip
    assert {facts(node)["archlint.path"] for node in architecture.model.graph.node} == {
        '["layers", 0]',
        '["layers", 1]',
    }


def test_a_mistake_in_an_imported_file_is_told_at_the_import(folder: Path) -> None:
    (folder / "parts.arch.yaml").write_text(
        "archlint: 1\ninputs: {x: [N]}\nlayers:\n  - Relu\n", encoding="utf-8"
    )
    with pytest.raises(Unreadable) as raised:
        compiled(folder, f"{HEAD}imports: {{p: parts.arch.yaml}}\nlayers: [p]\n")
    (problem,) = raised.value.problems
    assert "parts.arch.yaml:4:5: unknown layer 'Relu'" in problem.message
    assert problem.span is not None
    assert problem.span.start_line == 3


@pytest.mark.parametrize(
    "text", ["{", "a: \x01", "- 1", "archlint: 1\nimports: {p: main.arch.yaml}"]
)
def test_an_import_that_cannot_be_read_is_told(folder: Path, text: str) -> None:
    (folder / "parts.arch.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Unreadable) as raised:
        compiled(folder, f"{HEAD}imports: {{p: parts.arch.yaml}}\nlayers: [p]\n")
    assert all(problem.span is not None for problem in raised.value.problems)


def test_files_that_import_each_other_are_refused(folder: Path) -> None:
    (folder / "parts.arch.yaml").write_text(
        "archlint: 1\ninputs: {x: [N]}\nimports: {p: parts.arch.yaml}\nlayers: [ReLU]\n",
        encoding="utf-8",
    )
    with pytest.raises(Unreadable, match="imports itself"):
        compiled(folder, f"{HEAD}imports: {{p: parts.arch.yaml}}\nlayers: [p]\n")


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "other.arch.yaml"
    outside.write_text("archlint: 1\n", encoding="utf-8")
    (folder / "link.arch.yaml").symlink_to(outside)
    with pytest.raises(Unreadable, match="same folder"):
        compiled(folder, f"{HEAD}imports: {{p: link.arch.yaml}}\nlayers: [ReLU]\n")
