"""DEPLOY002 to DEPLOY006: files that a device or a runtime does not run as they are meant."""

import re

import numpy as np
import pytest
from onnx import defs, numpy_helper, parser

from archlint.api import Device
from archlint.devices.catalogue import catalogue
from archlint.testing import lint_model, lint_text
from archlint_rules.deployment.dynamic_shape import DynamicShape
from archlint_rules.deployment.float_on_integer_device import FloatOnIntegerDevice
from archlint_rules.deployment.newer_version import NewerVersion
from archlint_rules.deployment.training_mode import TrainingMode


def graph(body, inputs="float[2, 64] x", opset=20, stored=""):
    return parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : {opset}]> '
        f"g ({inputs}) => (float y) {stored} {{ {body} }}"
    )


def session(built):
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(
        built.SerializeToString(), providers=["CPUExecutionProvider"]
    )


KEPT = {
    "NonZero": "p = Relu(x) i = NonZero(p) y = Cast<to = 1>(i)",
    "Compress": "z = Constant<value_float = 0.0>() b = Greater(x, z) y = Compress(x, b)",
    "Unique": "r = Round(x) y = Unique(r)",
    "TopK": "k = Constant<value_ints = [3]>() y, i = TopK(x, k)",
    "Slice": "a = Constant<value_ints = [0]>() b = Constant<value_ints = [2]>() y = Slice(x, a, b)",
}


@pytest.mark.parametrize("name", KEPT)
def test_a_shape_is_dynamic_where_onnxruntime_returns_several(name):
    built = graph(KEPT[name], "float[64] x")
    generator = np.random.default_rng(0)
    run = session(built).run
    shapes = {
        run(None, {"x": generator.normal(size=64).astype(np.float32)})[0].shape for _ in range(5)
    }
    found = lint_model(built, [DynamicShape], {"device": "arm-ethos-u55-128-high-end"})
    assert bool(found) == (len(shapes) > 1)


LAYERS = "layers:\n  - Conv1d: {out_channels: 8, kernel_size: 9}\n"


@pytest.mark.parametrize(
    ("shape", "target", "names"),
    [
        ("[1, 4, 100]", {}, []),
        ("[N, 4, T]", {}, ["N", "T"]),
        ("[N, 4, T]", {"batch-size": 1}, ["T"]),
        ("[N, 4, T]", {"batch-size": 1, "dims": {"T": 100}}, []),
    ],
)
def test_open_sizes_have_to_be_given_to_a_compiler(shape, target, names):
    text = f"archlint: 1\nname: net\ninputs: {{x: {shape}}}\n{LAYERS}"
    for device in ("coral-edgetpu", "stm32h743"):
        found = lint_text(text, [DynamicShape], {**target, "device": device})
        assert [each.data["dimensions"] for each in found] == [names] * bool(names)
    assert lint_text(text, [DynamicShape], {**target, "device": "nvidia-t4"}) == []
    assert lint_text(text, [DynamicShape], target) == []


def test_open_sizes_are_a_warning_where_the_runtime_leaves_them_to_the_processor():
    for shape, severities in (("[1, 4, T]", ["warning"]), ("[1, 4, 100]", [])):
        text = f"archlint: 1\nname: net\ninputs: {{x: {shape}}}\n{LAYERS}"
        found = lint_text(text, [DynamicShape], {"runtime": "onnxruntime-nnapi"})
        assert [str(each.severity) for each in found] == severities
        other = {"runtime": "onnxruntime-coreml-mlprogram"}
        assert lint_text(text, [DynamicShape], other) == []


def test_a_device_of_ones_own_says_that_it_needs_fixed_sizes():
    for constraints in ((), ("static shapes",)):
        device = Device("board", "edge-soc", constraints=constraints)
        assert device.needs_fixed_shapes == bool(constraints)


def test_the_devices_that_need_fixed_sizes():
    needing = {name for name, device in catalogue().items() if device.needs_fixed_shapes}
    assert {"coral-edgetpu", "stm32f407", "esp32-s3"} < needing
    assert not {"nvidia-t4", "raspberry-pi-5-8gb", "apple-m4-10gpu", "google-tpu-v4"} & needing


