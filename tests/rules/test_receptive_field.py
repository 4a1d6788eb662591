"""Rules on receptive fields where the manuals' examples do not reach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from archlint.api import Rule, Severity
from archlint.testing import lint_file, lint_model, lint_text
from archlint_rules import archlint_rules
from archlint_rules.receptive_field.independent_output import IndependentOutput
from archlint_rules.receptive_field.inexact_division import InexactDivision
from archlint_rules.receptive_field.map_smaller_than_kernel import MapSmallerThanKernel
from archlint_rules.receptive_field.skipped_elements import SkippedElements

RULES = {rule.code: rule for rule in archlint_rules() if rule.code.startswith("RF")}
LIGHT = sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("*.onnx"))


def lint(text: str, *codes: str) -> list[str]:
    chosen: list[type[Rule]] = [RULES[code] for code in codes]
    return [f"{finding.code} {finding.message}" for finding in lint_text(text, chosen)]


def dilated(*rates: int) -> str:
    layers = "\n".join(
        f"  - Conv1d: {{out_channels: 2, kernel_size: 3, dilation: {rate}, padding: {rate}}}"
        for rate in rates
    )
    return f"archlint: 1\ninputs: {{x: [1, 2, 200]}}\nlayers:\n{layers}\n"


@pytest.mark.parametrize("rates", [(1, 2, 5), (1, 2, 4, 8), (2, 2, 2, 1), (1, 2, 3), (1, 9), (4,)])
def test_dilations_without_a_grid(rates: tuple[int, ...]) -> None:
    assert lint(dilated(*rates), "RF007") == []


@pytest.mark.parametrize(
    ("rates", "read"),
    [((2, 2, 2), "7 of 13"), ((1, 2, 9), "21 of 25"), ((2, 4), "7 of 13"), ((3, 3, 3), "7 of 19")],
)
def test_dilations_with_a_grid(rates: tuple[int, ...], read: str) -> None:
    (message,) = lint(dilated(*rates), "RF007")
    assert f"read {read} positions" in message


@pytest.mark.parametrize("rates", [(2, 2, 2), (1, 2, 9), (2, 4), (3, 3, 3), (4, 4, 4, 4)])
def test_rates_that_are_advised_leave_no_grid(rates: tuple[int, ...]) -> None:
    (finding,) = lint_text(dilated(*rates), [RULES["RF007"]])
    advised = tuple(int(rate) for rate in finding.help.split(" span")[0][9:].split(","))
    assert lint(dilated(*advised), "RF007") == []
    assert sum(advised) >= sum(rates)


@pytest.mark.parametrize(("factor", "blamed"), [(2, True), (3, True), (4, False), (8, False)])
def test_holes_in_a_map_that_was_upsampled(factor: int, blamed: bool) -> None:
    """Rates 4 and 8 leave out three of four places, which hold the same where one became four."""
    text = dilated(4, 8).replace(
        "layers:", f"layers:\n  - Upsample: {{scale_factor: {factor}, mode: nearest}}"
    )
    assert bool(lint(text, "RF007")) is blamed


def two_branches(left: str, right: str) -> str:
    return (
        "archlint: 1\ninputs: {x: [1, 2, 64]}\nlayers:\n"
        f"  - Conv1d: {{out_channels: 2, {left}}}\n    name: left\n    from: x\n"
        f"  - Conv1d: {{out_channels: 2, {right}}}\n    name: right\n    from: x\n"
        "  - Add:\n    from: [left, right]\n"
    )


def test_the_padding_that_is_advised_aligns() -> None:
    wrong = two_branches("kernel_size: 5, padding: [0, 4]", "kernel_size: 1")
    (finding,) = lint_text(wrong, [RULES["RF008"]])
    assert finding.help.startswith("pad left with 2 before and 2 after")
    assert finding.data["offset"] == 2
    mended = wrong.replace("[0, 4]", "[2, 2]")
    assert lint(mended, "RF008") == []


def test_causal_branches_are_not_blamed() -> None:
    causal = two_branches("kernel_size: 5, padding: causal", "kernel_size: 2, padding: causal")
    assert lint(causal, "RF008") == []


SPACE_TO_DEPTH = """\
archlint: 1
inputs: {x: [1, 2, 64]}
layers:
  - Slice: {dim: 2, start: 0, step: 2}
    name: even
    from: x
  - Slice: {dim: 2, start: 1, step: 2}
    name: odd
    from: x
  - Concat: {dim: 1}
    from: [even, odd]
  - Conv1d: {out_channels: 2, kernel_size: 3, padding: 1}
