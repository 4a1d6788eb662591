"""The requirement on receptive fields: sizes, times, outputs, axes."""

from __future__ import annotations

import pytest

from archlint.config.building import build_target
from archlint.config.describe import describe
from archlint.config.error import ConfigError, Origin
from archlint.config.reading import read_layer
from archlint.target import FieldNeed, Requirements


def needs(receptive_field: object, **require: object) -> Requirements:
    data = {"require": {"receptive-field": receptive_field, **require}}
    return build_target([read_layer(data, Origin.FILE)], {}).require


def test_one_size_holds_for_every_output_and_axis() -> None:
    require = needs(128)
    assert require.receptive_field == (FieldNeed(128),)
    assert require.receptive_field_of("anything", 2) == 128
    assert require.receptive_field_of("anything", None) == 128


def test_the_nearest_statement_counts() -> None:
    require = needs({"*": {2: 16, "3": 24}, "mask": 64, "logits": {2: 128}})
    assert require.receptive_field_of("logits", 2) == 128
    assert require.receptive_field_of("logits", 3) == 24
    assert require.receptive_field_of("mask", 2) == 64
    assert require.receptive_field_of("edges", 2) == 16
    assert require.receptive_field_of("edges", 4) is None


def test_nothing_is_needed_where_nothing_is_stated() -> None:
    require = build_target([], {}).require
    assert require.receptive_field_of("y", 2) is None


@pytest.mark.parametrize(
    ("time", "rate", "size"),
    [
        ("250 ms", "16 kHz", 4000),
        ("1 s", 44100, 44100),
        ("70 ms", 100, 7),  # 0.07 * 100 is a little over 7 in binary
        ("75 ms", 100, 8),  # a part of an element is an element
        ("1 ns", 100, 1),
    ],
)
def test_a_time_is_a_number_of_samples(time: str, rate: object, size: int) -> None:
    assert needs(time, **{"sample-rate": rate}).receptive_field == (FieldNeed(size),)


def test_a_field_in_seconds_needs_a_sample_rate() -> None:
    with pytest.raises(ConfigError, match=r"require\.sample-rate") as caught:
        needs({"y": "250 ms"})
    assert caught.value.origin is Origin.FILE


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (0, ()),
        (-3, ()),
        (1.5, ()),
        ("1.5", ()),
        ("much", ()),
        ("3 GB", ()),
        (True, ()),
        ([1], ()),
        ({"y": {"height": 3}}, ("y", "height")),
        ({"y": {-1: 3}}, ("y", "-1")),
        ({"y": {2: {}}}, ("y", "2")),
        ({"y": None}, ("y",)),
    ],
)
def test_what_is_no_field_is_refused_with_its_key(
    wrong: object, key: tuple[str | int, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        needs(wrong)
    assert caught.value.key == ("require", "receptive-field", *key)


def test_config_prints_the_requirement_as_written() -> None:
    stated = {"*": {"2": 16, "3": 24}, "mask": 64}
    target = build_target([read_layer({"require": {"receptive-field": stated}}, Origin.FILE)], {})
    assert describe(target)["require"]["receptive-field"] == stated  # type: ignore[index]
