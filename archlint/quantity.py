"""Parses and formats amounts with units, such as "40 GiB", "2 TFLOP" and "250 ms"."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

from archlint.errors import did_you_mean

_SI = {"": 0, "k": 3, "K": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_MOST_DIGITS = 10  # of a share behind the point
_IEC = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")

_BYTES = {f"{prefix}B": Fraction(10**power) for prefix, power in _SI.items()} | {
    f"{prefix}B": Fraction(1024 ** (step + 1)) for step, prefix in enumerate(_IEC)
}
_COUNTS = {prefix: Fraction(10**power) for prefix, power in _SI.items()}
_SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "min": Fraction(60),
    "h": Fraction(3600),
}
_HERTZ = {f"{prefix}Hz": scale for prefix, scale in _COUNTS.items()}
_BYTES_PER_SECOND = {f"{unit}/s": scale for unit, scale in _BYTES.items()}


def _operations(suffixes: dict[str, int]) -> dict[str, Fraction]:
    return {
        f"{prefix}{suffix}": scale * operations
        for prefix, scale in _COUNTS.items()
        for suffix, operations in suffixes.items()
    }


# One multiply-accumulate is two floating-point operations, everywhere in archlint.
_FLOP = _operations({"FLOP": 1, "FLOPs": 1, "MAC": 2, "MACs": 2})
_OPS_PER_SECOND = _operations({"FLOP/s": 1, "FLOPS": 1, "OP/s": 1, "OPS": 1, "MAC/s": 2})

WRITTEN = r"([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?)\s*([A-Za-zµ/]*)"
_LONGEST = 64  # a longer number is a mistake, and exact arithmetic with it would be slow


class QuantityError(ValueError):
    """Raised for text that is not an amount of the expected kind; the text says what is."""


def parse_bytes(value: object) -> int:
    """Read a size in bytes: `40 GiB` (1024^3), `40 GB` (10^9) or a plain whole number.

    A fraction of a byte is dropped. Raises `QuantityError` for anything else.
    """
    return math.floor(_parse(value, _BYTES, 'a size such as "512 MiB", "40 GB" or 1024'))


def parse_flops(value: object) -> int:
    """Read an amount of work in FLOP: `2 TFLOP`, `1 GMAC` (2 GFLOP) or a plain number."""
    return math.floor(_parse(value, _FLOP, 'an amount of work such as "2 TFLOP" or 2e12'))


def parse_seconds(value: object) -> float:
    """Read a time in seconds: `250 ms`, `1.5 s`, `2 h` or a plain number of seconds."""
    return float(_parse(value, _SECONDS, 'a time such as "250 ms" or "1.5 s"'))


def parse_count(value: object) -> int:
    """Read a number of things, with an SI prefix where wanted: `25.56 M` or a plain number."""
    return math.floor(_parse(value, _COUNTS, 'a number such as 25000000 or "25 M"'))


def parse_hertz(value: object) -> float:
    """Read a rate per second: `16 kHz` or a plain number of hertz."""
    return float(_parse(value, _HERTZ, 'a rate such as "16 kHz" or 16000'))


def parse_bandwidth(value: object) -> int:
    """Read bytes per second: `1555 GB/s` or a plain number."""
    return math.floor(_parse(value, _BYTES_PER_SECOND, 'a bandwidth such as "1555 GB/s"'))


def parse_operation_rate(value: object) -> int:
    """Read operations per second, 2 a multiply-accumulate: `312 TFLOP/s`, `4 TOPS`."""
    return math.floor(_parse(value, _OPS_PER_SECOND, 'a peak such as "312 TFLOP/s" or "4 TOPS"'))


def format_bytes(size: float) -> str:
    """Write a size for people, in IEC units and four digits: `36.38 GiB`."""
    return _format(size, 1024, ("B", *(f"{prefix}B" for prefix in _IEC)))


def format_count(number: float) -> str:
    """Write a number of things with an SI prefix and four digits: `25.56 M`."""
    return _format(number, 1000, _PREFIXES)


def format_flops(flops: float) -> str:
    """Write an amount of work: `8.178 GFLOP`."""
    return _with_unit(flops, "FLOP")


def format_macs(macs: float) -> str:
    """Write multiply-accumulates: `4.089 GMAC`."""
    return _with_unit(macs, "MAC")


def format_seconds(seconds: float) -> str:
    """Write a time: `250 ms`, `1.5 s`."""
    if seconds >= 1 or seconds == 0:
        return f"{_digits(seconds)} s"
    return _format(seconds * 1e9, 1000, ("ns", "µs", "ms", "s"))


def format_share(share: float) -> str:
    """Write a part of a whole: `99.97%`, and `100%` or `0%` only where that is all or nothing."""
    text = ""
    for digits in range(_MOST_DIGITS):
        text = f"{share:.{digits}%}"
        if share in {0, 1} or float(text[:-1]) not in {0, 100}:
            break
    return text


def _parse(value: object, units: dict[str, Fraction], expected: str) -> Fraction:
    number, unit = _split(value, expected)
    scale = Fraction(1) if not unit else _scale(unit, units)
    if scale is None:
        near = did_you_mean(unit, units)
        raise QuantityError(f"expected {expected}, not {value!r}: unknown unit {unit!r}{near}")
    return number * scale


def _split(value: object, expected: str) -> tuple[Fraction, str]:
    """Split text into an exact number, which is neither negative nor huge, and a unit."""
    problem = QuantityError(f"expected {expected}, not {_shortened(value)}")
    if isinstance(value, bool):
        raise problem
    if isinstance(value, int | float):
        if not math.isfinite(value) or value < 0:
            raise problem
        return Fraction(value), ""
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise problem
    match = re.fullmatch(WRITTEN, value.strip())
    if match is None:
        raise problem
    return Fraction(match[1].replace("_", "")), match[2]


def _scale(unit: str, units: dict[str, Fraction]) -> Fraction | None:
    """Find a unit as written, or all in lower case (`gib`); `Gb` stays unknown: it may be bits."""
    if unit in units:
        return units[unit]
    if not unit.islower():
        return None
    same = {scale for name, scale in units.items() if name.lower() == unit}
    return same.pop() if len(same) == 1 else None


def _shortened(value: object) -> str:
    text = repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _format(amount: float, base: int, units: tuple[str, ...]) -> str:
    if abs(amount) >= base ** len(units):
        return f"{Decimal(amount):.3e} {units[0]}".rstrip()
    step = 0
    # A value that rounds to 1024 MiB is printed as 1 GiB.
    while step < len(units) - 1 and float(_digits(abs(amount) / base**step)) >= base:
        step += 1
    return f"{_digits(amount / base**step)} {units[step]}".rstrip()


def _with_unit(amount: float, unit: str) -> str:
    return _format(amount, 1000, tuple(f"{prefix}{unit}" for prefix in _PREFIXES))


def _digits(number: float) -> str:
    """Format four significant digits, without exponent and trailing zeros."""
    if number == int(number) and abs(number) < 10**15:
        return str(int(number))
    whole = len(str(int(abs(number))))
    text = f"{number:.{max(0, 4 - whole)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