"""


def test_space_to_depth_is_not_blamed() -> None:
    assert lint(SPACE_TO_DEPTH, "RF008", "RF005") == []


def misaligned(graph: str) -> list[str]:
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["" : 18]> {graph}')
    found = lint_model(model, [RULES["RF008"]])
    return [each.message for each in found if each.severity is not Severity.INFO]


ROLLED_WINDOWS = """
g (float[1, 16, 8] x) => (float[1, 16, 8] y)
<int64[1] zero = {0}, int64[1] two = {2}, int64[1] end = {99}, int64[1] back = {14},
 int64[1] along = {1}, int64[3] windows = {WINDOWS, LENGTH, 8}, int64[3] whole = {1, 16, 8}>
{
    head = Slice(x, zero, two, along) tail = Slice(x, two, end, along)
    rolled = Concat <axis = 1> (tail, head) cut = Reshape(rolled, windows)
    turned = Transpose <perm = [0, 2, 1]> (cut) scores = MatMul(cut, turned)
    weights = Softmax(scores) mixed = MatMul(weights, cut) joined = Reshape(mixed, whole)
    start = Slice(joined, back, end, along) rest = Slice(joined, zero, back, along)
    unrolled = Concat <axis = 1> (start, rest) y = Add(x, unrolled)
}
"""


@pytest.mark.parametrize("length", [4, 8, 16])
def test_windows_that_are_shifted_around_the_end_are_not_blamed(length: int) -> None:
    """Every place of a window reads all of it, those from both ends too (Liu et al. 2021)."""
    graph = ROLLED_WINDOWS.replace("LENGTH", str(length)).replace("WINDOWS", str(16 // length))
    assert misaligned(graph) == []


SHIFTED_TOKENS = """
g (float[1, 10, 8] x, float[8] mix) => (float[1, 10, 8] y)
<int64[6] pads = {0, 1, 0, 0, -1, 0}>
{ late = Pad(x, pads) a = Mul(x, mix) b = Mul(late, mix) y = Add(a, b) }
"""
SHIFTED_BRANCH = """
g (float[1, 8, 10] x, float[8, 8, 3] v, float[8, 8, 3] w) => (float[1, 8, 10] y)
<int64[6] pads = {0, 0, 1, 0, 0, -1}>
{
    a = Conv <pads = [1, 1]> (x, v) b = Conv <pads = [1, 1]> (x, w)
    late = Pad(b, pads) y = Add(a, late)
}
"""


def test_a_tensor_that_is_mixed_with_itself_shifted_is_not_blamed() -> None:
    """As token shift mixes each token with the one before (Peng et al. 2023)."""
    assert misaligned(SHIFTED_TOKENS) == []


def test_a_branch_that_was_shifted_is() -> None:
    (message,) = misaligned(SHIFTED_BRANCH)
    assert "1 input element apart along axis 2" in message


def test_slices_that_are_stacked_are_not_blamed() -> None:
    """Windows with a step, written as slices on a new axis."""
    graph = """
    g (float[1, 10, 8] x) => (float[1, 3, 8, 8] y)
    <int64[1] a = {0}, int64[1] b = {1}, int64[1] c = {2}, int64[1] p = {8}, int64[1] q = {9},
     int64[1] r = {10}, int64[1] along = {1}>
    {
        f = Slice(x, a, p, along) g = Slice(x, b, q, along) h = Slice(x, c, r, along)
        ft = Transpose <perm = [0, 2, 1]> (f) i = Unsqueeze(ft, along)
        gt = Transpose <perm = [0, 2, 1]> (g) j = Unsqueeze(gt, along)
        ht = Transpose <perm = [0, 2, 1]> (h) k = Unsqueeze(ht, along)
        y = Concat <axis = 1> (i, j, k)
    }
    """
    assert misaligned(graph) == []


def test_halves_of_a_batch_that_meet_are_not_blamed() -> None:
    """Two images of a pair, one behind the other in the batch, as optical flow compares them."""
    graph = """
    g (float[4, 3, 8, 8] x, float[5, 3, 3, 3] w, float[5, 5, 3, 3] v) => (float[2, 10, 8, 8] y)
    <int64[1] a = {0}, int64[1] b = {2}, int64[1] c = {4}, int64[1] along = {0}>
    {
        f = Conv <pads = [1, 1, 1, 1]> (x, w)
        g = Slice(f, a, b, along) h = Slice(f, b, c, along)
        m = Mul(g, h) k = Conv <pads = [1, 1, 1, 1]> (m, v) y = Concat <axis = 1> (g, k)
    }
    """
    assert misaligned(graph) == []


PRE_ACTIVATED = """\
archlint: 1
inputs: {x: [1, 8, 32, 32]}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: stem
  - BatchNorm2d
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 1, stride: 2}
    name: short
  - OTHER
    from: stem
    name: long
  - Add:
    from: [long, short]
