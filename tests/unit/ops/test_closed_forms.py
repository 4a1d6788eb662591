"""Work and memory of standard operators against closed forms."""

import numpy as np
import pytest

from archlint.ops.saved import Gradients


def floats(*shape):
    return np.ones(shape, np.float32)


def trained(one):
    """Return what is kept where every input needs a gradient."""
    return one.operator.saved(one.call, Gradients((True,) * len(one.inputs)))


def test_a_grid_is_a_product_of_every_position_with_its_matrix(probe):
    plane = probe("AffineGrid", [floats(2, 2, 3), np.array([2, 3, 5, 6])], 1, {}, "")
    space = probe("AffineGrid", [floats(2, 3, 4), np.array([2, 3, 4, 5, 6])], 1, {}, "")

    assert plane.macs == 2 * 5 * 6 * 2 * 3
    assert space.macs == 2 * 4 * 5 * 6 * 3 * 4


@pytest.mark.parametrize(
    ("rule", "products"), [("linear", 2), ("gated", 2), ("delta", 3), ("gated_delta", 3)]
)
def test_linear_attention_multiplies_with_its_state(probe, rule, products):
    inputs = [floats(2, 5, 8), floats(2, 5, 8), floats(2, 5, 6), None]
    inputs += [floats(2, 5, 2), floats(2, 5, 2)]
    attributes = {"q_num_heads": 2, "kv_num_heads": 2, "update_rule": rule}
    one = probe("LinearAttention", inputs, 2, attributes, "", 27)

    # Keys of width 4 and values of width 3 in each of 2 heads.
    assert one.macs == products * 2 * 5 * 2 * 4 * 3


def test_heads_that_share_a_state_each_read_it(probe):
    inputs = [floats(1, 5, 16), floats(1, 5, 8), floats(1, 5, 6)]
    attributes = {"q_num_heads": 4, "kv_num_heads": 2, "update_rule": "linear"}
    one = probe("LinearAttention", inputs, 2, attributes, "", 27)

    assert one.macs == 5 * (2 + 4) * 4 * 3


def test_a_causal_convolution_costs_its_taps(probe):
    one = probe("CausalConvWithState", [floats(2, 4, 9), floats(4, 1, 3)], 2, {}, "", 27)

    assert one.macs == 2 * 4 * 9 * 3


def test_a_fast_fourier_transform_has_no_macs(probe):
    frames = probe("STFT", [floats(2, 64, 1), np.array(8), floats(16)], 1, {}, "")

    # 7 frames of 16 values: a window and 5 N log2 N operations each.
    assert frames.macs == 0
    assert frames.operator.cost(frames.call).elementwise == 2 * 7 * (16 + 5 * 16 * 4)


def test_cross_entropy_saves_its_softmax_and_targets(probe):
    one = probe("SoftmaxCrossEntropyLoss", [floats(6, 10), np.zeros(6, np.int64)], 1, {}, "")
    kept = trained(one)

    assert kept.inputs == (1,)
    assert kept.own == 6 * 10 * 4 + 4  # log-probabilities, and the total weight


def test_a_negative_log_likelihood_saves_its_inputs(probe):
    inputs = [floats(6, 10), np.zeros(6, np.int64), floats(10)]
    one = probe("NegativeLogLikelihoodLoss", inputs, 1, {}, "")

    assert trained(one).inputs == (0, 1, 2)
    assert trained(one).own == 4


def test_linear_models_multiply_features_with_coefficients(probe):
    attributes = {"coefficients": [0.5] * 12, "intercepts": [0.0] * 3, "targets": 3}
    one = probe("LinearRegressor", [floats(7, 4)], 1, attributes, "ai.onnx.ml")

    assert one.macs == 7 * 3 * 4
    assert one.shapes == one.observed


def test_support_vectors_are_multiplied_before_their_coefficients(probe):
    attributes = {
        "kernel_type": "RBF",
        "kernel_params": [0.4, 0.0, 3.0],
        "support_vectors": [0.1] * 20,
        "coefficients": [1.0] * 5,
        "rho": [0.2],
        "n_supports": 5,
    }
    one = probe("SVMRegressor", [floats(7, 4)], 1, attributes, "ai.onnx.ml")

    assert one.macs == 7 * (5 * 4 + 5)
    assert one.shapes == one.observed


def test_trees_compare_and_do_not_multiply(probe):
    attributes = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [1, 0, 0],
        "nodes_values": [0.5, 0.0, 0.0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "target_treeids": [0, 0],
        "target_nodeids": [1, 2],
        "target_ids": [0, 0],
        "target_weights": [1.0, 2.0],
        "n_targets": 1,
    }
    one = probe("TreeEnsembleRegressor", [floats(7, 4)], 1, attributes, "ai.onnx.ml")

    assert one.macs == 0
    assert one.operator.cost(one.call).elementwise == 7 * 2
    assert one.shapes == one.observed


def test_experts_cost_as_many_as_are_chosen(probe):
    def cost(chosen):
        inputs = [floats(10, 8), floats(10, 4), floats(4, 16, 8), None, floats(4, 8, 16)]
        return probe("MoE", inputs, 1, {"k": chosen, "activation_type": "relu"}).macs

    assert cost(1) == 10 * 2 * 8 * 16
    assert cost(3) == 3 * cost(1)


def test_saved_tensors_of_rms_norm_depend_on_the_device(probe):
    def kept(width, *, on_gpu):
        one = probe("RMSNormalization", [np.ones((3, 4), width), np.ones(4, width)], 1, {}, "", 23)
        return one.operator.saved(one.call, Gradients((True, True), on_gpu=on_gpu))

    # On a GPU the input and a number a row; on the CPU the normalized tensor too, all in fp32.
    assert (kept(np.float32, on_gpu=True).inputs, kept(np.float32, on_gpu=True).own) == ((0, 1), 12)
    assert (kept(np.float32, on_gpu=False).inputs, kept(np.float32, on_gpu=False).own) == ((0,), 60)
    assert (kept(np.float16, on_gpu=True).inputs, kept(np.float16, on_gpu=True).own) == ((0, 1), 12)
    assert (kept(np.float16, on_gpu=False).inputs, kept(np.float16, on_gpu=False).own) == ((), 108)


def test_statistics_are_as_wide_as_the_widest_tensor_on_the_cpu(probe):
    def own(data, gain, *, on_gpu):
        tensors = [np.ones((3, 4), data), np.ones(4, gain), np.ones(4, gain)]
        one = probe("LayerNormalization", tensors, 1, {}, "", 17)
        return one.operator.saved(one.call, Gradients((True,) * 3, on_gpu=on_gpu)).own

    assert own(np.float32, np.float32, on_gpu=False) == 2 * 3 * 4
    assert own(np.float16, np.float32, on_gpu=False) == 2 * 3 * 4
    assert own(np.float16, np.float16, on_gpu=False) == 2 * 3 * 2
    assert own(np.float16, np.float16, on_gpu=True) == 2 * 3 * 4
