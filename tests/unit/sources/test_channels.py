"""Channels within a range, as numpy finds them in the whole tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from archlint.sources import channels
from archlint.sources.channels import channels_within
from archlint.sources.part import Part
from archlint.sources.payload import Payload

if TYPE_CHECKING:
    from pathlib import Path

FLOAT = 1
SHAPES = [(300, 500), (7, 90_000), (90_000, 3), (40, 60, 9, 9), (3, 5, 20_000), (1, 200, 2, 700)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "part", [Part(axis, -0.5, 0.5, step) for axis in (0, 1) for step in (1, 3)]
)
@pytest.mark.parametrize("most", [64, channels._MOST])
def test_channels_within_bounds_are_those_of_numpy(
    shape: tuple[int, ...],
    part: Part,
    most: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "_MOST", most)
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=shape).astype(np.float32)
    axis, length = part.axis, shape[part.axis]
    chosen = generator.choice(length, min(length, 12), replace=False)
    for place, channel in enumerate(chosen):
        index = (slice(None),) * axis + (channel,)
        numbers[index] = generator.uniform(-0.5, 0.5, numbers[index].shape)
        if place % 3 == 0:  # but for one number anywhere
            channel_numbers = numbers[index].reshape(-1)
            channel_numbers[generator.integers(channel_numbers.size)] = 2
            numbers[index] = channel_numbers.reshape(numbers[index].shape)
    path = tmp_path / "weights"
    path.write_bytes(bytes(100) + numbers.tobytes())
    payload = Payload("w", FLOAT, shape, "raw_data", 100, numbers.nbytes, None, ())
    others = tuple(each for each in range(len(shape)) if each != axis)
    inside = np.flatnonzero((np.abs(numbers) <= 0.5).all(axis=others))
    expected = [each for each in inside.tolist() if each % part.step == 0]
    found = channels_within(path, payload, part)
    inner = int(np.prod(shape[axis + 1 :]))
    is_apart = int(np.prod(shape[:axis])) > 1
    assert list(found) == ([] if is_apart and inner > most else expected)
