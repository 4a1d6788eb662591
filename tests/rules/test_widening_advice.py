"""What RF001 advises reaches what is required, in nets where not every change would."""

from __future__ import annotations

import pytest

from archlint.testing import lint_text
from archlint_rules.receptive_field.receptive_field_too_small import ReceptiveFieldTooSmall

WIDE = "  - Conv{n}d: {{out_channels: 4, kernel_size: 3, padding: 1}}\n    repeat: {count}\n"


def net(input_shape: str, layers: list[str], required: int) -> str:
    lines = "".join(f"  - {layer}\n" for layer in layers)
    return (
        f"archlint: 1\ninputs: {{x: {input_shape}}}\nlayers:\n{lines}"
        f"target: {{require: {{receptive-field: {required}}}}}\n"
    )


IMAGE, SIGNAL = "[1, 3, 64, 64]", "[1, 4, 400]"
POINTWISE = "Conv2d: {out_channels: 12, kernel_size: 1}"
PATCHES = "Conv2d: {out_channels: 8, kernel_size: 16, stride: 16}"
SHRINKING = [
    "Conv2d: {out_channels: 8, kernel_size: 3, stride: 8}",
    "Conv2d: {out_channels: 8, kernel_size: 2, stride: 4}",
    "Conv2d: {out_channels: 3, kernel_size: 2}",
]
CASES = {
    "stretched": (
        net(IMAGE, ["Upsample: {scale_factor: 2}", POINTWISE], 9),
        "add 4 layers of kernel 3 in front of upsample at stride 1 (+2 each)",
        ("layers:\n", f"layers:\n{WIDE.format(n=2, count=4)}"),
    ),
    "shuffled": (
        net(IMAGE, [POINTWISE, "PixelShuffle: {upscale_factor: 2}"], 9),
        "add 4 layers of kernel 3 behind conv2d at stride 1 (+2 each)",
        ("  - PixelShuffle", f"{WIDE.format(n=2, count=4)}  - {POINTWISE}\n  - PixelShuffle"),
    ),
    "a map of one place": (
        net(IMAGE, SHRINKING, 60),
        "add 2 layers of kernel 3 behind conv2d at stride 8 (+16 each)",
        (SHRINKING[1], f"{WIDE[4:].format(n=2, count=2)}  - {SHRINKING[1]}"),
    ),
    "patches": (
        net(IMAGE, [PATCHES, "ReLU", POINTWISE], 40),
        "add 1 layer of kernel 3 at stride 16 (+32 each)",
        ("target", f"{WIDE.format(n=2, count=1)}target"),
    ),
    "cut": (
        net(SIGNAL, ["Slice: {dim: 2, end: 10}", "Flatten", "Linear: {out_features: 3}"], 100),
        "keep 100 of the 400 places at slice instead of 10",
        ("end: 10", "end: 100"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_following_the_advice_mends_the_finding(name: str) -> None:
    text, advised, (old, new) = CASES[name]
    findings = lint_text(text, [ReceptiveFieldTooSmall])
    assert advised in findings[-1].help
    mended = lint_text(text.replace(old, new), [ReceptiveFieldTooSmall])
    # The slice itself still is a map whose places read one element each.
    assert [each.message for each in mended if each.place.tensor != "slice"] == []


def test_axes_with_equal_fields_share_a_finding() -> None:
    (finding,) = lint_text(net(IMAGE, [PATCHES, POINTWISE], 40), [ReceptiveFieldTooSmall])
    assert finding.message == (
        "receptive field of conv2d_2 along height and width (axes 2 and 3) is 16, required 40"
    )
    assert (finding.data["axis"], finding.data["axes"]) == (2, [2, 3])


def test_axes_with_different_fields_have_findings_of_their_own() -> None:
    oblong = "Conv2d: {out_channels: 3, kernel_size: [3, 5]}"
    findings = lint_text(net(IMAGE, [oblong], 40), [ReceptiveFieldTooSmall])
    assert [(each.data["axes"], each.data["size"]) for each in findings] == [([2], 3), ([3], 5)]
