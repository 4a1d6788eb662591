"""Training under settings, against PyTorch: see tests/truth/measure_settings.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archlint.analysis.facts import Facts
from archlint.analysis.training.trained_part import trained_part
from archlint.config.building import build_target
from archlint.config.error import Origin
from archlint.config.reading import read_layer
from archlint.frontends.onnx import load_onnx
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators

TRUTH = Path(__file__).parents[3] / "truth" / "training"
MEASURED = json.loads((TRUTH / "settings.json").read_text(encoding="utf-8"))
UNDER_AUTOCAST = json.loads((TRUTH.parent / "autocast" / "truth.json").read_text(encoding="utf-8"))


def each(settings: list[dict[str, Any]]) -> list[Any]:
    """Return every entry with every export of its network."""
    return [
        pytest.param(entry, exporter, id=f"{entry['network']}-{entry['training']}-{exporter}")
        for entry in settings
        for exporter in ("torchscript", "dynamo")
    ]


ENTRIES = each(MEASURED["settings"])


def facts_of(network: str, exporter: str, training: dict[str, Any]) -> Facts:
    """Return the facts under settings that are written as in the configuration."""
    stated = {key.replace("_", "-"): value for key, value in training.items()}
    target = build_target([read_layer({"training": stated}, Origin.DOCUMENT)], {})
    model = load_onnx(TRUTH / f"{network}.{exporter}.onnx").model
    graph = build_graph(model, Bindings(MEASURED["batch"]))
    return Facts(trained_part(graph, operators(), target.training), target, operators())


@pytest.mark.parametrize(("entry", "exporter"), ENTRIES)
def test_a_step_is_that_of_pytorch(entry: dict[str, Any], exporter: str) -> None:
    for moment, peak in entry["peak_bytes"].items():
        name, _, foreach = moment.partition(" ")
        stated = {"optimizer": name, "loss": "none", "foreach": bool(foreach)}
        facts = facts_of(entry["network"], exporter, {**entry["training"], **stated})
        found = facts.training_memory.peak
        assert found.low == found.high
        assert found.low == pytest.approx(peak, rel=0.003)
        assert facts.compute.training_flops.value == entry["training_flops"]


@pytest.mark.parametrize(("entry", "exporter"), ENTRIES)
def test_saved_bytes_are_those_of_autograd(entry: dict[str, Any], exporter: str) -> None:
    if "frozen" in entry["training"] and "checkpointing" in entry["training"]:
        pytest.skip("PyTorch packs the inputs of a part that needs no gradient, and drops them")
    facts = facts_of(entry["network"], exporter, entry["training"])
    assert facts.saved.total.value == entry["saved_bytes"]


@pytest.mark.parametrize(("entry", "exporter"), each(UNDER_AUTOCAST["settings"]))
def test_saved_bytes_in_mixed_precision_are_those_of_autograd(
    entry: dict[str, Any], exporter: str
) -> None:
    stated = {"optimizer": "sgd", "loss": "none", "precision": "bf16-mixed"}
    facts = facts_of(entry["network"], exporter, {**entry["training"], **stated})
    assert facts.saved.total.value == entry["saved_bytes"]
    assert facts.training_memory.peak.low == pytest.approx(entry["peak_bytes"], rel=0.003)


@pytest.mark.parametrize("moment", ["sgd foreach", "adam foreach"])
def test_shared_weights_are_gathered_block_by_block(moment: str) -> None:
    entry = MEASURED["fully_sharded"]
    stated = {"optimizer": moment.split(maxsplit=1)[0], "loss": "none", "foreach": True}
    facts = facts_of(entry["network"], "dynamo", {**entry["training"], **stated})
    memory, measured = facts.training_memory, entry["bytes"][moment]
    tokens = 8 * MEASURED["batch"] * 10
    assert memory.weight_bytes + memory.state_bytes.low + tokens == measured["before"]
    assert memory.peak.low <= measured["peak"] <= memory.peak.high


@pytest.mark.parametrize(
    ("sharding", "shared"),
    [
        ("ddp", ()),
        ("zero-1", ("state",)),
        ("zero-2", ("state", "gradient")),
        ("zero-3", ("state", "gradient", "weight")),
    ],
)
def test_zero_cuts_one_thing_more_a_stage(sharding: str, shared: tuple[str, ...]) -> None:
    """Rajbhandari et al. 2020, figure 1: what is not cut is whole on every process."""
    processes, values = 4, 31344
    stated = {"optimizer": "adam", "loss": "none", "sharding": sharding, "world_size": processes}
    memory = facts_of("layers", "dynamo", stated).training_memory
    counters = 4 * len(memory.weights.updated)
    sizes = {
        "weight": memory.weight_bytes / 4,
        "gradient": memory.gradient_bytes / 4,
        "state": (memory.state_bytes.low - counters) / 8,
    }
    for what, size in sizes.items():
        assert size == (values / processes if what in shared else values)


def test_what_is_offloaded_is_not_on_the_device() -> None:
    stated = {"optimizer": "adam", "loss": "none", "foreach": True}
    whole = facts_of("layers", "dynamo", stated).training_memory
    updated = facts_of("layers", "dynamo", {**stated, "offload": "optimizer"}).training_memory
    assert updated.state_bytes.value == updated.gradient_bytes == 0
    assert updated.peak.high < whole.peak.low
    weights = facts_of("layers", "dynamo", {**stated, "offload": "parameters"}).training_memory
    assert weights.weight_bytes == 0
    assert weights.peak.low < updated.peak.low


def test_master_weights_make_sixteen_bytes_a_parameter() -> None:
    """Rajbhandari et al. 2020, section 3.1: 2 + 2 + 4 + 4 + 4 bytes for Adam in half precision."""
    stated = {"optimizer": "adam", "precision": "bf16", "master_weights": True, "loss": "none"}
    memory = facts_of("layers", "dynamo", stated).training_memory
    counters = 4 * len(memory.weights.updated)
    copies = sum(memory.weights.copies.values())
    total = memory.weight_bytes + memory.gradient_bytes + memory.state_bytes.low + copies
    assert total - counters == 16 * 31344


def test_the_efficient_kernel_rounds_its_rows_up() -> None:
    """Its statistics are batch x heads x ceil(length / 32) * 32 floats, and two seeds of 8 bytes.

    These are the shapes that aten._scaled_dot_product_efficient_attention returns (torch 2.13).
    """
    flash = facts_of("layers", "dynamo", {"attention": "flash"}).saved.total
    efficient = facts_of("layers", "dynamo", {"attention": "efficient"}).saved.total
    blocks, batch, heads, length = 4, MEASURED["batch"], 3, 10
    more = blocks * (4 * batch * heads * (32 - length) + 16)
    assert efficient.value == (flash.value or 0) + more


@pytest.mark.parametrize("stated", [{}, {"checkpointing": 1}, {"accumulation_steps": 2}])
@pytest.mark.parametrize("network", ["layers", "stages"])
def test_the_breakdown_adds_up_to_the_peak(network: str, stated: dict[str, Any]) -> None:
    settings = {"optimizer": "adam", "loss": "cross-entropy", "foreach": False, **stated}
    facts = facts_of(network, "dynamo", settings)
    memory = facts.training_memory
    held = memory.weight_bytes + memory.buffer_bytes + memory.state_bytes.low
    gradients = memory.gradient_bytes if memory.weights.gradients_persist else 0
    assert memory.moment == "in the backward pass"
    kept = facts.saved.total.low
    assert memory.peak.low == held + gradients + kept + memory.passing