DROPOUTS = {
    "active": ("d = Dropout(x, share, on) y = Relu(d)", True),
    "switched-off": ("d = Dropout(x, share, off) y = Relu(d)", False),
    "of-nothing": ("d = Dropout(x, none, on) y = Relu(d)", False),
    "of-a-half-by-default": ("d = Dropout(x, , on) y = Relu(d)", True),
    "without-a-switch": ("d = Dropout(x, share) y = Relu(d)", False),
}
NUMBERS = "<float share = {0.5}, float none = {0}, bool on = {1}, bool off = {0}>"
DEPLOYED = {"deploy-dtype": "fp32"}


@pytest.mark.parametrize("name", DROPOUTS)
def test_a_dropout_is_active_where_onnxruntime_answers_differently_each_time(name):
    body, _ = DROPOUTS[name]
    built = graph(body, stored=NUMBERS)
    run = session(built).run
    x = np.ones((2, 64), np.float32)
    first, second = (run(None, {"x": x})[0] for _ in range(2))
    found = lint_model(built, [TrainingMode], DEPLOYED)
    assert bool(found) == bool((first != second).any()) == DROPOUTS[name][1]


def test_a_dropout_whose_switch_is_an_input_can_be_switched_off():
    built = graph("y = Dropout(x, share, train)", "float[2, 64] x, bool train", stored=NUMBERS)
    assert lint_model(built, [TrainingMode], DEPLOYED) == []


NORMS = {
    "inference": ("y = BatchNormalization(x, w, b, m, v)", 15),
    "training": ("y, a, c = BatchNormalization<training_mode = 1>(x, w, b, m, v)", 15),
    "old-inference": ("y = BatchNormalization(x, w, b, m, v)", 9),
    "old-training": ("y, a, c, d, e = BatchNormalization(x, w, b, m, v)", 9),
}


@pytest.mark.parametrize("name", NORMS)
def test_a_batch_norm_trains_where_onnxruntime_normalizes_with_the_batch(name):
    body, opset = NORMS[name]
    built = graph(body, "float[2, 4, 3] x, float[4] w, float[4] b, float[4] m, float[4] v", opset)
    x = np.random.default_rng(0).normal(5, 3, (2, 4, 3)).astype(np.float32)
    ones, zeros = np.ones(4, np.float32), np.zeros(4, np.float32)
    (y,) = session(built).run(["y"], {"x": x, "w": ones, "b": zeros, "m": zeros, "v": ones})
    by_running_statistics = np.allclose(y, x, atol=1e-3)
    assert bool(lint_model(built, [TrainingMode], DEPLOYED)) is not by_running_statistics


@pytest.mark.parametrize(
    ("target", "is_deployed"),
    [
        ({}, False),
        ({"batch-size": 8}, False),
        ({"device": "nvidia-t4"}, False),
        ({"device": "stm32h743"}, True),
        ({"deploy-dtype": "fp16"}, True),
        ({"context-length": 128}, True),
        ({"runtime": "onnxruntime-nnapi"}, True),
        ({"require": {"inference-memory": "1 GiB"}}, True),
        ({"require": {"inference-memory": "1 GiB", "training-memory": "1 GiB"}}, False),
        ({"require": {"inference-memory": "1 GiB", "step-time": "1 s"}}, False),
        ({"deploy-dtype": "fp16", "training": {"optimizer": "adam"}}, False),
    ],
)
def test_a_file_for_training_is_never_reported(target, is_deployed):
    built = graph(DROPOUTS["active"][0], stored=NUMBERS)
    assert bool(lint_model(built, [TrainingMode], target)) == is_deployed


def test_one_finding_for_a_whole_file():
    body = "d = Dropout(x, share, on) e = Dropout(d, share, on) y = Relu(e)"
    (finding,) = lint_model(graph(body, stored=NUMBERS), [TrainingMode], DEPLOYED)
    assert finding.message.startswith("2 dropouts are active")
    assert finding.data["batch_norms"] == []


