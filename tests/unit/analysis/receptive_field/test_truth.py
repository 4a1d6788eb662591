"""Receptive fields of random graphs against what onnxruntime says that they read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archlint.analysis.receptive_field.branch import Mark
from archlint.analysis.receptive_field.field import Field


class Drawing:
    """A random network under construction: tensors by name with their spatial sizes.

    A tensor is `cut` where an edge of it is no edge of the input any more: padding it there
    again makes positions that are neither inside nor at a border of the input, about which
    nothing is claimed but soundness. A resize repeats the elements at the edges: of what is
    `clamped` only positions that read no edge are judged, and none where the edge is a cut.
    """

    def __init__(self, net: Any, data: st.DataObject) -> None:
        self.net, self.data = net, data
        self.sizes: dict[str, tuple[int, ...]] = {"x": net.spatial}
        self.cut: dict[str, bool] = {"x": False}
        self.clamped: set[str] = set()
        self.unjudged: set[str] = set()

    def draw(self, low: int, high: int) -> int:
        return self.data.draw(st.integers(low, high))

    def pick(self, *options: Any) -> Any:
        return self.data.draw(st.sampled_from(options))

    def made(self, name: str, sizes: tuple[int, ...], *, cut: bool) -> str:
        self.sizes[name], self.cut[name] = sizes, cut
        return name

    def grow(self, steps: int) -> None:
        layers = [
            self.conv, self.conv, self.pool, self.transposed, self.resize, self.pad, self.slice,
            self.residual, self.joined, self.reversed, self.gathered, self.space_to_depth,
            self.depth_to_space, self.reshaped, self.rolled, self.accumulated, self.gate,
        ]  # fmt: skip
        for _ in range(steps):
            names = list(self.sizes)[-3:]
            name = self.pick(*names)
            self.pick(*layers)(name)

    def spread(self) -> None:
        """What is made of something that is clamped is so, too."""
        for node in self.net.nodes:
            for group in (self.clamped, self.unjudged):
                if group.intersection(node.input):
                    group.update(node.output)

    def conv(self, name: str) -> str | None:
        axes = len(self.sizes[name])
        kernel = [self.draw(1, 4) for _ in range(axes)]
        strides = [self.draw(1, 3) for _ in range(axes)]
        dilations = [self.draw(1, 3) for _ in range(axes)]
        spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
        pads = [self.draw(0, (span - 1) // 2) for span in spans for _ in range(2)]
        before, after = pads[0::2], pads[1::2]
        sizes = tuple(
            (size + b + a - span) // stride + 1
            for size, b, a, span, stride in zip(
                self.sizes[name], before, after, spans, strides, strict=True
            )
        )
        if min(sizes) < 1:
            return None
        c = self.net.channels
        made = self.net.add(
            "Conv", name, self.net.weight(c, c, *kernel), kernel_shape=kernel, strides=strides,
            dilations=dilations, pads=[*before, *after],
        )  # fmt: skip
        return self.made(made, sizes, cut=self.cut[name] or max(strides) > 1)

    def pool(self, name: str) -> str | None:
        axes = len(self.sizes[name])
        kernel = [self.draw(1, 3) for _ in range(axes)]
        strides = [self.draw(1, 2) for _ in range(axes)]
        sizes = tuple(
            (size - k) // s + 1
            for size, k, s in zip(self.sizes[name], kernel, strides, strict=True)
        )
        if min(sizes) < 1:
            return None
        op = self.pick("MaxPool", "AveragePool")
        made = self.net.add(op, name, kernel_shape=kernel, strides=strides)
        return self.made(made, sizes, cut=self.cut[name] or max(strides) > 1)

    def transposed(self, name: str) -> str | None:
        axes = len(self.sizes[name])
        kernel = [self.draw(1, 4) for _ in range(axes)]
        strides = [self.draw(1, 3) for _ in range(axes)]
        pads = [self.draw(0, (k - 1) // 2) for k in kernel for _ in range(2)]
        sizes = tuple(
            s * (size - 1) + k - pads[2 * i] - pads[2 * i + 1]
            for i, (size, k, s) in enumerate(zip(self.sizes[name], kernel, strides, strict=True))
        )
        if min(sizes) < 1 or max(sizes) > 120:
            return None
        c = self.net.channels
        made = self.net.add(
            "ConvTranspose", name, self.net.weight(c, c, *kernel), kernel_shape=kernel,
            strides=strides, pads=[*pads[0::2], *pads[1::2]],
        )  # fmt: skip
        return self.made(made, sizes, cut=True)

    def resize(self, name: str) -> str | None:
        mode = self.pick("nearest", "linear", "cubic")
        how = self.pick("half_pixel", "asymmetric", "align_corners")
        scale = self.pick(2.0, 3.0, 0.5, 1.5)
        supported = {"nearest": (1, 2, 3), "linear": (1, 2), "cubic": (2,)}  # by onnxruntime
        if len(self.sizes[name]) not in supported[mode]:
            return None
        sizes = tuple(int(size * scale) for size in self.sizes[name])
        if min(sizes) < 2 or max(sizes) > 120:
            return None
        attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": how}
        if mode == "nearest":
            attributes["nearest_mode"] = self.pick("floor", "round_prefer_floor", "ceil")
        scales = self.net.constant([1, 1, *[scale] * len(sizes)], np.float32)
        made = self.net.add("Resize", name, "", scales, **attributes)
        absolute = self.net.add("Abs", made)
        (self.unjudged if self.cut[name] else self.clamped).update((made, absolute))
        return self.made(absolute, sizes, cut=True)

    def pad(self, name: str) -> str:
        axes = len(self.sizes[name])
        pads = [self.draw(0, 3) for _ in range(2 * axes)]
        sizes = tuple(size + pads[i] + pads[i + axes] for i, size in enumerate(self.sizes[name]))
        operand = self.net.constant([0, 0, *pads[:axes], 0, 0, *pads[axes:]])
        return self.made(self.net.add("Pad", name, operand), sizes, cut=self.cut[name])

    def slice(self, name: str) -> str | None:
        size, *others = self.sizes[name]
        start, step = self.draw(0, 3), self.draw(1, 2)
        left = -(-(size - start) // step)
        if left < 2:
            return None
        operands = [self.net.constant([value]) for value in (start, size, 2, step)]
        made = self.net.add("Slice", name, *operands)
        return self.made(made, (left, *others), cut=True)

    def reversed(self, name: str) -> str:
        operands = [self.net.constant([value]) for value in (-1, -(10**6), 2, -1)]
        made = self.net.add("Slice", name, *operands)
        return self.made(made, self.sizes[name], cut=self.cut[name])

    def gathered(self, name: str) -> str:
        size, *others = self.sizes[name]
        chosen = [self.draw(0, size - 1) for _ in range(self.draw(2, 6))]
        made = self.net.add("Gather", name, self.net.constant(chosen), axis=2)
        return self.made(made, (len(chosen), *others), cut=True)

    def residual(self, name: str) -> str:
        other = self.pick(*self.sizes)
        sizes = tuple(min(pair) for pair in zip(self.sizes[name], self.sizes[other], strict=True))
        cropped = [self.crop(each, sizes) for each in (name, other)]
        made = self.net.add(self.pick("Add", "Max"), *cropped)
        return self.made(made, sizes, cut=True)

    def crop(self, name: str, sizes: tuple[int, ...]) -> str:
        if self.sizes[name] == sizes:
            return name
        axes = list(range(2, 2 + len(sizes)))
        operands = [self.net.constant(each) for each in ([0] * len(sizes), sizes, axes)]
        return str(self.net.add("Slice", name, *operands))

    def joined(self, name: str) -> str | None:
        other = self.pick(*self.sizes)
        (first, *rest), (second, *others) = self.sizes[name], self.sizes[other]
        if rest != others or first + second > 120:
            return None
        made = self.net.add("Concat", name, other, axis=2)
        return self.made(made, (first + second, *rest), cut=True)

    def rolled(self, name: str) -> str | None:
        size = self.sizes[name][0]
        if size < 4:
            return None
        by = self.draw(1, size // 2)
        two = self.net.constant([2])
        ends = [self.net.constant([value]) for value in (0, by, size)]
        tail = self.net.add("Slice", name, ends[1], ends[2], two)
        head = self.net.add("Slice", name, ends[0], ends[1], two)
        made = self.net.add("Concat", tail, head, axis=2)
        self.clamped.add(made)
        return self.made(made, self.sizes[name], cut=True)

    def space_to_depth(self, name: str) -> str | None:
        sizes = self.sizes[name]
        if len(sizes) != 2 or any(size % 2 for size in sizes):
            return None
        made = self.net.add("SpaceToDepth", name, blocksize=2)
        c = self.net.channels
        made = self.net.add("Conv", made, self.net.weight(c, 4 * c, 1, 1))
        return self.made(made, tuple(size // 2 for size in sizes), cut=self.cut[name])

    def depth_to_space(self, name: str) -> str | None:
        sizes = self.sizes[name]
        if len(sizes) != 2 or max(sizes) > 60:
            return None
        c = self.net.channels
        made = self.net.add("Conv", name, self.net.weight(4 * c, c, 1, 1))
        made = self.net.add("DepthToSpace", made, blocksize=2, mode=self.pick("DCR", "CRD"))
        return self.made(made, tuple(size * 2 for size in sizes), cut=self.cut[name])

    def reshaped(self, name: str) -> str | None:
        """Cut the first axis into rows of two, swap them, and put them back in a row."""
        size, *others = self.sizes[name]
        if size % 2 or size < 4:
            return None
        rows = self.net.constant([0, self.net.channels, size // 2, 2, *others])
        flat = self.net.constant([0, self.net.channels, size, *others])
        order = [0, 1, 3, 2, *range(4, 4 + len(others))]
        made = self.net.add("Reshape", name, rows)
        made = self.net.add("Reshape", self.net.add("Transpose", made, perm=order), flat)
        return self.made(made, self.sizes[name], cut=True)

    def accumulated(self, name: str) -> str:
        made = self.net.add("CumSum", name, self.net.constant(2), reverse=self.draw(0, 1))
        return self.made(made, self.sizes[name], cut=True)

    def gate(self, name: str) -> str:
        axes = list(range(2, 2 + len(self.sizes[name])))
        pooled = self.net.add("ReduceMean", name, self.net.constant(axes))
        made = self.net.add("Add", name, pooled)
        return self.made(made, self.sizes[name], cut=self.cut[name])


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_fields_of_random_graphs_agree_with_runs(
    new_net: Callable[..., Any], data: st.DataObject
) -> None:
    axes = data.draw(st.sampled_from([1, 1, 1, 2, 2, 3]))
    most = {1: 40, 2: 12, 3: 6}[axes]
    spatial = tuple(data.draw(st.integers(most // 2, most)) for _ in range(axes))
    net = new_net(spatial, channels=1 if axes == 3 else 2)
    drawing = Drawing(net, data)
    drawing.grow(data.draw(st.integers(1, 7)))
    if not net.nodes:
        return
    drawing.spread()
    fields = net.fields(net.tensors)
    for extent in fields.extents:
        if extent.axis < 2:  # channels, where no convolution tells that they are
            continue
        lights = net.lights(extent.axis)
        for name in net.tensors:
            if name not in drawing.unjudged:
                exact = not drawing.cut.get(name, True)
                field = fields.of(name, extent)
                check(name, field, lights[name], exact=exact, clamped=name in drawing.clamped)


def check(name: str, field: Field, lights: np.ndarray, *, exact: bool, clamped: bool) -> None:
    """Hold a field to the positions that are lit: (input position, *shape without batch)."""
    length = len(lights)
    assert field.unknown is None, (name, field.unknown)
    if field.kind == "global":
        return
    if field.is_independent:
        assert not lights.any(), name
        return
    for axis in range(2, lights.ndim):
        others = tuple(each for each in range(1, lights.ndim) if each != axis)
        truth = np.transpose(lights.any(axis=others))
        along = field.along(axis)
        for position, lit in enumerate(truth):
            taps = along.at(position)
            read = np.zeros(length, bool)
            read[[tap for tap in taps if 0 <= tap < length]] = True
            if Mark.BELOW in field.marks:
                read[: max(taps.high + 1, 0)] = True
            if Mark.ABOVE in field.marks:
                read[max(taps.low, 0) :] = True
            if clamped and (taps.low <= 0 or taps.high >= length - 1):
                continue
            missed = lit & ~read
            assert not missed.any(), (name, axis, position, np.flatnonzero(missed))
            inside = taps and taps.low > 0 and taps.high < length - 1
            if exact and inside and field.kind == "local":
                assert (lit == read).all(), (name, axis, position, np.flatnonzero(lit != read))
