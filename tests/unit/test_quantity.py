"""Amounts with units, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlint.quantity import (
    QuantityError,
    format_bytes,
    format_count,
    format_flops,
    format_macs,
    format_seconds,
    format_share,
    parse_bandwidth,
    parse_bytes,
    parse_count,
    parse_flops,
    parse_hertz,
    parse_operation_rate,
    parse_seconds,
)

IEC = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
SI = ("kB", "MB", "GB", "TB", "PB", "EB")


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (0, 0),
        (4096, 4096),
        ("4096", 4096),
        ("1_000", 1000),
        ("40 GiB", 40 * 2**30),
        ("40 GB", 40 * 10**9),
        ("40GB", 40_000_000_000),
        ("512 MiB", 536_870_912),
        ("1.5 KiB", 1536),
        (" 2 kB ", 2000),
        ("2 KB", 2000),
        ("2 gib", 2 * 2**30),
        ("5 EiB", 5 * 2**60),
        ("0.1 KiB", 102),  # 102.4 bytes: a fraction of a byte is dropped
        ("1e9", 10**9),
        (2e9, 2 * 10**9),
    ],
)
def test_reads_sizes(written: object, size: int) -> None:
    assert parse_bytes(written) == size
    assert isinstance(parse_bytes(written), int)


@pytest.mark.parametrize(
    "written",
    [
        "", "GiB", "-1", -1, -0.5, "1 GX", "1 Gb", "1 gigabyte", "1,5 GB", "one", None, [], {},
        True, False, float("nan"), float("inf"), "1e999999999", "9" * 100, "0x10", "1 GB GB",
        "\u0661 GB", b"1 GB",
    ],
)  # fmt: skip
def test_refuses_what_is_no_size(written: object) -> None:
    with pytest.raises(QuantityError, match="512 MiB"):
        parse_bytes(written)


def test_no_unit_of_another_quantity_is_taken() -> None:
    for parse, written in (
        (parse_bytes, "2 TFLOP"),
        (parse_flops, "2 GB"),
        (parse_seconds, "2 GB"),
        (parse_flops, "2 TFLOP/s"),
        (parse_operation_rate, "2 TFLOP"),
        (parse_bandwidth, "2 GB"),
    ):
        with pytest.raises(QuantityError, match="unknown unit"):
            parse(written)


def test_a_mac_is_two_flop() -> None:
    assert parse_flops("1 GMAC") == parse_flops("2 GFLOP") == 2 * 10**9
    assert parse_operation_rate("1 GMAC/s") == parse_operation_rate("2 GOPS") == 2 * 10**9


def test_reads_work_times_and_rates() -> None:
    assert parse_flops("2 TFLOP") == parse_flops(2e12) == parse_flops("2e12") == 2 * 10**12
    assert parse_seconds("250 ms") == 0.25
    assert parse_seconds("1.5 s") == parse_seconds(1.5) == 1.5
    assert parse_seconds("3 us") == parse_seconds("3 µs") == 3e-6
    assert parse_seconds("2 h") == parse_seconds("120 min") == 7200
    assert parse_hertz("44.1 kHz") == 44100
    assert parse_count("25.557032 M") == 25_557_032
    assert parse_bandwidth("1555 GB/s") == 1_555_000_000_000
    assert parse_operation_rate("312 TFLOP/s") == parse_operation_rate("312 TOPS")


@pytest.mark.parametrize(
    ("size", "written"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (40_000_000_000, "37.25 GiB"),
        (2**30 - 1, "1 GiB"),  # never 1024 MiB
        (2**30, "1 GiB"),
    ],
)
def test_writes_sizes_for_people(size: int, written: str) -> None:
    assert format_bytes(size) == written


def test_writes_the_published_figures_of_resnet_50() -> None:
    assert format_count(25_557_032) == "25.56 M"
    assert format_macs(4_089_184_256) == "4.089 GMAC"
    assert format_flops(8_178_368_512) == "8.178 GFLOP"


def test_writes_times() -> None:
    assert format_seconds(0) == "0 s"
    assert format_seconds(0.25) == "250 ms"
    assert format_seconds(90) == "90 s"
    assert format_seconds(3e-6) == "3 µs"


def test_writes_numbers_that_no_prefix_fits() -> None:
    assert format_count(10**30) == "1.000e+30"
    assert format_bytes(10**400) == "1.000e+400 B"


@given(st.integers(1, 1023), st.sampled_from(IEC))
def test_a_size_in_an_iec_unit_survives_the_round_trip(number: int, unit: str) -> None:
    written = f"{number} {unit}"
    assert format_bytes(parse_bytes(written)) == written


@given(st.integers(1, 999), st.sampled_from(SI))
def test_an_si_size_is_its_power_of_ten(number: int, unit: str) -> None:
    assert parse_bytes(f"{number} {unit}") == number * 1000 ** (SI.index(unit) + 1)


@given(st.integers(0, 2**62))
def test_a_printed_size_is_right_to_its_four_digits(size: int) -> None:
    assert parse_bytes(format_bytes(size)) == pytest.approx(size, rel=6e-4, abs=1)


@given(st.integers(0, 10**20))
def test_a_printed_count_is_right_to_its_four_digits(number: int) -> None:
    assert parse_count(format_count(number)) == pytest.approx(number, rel=6e-4, abs=1)


@given(st.integers(0, 2**63))
def test_whole_numbers_are_exact(number: int) -> None:
    assert parse_bytes(number) == parse_bytes(str(number)) == number


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_bytes, parse_flops, parse_seconds, parse_count, parse_hertz):
        try:
            assert parse(text) >= 0
        except QuantityError:
            continue


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.5, "50%"),
        (0.995, "99.5%"),  # and not the 100% that it would be rounded to
        (0.99963, "99.96%"),
        (1.0004, "100.04%"),
        (0.004, "0.4%"),
        (1.5, "150%"),
    ],
)
def test_a_share_is_all_or_nothing_only_where_it_is(share: float, text: str) -> None:
    assert format_share(share) == text


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_share_of_counts_is_never_rounded_to_the_whole(part: int, whole: int) -> None:
    assert (format_share(part / whole) == "100%") == (part == whole)