def test_an_architecture_is_no_export():
    text = (
        "archlint: 1\nname: n\ninputs: {x: [1, 8]}\nlayers:\n  - Linear: {out_features: 8}\n"
        "  - BatchNorm1d\n  - Dropout: {p: 0.5}\n"
    )
    assert lint_text(text, [TrainingMode], DEPLOYED) == []


def versioned(opset=17, ir_version=8):
    built = graph("h = Gelu(x) y = Relu(h)" if opset >= 20 else "y = Relu(x)", opset=opset)
    built.ir_version = ir_version
    return built


def test_an_ir_version_is_too_new_where_onnxruntime_refuses_it():
    onnxruntime = pytest.importorskip("onnxruntime")
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail) as refused:
        session(versioned(ir_version=100))
    limit = int(re.findall(r"max supported IR version: (\d+)", str(refused.value))[0])
    for version in (limit, limit + 1):
        built = versioned(ir_version=version)
        findings = lint_model(built, [NewerVersion], {"max-ir-version": limit})
        if not findings:
            session(built)
        assert bool(findings) == (version > limit)


@pytest.mark.parametrize("opset", [9, 17, 20, 22])
@pytest.mark.parametrize("limit", [9, 16, 17, 20, 22])
def test_a_newer_opset_is_found_with_the_operators_that_the_older_one_lacks(opset, limit):
    built = versioned(opset)
    findings = lint_model(built, [NewerVersion], {"max-opset": limit})
    assert bool(findings) == (opset > limit)
    used = {node.op_type for node in built.graph.node}
    if findings:
        kept = {
            op
            for op in used
            if defs.has(op, limit)
            and defs.get_schema(op, limit).since_version == defs.get_schema(op, opset).since_version
        }
        assert used - findings[0].data["operators"].keys() == kept


def test_no_version_is_too_new_where_none_is_stated_and_none_was_chosen():
    assert lint_model(versioned(22, 11), [NewerVersion]) == []
    text = f"archlint: 1\nname: net\ninputs: {{x: [1, 4, 100]}}\n{LAYERS}"
    assert lint_text(text, [NewerVersion], {"max-opset": 1, "max-ir-version": 1}) == []


FLOAT = "h = Gemm<transB = 1>(x, v)"
QUANTIZED = "w = DequantizeLinear(q, s, z) h = Gemm<transB = 1>(x, w)"


def layered(*bodies):
    """Return a row of layers, each with a weight of its own."""
    calls, last, stored = "", "x", {}
    for place, body in enumerate(bodies):
        call = re.sub(r"\b([vqwh])\b", rf"\g<1>{place}", body)
        calls += re.sub(r"\bx\b", last, call) + f" a{place} = Relu(h{place}) "
        last = f"a{place}"
        kind, name = (np.int8, "q") if "q" in body else (np.float32, "v")
        stored[f"{name}{place}"] = np.ones((64, 64), kind)
    built = graph(f"{calls} y = Identity({last})", stored="<float s = {0.1}, int8 z = {0}>")
    built.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in stored.items())
    return built


@pytest.mark.parametrize(
    ("bodies", "left"), [((FLOAT, FLOAT), 2), ((QUANTIZED, FLOAT), 1), ((QUANTIZED, QUANTIZED), 0)]
)
def test_layers_in_floating_point_are_counted_for_a_device_of_integers_alone(bodies, left):
    built = layered(*bodies)
    for device in ("coral-edgetpu", "arm-ethos-u55-128-high-end"):
        findings = lint_model(built, [FloatOnIntegerDevice], {"device": device})
        assert [each.data["float_layers"] for each in findings] == [left] * bool(left)
        assert {str(each.severity) for each in findings} <= {"info"}
    for device in ("nvidia-t4", "stm32h743", "jetson-orin-nano-8gb"):
        assert lint_model(built, [FloatOnIntegerDevice], {"device": device}) == []


@pytest.mark.parametrize("stated", ["fp32", "fp16", "bf16", "int8"])
def test_a_target_in_floating_point_contradicts_such_a_device(stated):
    target = {"device": "coral-edgetpu", "deploy-dtype": stated}
    findings = lint_model(layered(QUANTIZED), [FloatOnIntegerDevice], target)
    assert [str(each.severity) for each in findings] == ["error"] * (stated != "int8")