"""


@pytest.mark.parametrize(
    ("other", "severity"),
    [
        ("Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}", Severity.INFO),
        (None, Severity.WARNING),
    ],
)
def test_a_shortcut_with_an_activation_of_its_own(other: str | None, severity: Severity) -> None:
    """Its branch reads what it skips, before the activation (Chen et al. 2017, DPN)."""
    alone, _, _ = PRE_ACTIVATED.partition("  - OTHER")
    text = alone if other is None else PRE_ACTIVATED.replace("OTHER", other)
    (finding,) = lint_text(text, [SkippedElements])
    assert finding.severity is severity
    assert "reads 25 %" in finding.message


NEED = """\
archlint: 1
inputs: {x: [1, 1, 400]}
layers:
  - Conv1d: {out_channels: 2, kernel_size: 5, padding: 2}
    name: first
  - Conv1d: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
    name: second
  - {GlobalAvgPool: }
  - {Flatten: , name: y}
outputs: [y]
target:
  require: REQUIRE
"""


@pytest.mark.parametrize(
    ("require", "sizes"),
    [
        ("{receptive-field: 7}", []),
        ("{receptive-field: 8}", [(7, 8)]),
        ("{receptive-field: {y: 300}}", []),
        ("{receptive-field: {second: 12}}", [(7, 12)]),
        ("{receptive-field: {first: {2: 6}, '*': 7}}", [(5, 6)]),
        ('{receptive-field: "1 ms", sample-rate: "16 kHz"}', [(7, 16)]),
    ],
)
def test_each_required_receptive_field_is_compared(
    require: str, sizes: list[tuple[int, int]]
) -> None:
    """The last map sees 5 + 2 = 7 elements, the output everything."""
    findings = lint_text(NEED.replace("REQUIRE", require), [RULES["RF001"]])
    assert [(finding.data["size"], finding.data["required"]) for finding in findings] == sizes
    assert all(finding.severity is Severity.ERROR for finding in findings)


def test_what_is_advised_reaches_the_need() -> None:
    (finding,) = lint_text(NEED.replace("REQUIRE", "{receptive-field: 30}"), [RULES["RF001"]])
    assert "raise the dilation of first from 1 to 7" in finding.help
    assert "6 layers of kernel 3 at stride 2" in finding.help
    wider = NEED.replace("kernel_size: 5, padding: 2", "kernel_size: 5, dilation: 7, padding: 14")
    assert lint(wider.replace("REQUIRE", "{receptive-field: 30}"), "RF001") == []


def test_no_change_makes_a_field_wider_than_the_input() -> None:
    findings = lint_text(NEED.replace("REQUIRE", "{receptive-field: 5000}"), [RULES["RF001"]])
    assert findings
    assert all("require less, or give more" in (finding.help or "") for finding in findings)


def test_a_need_of_a_tensor_that_is_not_there() -> None:
    (message,) = lint(NEED.replace("REQUIRE", "{receptive-field: {z: 5}}"), "RF001")
    assert "not a tensor of this model" in message


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_famous_networks_get_remarks_at_most(path: Path) -> None:
    findings = lint_file(path, RULES.values())
    assert [each for each in findings if each.severity is not Severity.INFO] == []


def detector(tmp_path: Path, width: int | str) -> Path:
    """Write maps of two scales whose places are put in a row, as the heads of detectors do."""
    text = f"""<ir_version: 8, opset_import: ["" : 17]>
    net (float[1, 3, 64, {width}] x) => (float[1, 4, places] y) {{
      a = Conv <pads = [1, 1, 1, 1]> (x, fine)
      b = Conv <strides = [2, 2]> (a, coarse)
      shape = Constant <value_ints = [1, 4, -1]> ()
      c = Reshape (a, shape)
      d = Reshape (b, shape)
      y = Concat <axis = 2> (c, d)
    }}"""
    model = onnx.parser.parse_model(text)
    random = np.random.default_rng(0)
    for name, shape in (("fine", (4, 3, 3, 3)), ("coarse", (4, 4, 2, 2))):
        weight = random.normal(size=shape).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(weight, name))
    path = tmp_path / "detector.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("width", [64, "W"])
def test_maps_that_are_put_in_a_row_meet_nowhere(tmp_path: Path, width: int | str) -> None:
    found = lint_file(detector(tmp_path, width), list(RULES.values()), {})
    assert [finding for finding in found if finding.severity is not Severity.INFO] == []


def test_noise_of_the_shape_of_an_input_does_not_depend_on_it() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> '
        "g (float[2] x) => (float[2] y) { y = RandomNormalLike(x) }"
    )
    tensors = {finding.place.tensor for finding in lint_model(model, [IndependentOutput])}
    assert tensors == {"x", "y"}


def applied(layer: str, sizes: list[int]) -> onnx.ModelProto:
    """Return a model in which a layer, called y0 and so on, reads maps of several sizes."""
    inputs = ", ".join(f"float[1, 2, {size}, {size}] x{i}" for i, size in enumerate(sizes))
    outputs = ", ".join(f"float y{i}" for i in range(len(sizes)))
    body = " ".join(f"y{i} = {layer}(x{i}, w)" for i in range(len(sizes)))
    return onnx.parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 20]> g ({inputs}, float[2, 2, 3, 3] w) => '
        f"({outputs}) {{ {body} }}"
    )


HALVING = "Conv<strides = [2, 2], pads = [1, 1, 1, 1]>"


def test_layers_that_leave_a_remainder_alike_are_one_finding() -> None:
    model = applied(HALVING, [224, 112, 56, 29, 28, 14, 12])  # 29 leaves none
    (finding,) = lint_model(model, [InexactDivision])
    assert finding.data["nodes"] == ["y0", "y1", "y2", "y4", "y5", "y6"]
    assert finding.message.endswith("as in 5 more layers like it: y1, y2, y4, y5, ...")


def test_a_layer_that_the_file_ignores_takes_no_others_with_it() -> None:
    model = applied(HALVING, [224, 112, 56])
    entry = model.graph.node[0].metadata_props.add()
    entry.key, entry.value = "archlint.ignore", "RF004"
    (finding,) = lint_model(model, [InexactDivision])
    assert finding.data["nodes"] == ["y1", "y2"]


def test_maps_of_one_size_that_a_kernel_hardly_fits_are_one_finding() -> None:
    model = applied("Conv<dilations = [3, 3], pads = [3, 3, 3, 3]>", [3, 2, 3])
    findings = lint_model(model, [MapSmallerThanKernel])
    assert [each.data["nodes"] for each in findings] == [["y0", "y2"], ["y1"]]


def test_repeated_layers_of_one_line_are_one_finding() -> None:
    text = (
        "archlint: 1\nname: halved\ninputs: {x: [1, 2, 96, 96]}\nlayers:\n"
        "  - Conv2d: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1}\n    repeat: 4\n"
    )
    (finding,) = lint_text(text, [InexactDivision])
    assert finding.message.endswith("as in 3 more layers from this line")


@pytest.mark.parametrize("rule", [MapSmallerThanKernel, InexactDivision, SkippedElements])
def test_padding_that_is_not_known_is_no_padding_of_zero(rule: type[Rule]) -> None:
    # SAME pads the map of 3 to whatever is needed once H is known: nothing can be said before.
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> '
        "g (float[1, 1, H, 3] x, float[1, 1, 7, 3] w) => (float[1, 1, A, B] y) "
        '{ y = Conv <auto_pad = "SAME_UPPER", strides = [9, 9], kernel_shape = [7, 3]> (x, w) }'
    )
    assert [f for f in lint_model(model, [rule]) if 2 in f.data["axes"]] == []


@pytest.mark.parametrize(
    ("units", "shape", "axis", "is_constant"),
    [(1, "[N, 8]", -1, True), (1, "[N, 6, 8]", -1, True), (1, "[N, 6, 8]", 1, False),
     (2, "[N, 8]", -1, False), (2, "[N, 1, 8]", 1, False)],
)  # fmt: skip
def test_the_softmax_of_one_unit_is_one(units, shape, axis, is_constant):
    text = (
        f"archlint: 1\nname: scores\ninputs: {{x: {shape}}}\nlayers:\n"
        f"  - Linear: {{out_features: {units}}}\n  - Softmax: {{dim: {axis}}}\n"
    )
    findings = lint_text(text, [IndependentOutput])
    assert ["over the only unit of linear" in each.message for each in findings] == (
        [True] if is_constant else []
    )
