"""What a training step takes of a device beyond its tensors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archlint.analysis.amount import Amount
from archlint.analysis.memory.device import DeviceMemory
from archlint.devices.catalogue import find_device
from archlint.devices.device import Device, Sourced
from archlint.target import Reserves

MIB = 2**20
T4 = find_device("nvidia-t4")


def test_reserves_of_a_gpu_have_names_and_bounds() -> None:
    memory = DeviceMemory(Amount.exact(1000 * MIB), 800 * MIB, T4, Reserves())
    assert memory.reserves == {
        "context": Amount(135 * MIB, 500 * MIB),
        "allocator": Amount(38 * MIB, 125 * MIB),
        "convolution workspace": Amount(0, 256 * MIB),
    }
    assert memory.total == Amount(1173 * MIB, 1881 * MIB)
    assert memory.limit == round(14.56 * 1024 * MIB)  # what PyTorch reports of a T4


def test_a_network_without_convolutions_needs_no_workspace() -> None:
    memory = DeviceMemory(Amount.exact(MIB), None, T4, Reserves())
    assert set(memory.reserves) == {"context", "allocator"}


def test_stated_reserves_replace_the_estimates() -> None:
    stated = Reserves(context=200 * MIB, allocator=0.5, workspace=0, other=7)
    memory = DeviceMemory(Amount.exact(100 * MIB), 800 * MIB, T4, stated)
    assert memory.total == Amount.exact(350 * MIB + 7)
    assert "convolution workspace" not in memory.reserves


def test_a_stated_fraction_leaves_room_for_the_reserves() -> None:
    card = Device("mine", "gpu", memory_bytes=Sourced(1000, "sheet"), usable_fraction=0.8)
    memory = DeviceMemory(Amount.exact(700), 100, card, Reserves(other=50))
    assert (memory.total, memory.limit) == (Amount.exact(750), 800)


def test_other_kinds_go_by_their_fraction() -> None:
    memory = DeviceMemory(Amount.exact(700), 100, find_device("raspberry-pi-5-8gb"), Reserves())
    assert (memory.total, memory.limit) == (Amount.exact(700), 6_000_000_000)


def test_one_die_has_its_part_of_the_memory() -> None:
    assert find_device("amd-mi250x").own_memory_bytes == round(127.96 * 1024 * MIB) // 2


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.none() | st.integers(0, 10**12))
def test_reserves_only_add(low: int, more: int, convolved: int | None) -> None:
    peak = Amount(low, low + more)
    total = DeviceMemory(peak, convolved, T4, Reserves()).total
    assert peak.low < total.low <= total.high
    assert peak.high < total.high
