"""Every kind of mistake is told with its place, what was found, and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archlint.frontends.architecture import compile_architecture
from archlint.sources.problem import Unreadable
from archlint.sources.yaml_document import parse_yaml

HEAD = """archlint: 1
inputs: {image: [N, 3, 32, 32]}
"""

# What is wrong, the text at its place, and what the message or its help must say.
LAYERS = [
    ("- Conv2D: {out_channels: 8, kernel_size: 3}", "Conv2D", "did you mean 'Conv2d'?"),
    ("- Conv2d: {out_channels: 8, kernelsize: 3}", "kernelsize", "did you mean 'kernel_size'?"),
    ("- Conv2d: {out_channels: 8}", "Conv2d", "needs kernel_size"),
    ("- Conv2d: {out_channels: 8, kernel_size: three}", "three", "'three', expected an integer"),
    ("- Conv2d: {out_channels: 0, kernel_size: 3}", "0", "at least 1"),
    ("- Conv2d: {out_channels: 8.5, kernel_size: 3}", "8.5", "8.5, expected an integer"),
    ("- Conv2d: {out_channels: 8, kernel_size: [3, 3, 3]}", "[3, 3, 3]", "one number or 2"),
    ("- Conv2d: {out_channels: 8, kernel_size: 3, padding: sam}", "sam", "one of same, valid"),
    ("- Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: same}", "same", "stride of"),
    ("- Conv2d: {out_channels: 8, kernel_size: 3, groups: 2}", "2", "not divisible by groups 2"),
    ("- Conv2d: {out_channels: 8, kernel_size: 40}", "40", "spans 40"),
    ("- Conv2d: {out_channels: 8, kernel_size: 3, in_channels: 4}", "4", "input has 3 channels"),
    ("- Conv1d: {out_channels: 8, kernel_size: 3}", "Conv1d", "3 axes, found (N, 3, 32, 32) of 4"),
    ("- Conv2d: [8, 3]", "[8, 3]", "write Conv2d: {out_channels: 8, kernel_size: 3}"),
    ("- Dropout: 0.5", "0.5", "write Dropout: {p: 0.5}"),
    ('- Linear: "${3}"', '"${3}"', "write Linear: {argument: value}"),
    ("- Conv2d: {out_channels: 8, kernel_size: 99999999999999}", "99999999999999", "up to"),
    ("- Dropout: {p: 1.5}", "1.5", "between 0 and 1"),
    ("- Softmax: {dim: 4}", "4", "has 4 axes"),
    ("- MaxPool2d: {kernel_size: 2, padding: 2}", "2", "more than half"),
    ("- AdaptiveAvgPool2d: {output_size: 5}", "5", "cannot pool 32 to 5"),
    ("- ReflectionPad2d: {padding: 32}", "32", "at most 31 of an axis of 32"),
    (
        "- ConvTranspose2d: {out_channels: 4, kernel_size: 3, stride: 2, output_padding: 2}",
        "2",
        "smaller than the stride",
    ),
    ("- GroupNorm: {num_groups: 2}", "2", "3 channels cannot be split"),
    ("- LayerNorm: {normalized_shape: 3}", "3", "ends in [32]"),
    ("- PixelShuffle: {upscale_factor: 2}", "2", "not divisible"),
    ("- Embedding: {num_embeddings: 3, embedding_dim: 4}", "Embedding", "dtype: int64"),
    ("- MultiheadAttention: {num_heads: 2}", "MultiheadAttention", "N, S, C"),
    ("- Reshape: {shape: [0, 7]}", "[0, 7]", "3072 is not 7"),
    ("- Permute: {dims: [0, 1]}", "[0, 1]", "each of the 4 axes once"),
    ("- Squeeze: {dim: 1}", "1", "expected 1"),
    ("- Chunk: {chunks: 2}", "2", "cannot cut 3 into 2"),
    ("- Add", "Add", "two or more inputs"),
    ("- {Add: , from: [image, nothing]}", "nothing", "nothing before this is called 'nothing'"),
    ("- {ReLU: , from: imag}", "imag", "did you mean 'image'?"),
    ("- {MatMul: , from: image}", "image", "takes 2 inputs, found 1"),
    ("- {ReLU: , name: previous}", "previous", "is already taken"),
    ("- {ReLU: , name: 3x}", "3x", "not a name"),
    ("- ReLU: {name: x}", "name", "write it beside ReLU"),
    ("- Conv2d {out_channels: 8}", "Conv2d {out_channels", "Conv2d: {...}"),
    ('- " "', '" "', "unknown layer ' '"),
    ("- {ReLU: , nam: x}", "nam", "did you mean 'name'?"),
    ("- {ReLU: , Tanh: }", "Tanh", "its own dash"),
    ("- {ReLU: , init: zeros}", "init", "has no weight"),
    ("- {ReLU: , lora: {r: 2}}", "lora", "takes no low-rank adapter"),
    ("- {Flatten: , tie: image}", "image", "no layer before this with a weight"),
    ("- {ReLU: , repeat: -1}", "-1", "from 0 to"),
    ("- {ReLU: , repeat: many}", "many", "expected an integer"),
    ("- {ReLU: , if: maybe}", "maybe", "expected true or false"),
    ("- {ReLU: , repeat: $depth}", "$depth", "unknown name 'depth'"),
    ('- {ReLU: , repeat: "${1 +}"}', '"${1 +}"', "not an expression"),
    ('- {ReLU: , repeat: "${1 / 0}"}', '"${1 / 0}"', "division by zero"),
    ('- {ReLU: , repeat: "${9 ** 9 ** 9}"}', '"${9 ** 9 ** 9}"', "too large"),
    ('- {ReLU: , if: "${().__class__}"}', '"${().__class__}"', "not allowed"),
    ("- [ReLU]", "[ReLU]", "use Sequential"),
    ("- {}", "{}", "without a layer"),
    ("- {name: x}", "{name: x}", "without a layer"),
    ("- onnx.Erff", "onnx.Erff", "did you mean 'Erf'?"),
    ("- onnx.Softmax: {axes: 1}", "axes", "did you mean 'axis'?"),
    ("- onnx.Softmax: {axis: one}", "one", "expected int"),
    ("- onnx.Cast", "onnx.Cast", "needs to"),
    ("- onnx.Add", "onnx.Add", "takes 2 inputs, found 1"),
    ("- {Linear: {out_features: 4}, init: kaiming_norml}", "kaiming_norml", "'kaiming_normal'"),
    (
        "- {Linear: {out_features: 4}, init: {kaiming_normal: {mode: fan_avg}}}",
        "fan_avg",
        "expected one of fan_in, fan_out",
    ),
    ("- {Linear: {out_features: 4}, init: msra}", "msra", "'kaiming_normal'"),
    ("- {Linear: {out_features: 4}, init: {wight: ones}}", "wight", "did you mean 'weight'?"),
    ("- {Linear: {out_features: 4}, init: {normal: {sd: 1}}}", "sd", "did you mean 'std'?"),
    ("- {Linear: {out_features: 4}, init: {normal: {std: big}}}", "big", "expected a number"),
    ("- {Linear: {out_features: 4}, init: {normal: {std: -1}}}", "-1", "expected at least 0"),
    (
        "- {Linear: {out_features: 4}, init: {uniform: {a: 2}}}",
        "{a: 2}",
        "a = 2 is above b = 1",
    ),
    ("- {Linear: {out_features: 4}, init: {ones: {a: 1}}}", "a", "takes none"),
    ("- {Linear: {out_features: 4, bias: false}, bias_init: zeros}", "bias_init", "has no bias"),
    ("- {Linear: {out_features: 4}, lora: {rank: 2}}", "{rank: 2}", "needs its rank r"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "place", "says"), LAYERS)
def test_a_mistake_in_a_layer_is_reported_at_its_position(
    refuse: Any, layer: str, place: str, says: str
) -> None:
    ((problem, found),) = refuse(f"{HEAD}layers:\n  {layer}\n")
    assert problem.code == "YAML002"
    assert found == place
    assert says in f"{problem.message} {problem.help}"


FILES = [
    ("archlint: 2\ninputs: {x: [1]}\nlayers: [ReLU]", "2", "version 1"),
    ("inputs: {x: [1]}\nlayers: [ReLU]", "inputs: {x: [1]}\nlayers: [ReLU]", "archlint: 1"),
    ("- 1", "- 1", "is a mapping"),
    (HEAD, HEAD.strip(), "no layers"),
    ("archlint: 1\nlayers: [ReLU]", "archlint: 1\nlayers: [ReLU]", "no inputs"),
    (HEAD + "layers: []", "[]", "layers are a list"),
    (HEAD + "layers: [ReLU]\nblock: {}", "block", "did you mean 'blocks'?"),
    (HEAD + "layers: [ReLU]\noutputs: [relu]", "relu", "no layer is called 'relu'"),
    ("archlint: 1\ninputs: {x: 3}\nlayers: [ReLU]", "3", "is a list"),
    ("archlint: 1\ninputs: {x: [0]}\nlayers: [ReLU]", "0", "a number from 1"),
    ("archlint: 1\ninputs: {x: [a b]}\nlayers: [ReLU]", "a b", "a name such as N"),
    ("archlint: 1\ninputs: {x: {shape: [1], dtype: flot32}}\nlayers: [ReLU]", "flot32", "float32"),
    ("archlint: 1\ninputs: {a: [1], b: [1]}\nlayers: [ReLU]", "ReLU", "from: with one of a, b"),
    (HEAD + "parameters: {n: required}\nlayers: [ReLU]", "{n: required}", "has no value"),
    (HEAD + "defaults: [{ReLU: , repeat: 2}]\nlayers: [ReLU]", "repeat", "cannot have a default"),
    (HEAD + "blocks: {b: {layers: [ReLu]}}\nlayers: [ReLU]", "ReLu", "did you mean 'ReLU'?"),
    (HEAD + "init: he_normal\nlayers: [ReLU]", "he_normal", "pytorch_default or keras_default"),
    (HEAD + "blocks: {b: {}}\nlayers: [ReLU]", "{}", "has no layers"),
    (HEAD + "blocks: {b: {layer: [ReLU], layers: [ReLU]}}\nlayers: [b]", "layer", "'layers'"),
    (HEAD + "blocks: {ReLU: {layers: [Tanh]}}\nlayers: [ReLU]", "ReLU", "name of a layer"),
    (HEAD + "blocks: {b: {layers: [b]}}\nlayers: [b]", "b", "uses itself"),
    (HEAD + "blocks: {b: {parameters: {w: required}, layers: [ReLU]}}\nlayers: [b]", "b", "needs"),
    (HEAD + "blocks: {b: {inputs: [p, q], layers: [{Add: , from: [p, q]}]}}\nlayers: [b]", "b",
     "takes 2 inputs (p, q), found 1"),
    (HEAD + "blocks: {b: {layers: [ReLU]}}\nlayers: [{b: , init: zeros}]", "init", "not a block"),
    (HEAD + "layers: [{Sequential: [ReLU], tie: x}]", "tie", "not a group"),
    (HEAD + "imports: {b: ../b.arch.yaml}\nlayers: [ReLU]", "../b.arch.yaml", "same folder"),
    (HEAD + "imports: {b: b.arch.yaml}\nlayers: [ReLU]", "b.arch.yaml", "there is no file"),
    (HEAD + "layers: [ReLU]\nname: x\nname: y", "name", "appears twice"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "says"), FILES)
def test_a_mistake_in_a_file_is_reported_at_its_position(
    refuse: Any, text: str, place: str, says: str
) -> None:
    ((problem, found),) = refuse(text)
    assert found == place
    assert says in f"{problem.message} {problem.help}"


def test_all_mistakes_are_reported_at_once_without_their_consequences(refuse: Any) -> None:
    problems = refuse(
        f"""{HEAD}
