"""The device catalogue: its schema, its loader, its look-up."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from archlint.devices.catalogue import UnknownDevice, catalogue, find_device
from archlint.devices.device import Device, Sourced


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    text = files("archlint.devices").joinpath("catalogue.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    text = files("archlint_schemas").joinpath("device.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_catalogue_fits_its_schema(
    document: dict[str, Any], validator: Draft202012Validator
) -> None:
    assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize(
    "change",
    [
        {"memory_bytes": 16_000_000_000},
        {"memory_bytes": {"value": 16_000_000_000}},
        {"kind": "toaster"},
        {"speed": {"value": 1, "source": "x"}},
    ],
)
def test_the_schema_refuses_numbers_without_source_and_unknown_words(
    document: dict[str, Any], validator: Draft202012Validator, change: dict[str, object]
) -> None:
    broken = {**document, "devices": [{**document["devices"][0], **change}]}
    assert list(validator.iter_errors(broken))


def test_every_number_of_the_file_reaches_the_device(document: dict[str, Any]) -> None:
    devices = catalogue()
    assert list(devices) == [entry["name"] for entry in document["devices"]]
    for entry in document["devices"]:
        device = devices[entry["name"]]
        for key, value in entry.items():
            if key == "peak_ops":
                assert {name: peak.value for name, peak in device.peak_ops.items()} == {
                    name: peak["value"] for name, peak in value.items()
                }
            elif isinstance(value, dict):
                loaded = getattr(device, key)
                assert (loaded.value, loaded.source) == (value["value"], value["source"])
                assert loaded.derived == value.get("derived", "")
            elif isinstance(value, list):
                assert list(getattr(device, key)) == value
            else:
                assert getattr(device, key) == value


def test_a_device_has_its_published_figures() -> None:
    a100 = find_device("nvidia-a100-40gb")
    assert a100.memory_bytes is not None
    assert a100.memory_bytes.value == round(39.5 * 2**30)  # what PyTorch reports
    assert a100.peak_ops["bf16"].value == 312_000_000_000_000  # dense, from NVIDIA's data sheet
    assert a100.usable_memory_bytes == a100.memory_bytes.value * 9 // 10


def test_a_number_without_source_stays_unknown() -> None:
    assert find_device("jetson-agx-orin").memory_bytes is None
    assert find_device("jetson-agx-orin").usable_memory_bytes is None


def test_usable_fraction_follows_the_kind() -> None:
    assert find_device("raspberry-pi-5-8gb").usable_memory_bytes == 6_000_000_000
    assert find_device("stm32h743").usable_memory_bytes == 1024 * 1024
    die = round(127.96 * 2**30) // 2  # one of two
    assert find_device("amd-mi250x").usable_memory_bytes == die * 9 // 10


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("nvidia-t4", (14.56, 14.76)),
        ("nvidia-v100-pcie-16gb", (15.75, 15.78)),
        ("nvidia-v100-sxm2-32gb", (31.74, 31.75)),
        ("nvidia-a10", (22.06, 22.2)),
        ("nvidia-a100-40gb", (39.39, 39.59)),
        ("nvidia-a100-80gb-sxm", (79.15, 79.33)),
        ("nvidia-h100-sxm", (79.1, 79.2)),
        ("nvidia-h200-sxm", (139.7, 139.81)),
        ("nvidia-rtx-4090", (23.62, 23.65)),
        ("amd-mi300x", (191.98, 191.98)),
    ],
)
def test_memory_is_what_programs_are_told_and_not_decimal(
    name: str, reported: tuple[float, float]
) -> None:
    """The capacities are those of PyTorch's out-of-memory messages, in GiB."""
    memory = find_device(name).memory_bytes
    assert memory is not None
    assert reported[0] - 0.01 < memory.value / 2**30 < reported[1] + 0.01


def test_own_devices_come_first() -> None:
    mine = Device("nvidia-t4", "gpu", memory_bytes=Sourced(1, "here"))
    assert find_device("nvidia-t4", {"nvidia-t4": mine}) is mine


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("nvidia-a100-40g", "nvidia-a100-40gb"),
        ("a100", "nvidia-a100-40gb"),
        ("H100-SXM", "nvidia-h100-sxm"),
        ("my-bord", "my-board"),
    ],
)
def test_an_unknown_name_brings_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(UnknownDevice, match=f"did you mean .*{right}"):
        find_device(wrong, {"my-board": Device("my-board", "mcu")})


def test_loading_needs_no_heavy_module() -> None:
    program = (
        "import sys; from archlint.devices.catalogue import catalogue; catalogue();"
        "print([m for m in ('onnx', 'numpy', 'yaml', 'jsonschema', 'pluggy') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
