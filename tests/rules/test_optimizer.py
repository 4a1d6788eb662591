"""Rules on optimizers where the file has to be understood: exports, and attention in steps."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from archlint.testing import lint_model, lint_text
from archlint_rules.optimizer.batch_norm_microbatch import BatchNormMicrobatch
from archlint_rules.optimizer.learning_rate_of_another_optimizer import (
    LearningRateOfAnotherOptimizer,
)
from archlint_rules.optimizer.no_warmup import NoWarmup

FX = "pkg.torch.onnx.fx_node"
FOLDED = (
    "%norm : [num_users=1] = call_function[target=torch.ops.aten.{}.default]"
    "(args = (%conv2d, %p_weight, %p_bias, %b_mean, %b_var, 0.1, 1e-05), kwargs = {{}})"
)


def convolution(said: str) -> ModelProto:
    """Return a convolution of which torch.export says what it was."""
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], "conv", pads=[1, 1, 1, 1])
    entry = node.metadata_props.add()
    entry.key, entry.value = FX, said
    random = np.random.default_rng(0)
    stored = [
        numpy_helper.from_array(random.normal(size=(8, 3, 3, 3)).astype("f4"), "w"),
        numpy_helper.from_array(random.normal(size=8).astype("f4"), "b"),
    ]
    graph = helper.make_graph(
        [node],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 3, 16, 16))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("N", 8, 16, 16))],
        stored,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize(("target", "count"), [("batch_norm", 1), ("conv2d", 0)])
def test_a_folded_batch_norm_takes_statistics_in_training(target: str, count: int) -> None:
    model = convolution(FOLDED.format(target))
    small = {"batch-size": 2, "training": {"optimizer": "sgd"}}
    found = lint_model(model, [BatchNormMicrobatch], small)
    assert len(found) == count
    assert all("over 2 samples, in 1 layer" in each.message for each in found)


def transformer(*, post: bool) -> ModelProto:
    """Return four blocks of attention in steps, as older exporters write it."""
    lines, last = [], "x"
    for block in range(4):
        norm = f"n{block} = LayerNormalization({{}}, g, b)"
        inside = last
        if not post:
            lines.append(norm.format(last))
            inside = f"n{block}"
        lines += [
            f"q{block} = MatMul({inside}, w)  k{block} = MatMul({inside}, w)",
            f"t{block} = Transpose<perm = [0, 2, 1]>(k{block})",
            f"s{block} = MatMul(q{block}, t{block})  p{block} = Softmax(s{block})",
            f"v{block} = MatMul({inside}, w)  o{block} = MatMul(p{block}, v{block})",
            f"e{block} = MatMul(o{block}, w)  a{block} = Add({last}, e{block})",
        ]
        last = f"a{block}"
        if post:
            lines.append(norm.format(last))
            last = f"n{block}"
    lines.append(f"y = Identity({last})")
    head = """<ir_version: 8, opset_import: ["" : 17]>
net (float[2, 10, 16] x) => (float[2, 10, 16] y) <float[16, 16] w, float[16] g, float[16] b> {"""
    model = onnx.parser.parse_model(head + "\n".join(lines) + "}")
    for name, shape in {"w": (16, 16), "g": (16,), "b": (16,)}.items():
        stored = np.ones(shape, "f4") if name == "g" else np.zeros(shape, "f4")
        model.graph.initializer.append(numpy_helper.from_array(stored, name))
    return model


@pytest.mark.parametrize(("post", "count"), [(True, 1), (False, 0)])
def test_attention_in_steps_is_attention(post: bool, count: int) -> None:
    cold = {"training": {"optimizer": "adamw", "warmup-steps": 0}}
    assert len(lint_model(transformer(post=post), [NoWarmup], cold)) == count
    warm = {"training": {"optimizer": "adamw", "warmup-steps": 1000}}
    assert lint_model(transformer(post=post), [NoWarmup], warm) == []


SMALL = "archlint: 1\ninputs: {x: [4, 16]}\nlayers:\n  - Linear: {out_features: 4}\n"


@pytest.mark.parametrize(("optimizer", "start"), [("lion", "0.0001"), ("adamw", "0.001")])
def test_every_optimizer_of_unit_steps_has_a_rate_of_its_own(optimizer: str, start: str) -> None:
    """Lion's update is a sign (Chen et al. 2023): a rate of 0.01 is a step of 0.01 for all."""
    rule = LearningRateOfAnotherOptimizer
    target = {"training": {"optimizer": optimizer, "learning-rate": 0.01}}
    (finding,) = lint_text(SMALL, [rule], target)
    assert "moves every weight by 0.01 at each step" in finding.message
    assert finding.help.startswith(f"start from {start};")