layers:
  - Conv2d: {{out_channels: 8, kernel_size: x}}
    name: first
  - BatchNorm2d: {{epsilon: 1}}
  - Linear: {{out_features: 3}}
  - Conv2d: {{out_channels: 8}}
    from: image
  - Add:
    from: [previous, first]
"""
    )
    assert [found for _, found in problems] == ["x", "epsilon", "Conv2d"]


def test_shapes_that_do_not_fit_are_shown(refuse: Any) -> None:
    ((problem, found),) = refuse(
        f"""{HEAD}
layers:
  - Conv2d: {{out_channels: 8, kernel_size: 3}}
    name: left
  - Add:
    from: [image, left]
"""
    )
    assert found == "[image, left]"
    assert "(N, 3, 32, 32) and (N, 8, 30, 30)" in problem.message


def test_a_block_used_many_times_has_its_mistake_told_once(refuse: Any) -> None:
    problems = refuse(
        f"""{HEAD}
blocks:
  b:
    layers:
      - Conv2d: {{out_channels: 3, kernel_size: 3, pading: 1}}
layers:
  - b:
    repeat: 5
  - b
"""
    )
    assert [found for _, found in problems] == ["pading"]


@pytest.mark.parametrize(
    "blocks",
    [
        "{a: {layers: [{b: , repeat: 9999}]}, b: {layers: [{ReLU: , repeat: 9999}]}}",
        "{a: {layers: [{b: , repeat: 9999}]}, b: {layers: [{ReLU: , repeat: 9999, if: false}]}}",
        "{a: {layers: [a, a]}}",
    ],
)
def test_blocks_that_explode_are_stopped(refuse: Any, blocks: str) -> None:
    problems = refuse(f"{HEAD}blocks: {blocks}\nlayers: [a]")
    assert any("expand to more than" in problem.message for problem, _ in problems) or any(
        "uses itself" in problem.message for problem, _ in problems
    )


def test_a_block_used_many_times_lacks_no_argument_that_cannot_be_read(refuse: Any) -> None:
    problems = refuse(
        f"""{HEAD}
blocks:
  b:
    parameters: {{wide: 3}}
    layers:
      - Conv2d: {{out_channels: "${{wide +}}", kernel_size: 3}}
layers:
  - b
  - b: {{wide: "${{3 3}}"}}
    repeat: 2
"""
    )
    assert [found for _, found in problems] == ['"${wide +}"', '"${3 3}"']


def test_a_parameter_is_no_word_of_expressions(refuse: Any) -> None:
    ((problem, found),) = refuse(f"{HEAD}parameters: {{in: 3, len: 4}}\nlayers: [ReLU]\n")
    assert found == "in"
    assert problem.message == "'in' is reserved in expressions and cannot name a parameter"
    assert problem.help == "call it in_"


def test_arguments_that_explode_are_stopped(refuse: Any) -> None:
    numbers = ", ".join(["0"] * 5000)
    problems = refuse(f"{HEAD}layers:\n  - {{Reshape: {{shape: [{numbers}]}}, repeat: 9999}}\n")
    assert any("arguments" in problem.message for problem, _ in problems)


def test_hundreds_of_mistakes_end_the_compilation(tmp_path: Path) -> None:
    text = HEAD + "layers:\n" + "".join(f"  - Wrong{number}\n" for number in range(5000))
    with pytest.raises(Unreadable) as raised:
        compile_architecture(parse_yaml(text.encode()), tmp_path)
    assert len(raised.value.problems) < 300
