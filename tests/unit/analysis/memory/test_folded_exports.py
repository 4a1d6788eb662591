"""Training of what torch.export folds parameters of: see truth/measure_folded.py."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper

from archlint.analysis.facts import Facts
from archlint.analysis.training.trained_part import trained_part, unmatched_patterns
from archlint.engine.stored_numbers import StoredNumbers
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.onnx_file import read_onnx
from archlint.sources.tensor_numbers import UnknownNumbers
from archlint.target import Target, Training

TRUTH = Path(__file__).parents[3] / "truth" / "folded"
NETWORKS = json.loads((TRUTH / "truth.json").read_text(encoding="utf-8"))["networks"]
CASES = [tuple(path.name.split(".")[:2]) for path in sorted(TRUTH.glob("*.onnx"))]
# A variable of the program holds the bias of attention, and no line that is left says so; the
# vectors of a power iteration are no sizes that follow.
UNSEEN = 0.02


def facts_of(
    path: Path,
    optimizer: str = "sgd",
    *,
    reads: bool = True,
    frozen: str = "",
    batch: int | None = None,
) -> Facts:
    document = read_onnx(path)
    numbers = StoredNumbers(path, document.model, document.payloads)
    patterns = (frozen,) if frozen else None
    training = Training(optimizer, loss="none", foreach=False, frozen=patterns)
    graph = trained_part(build_graph(document.model, Bindings(batch)), operators(), training)
    target = Target(training=training)
    return Facts(graph, target, operators(), numbers if reads else UnknownNumbers())


def export_of(name: str, mode: str = "training") -> Path:
    return TRUTH / f"{name}.{mode}.onnx"


def sizes(facts: Facts) -> dict[str, int | None]:
    return {each.value.name: each.value.elements for each in facts.trained_parameters.every}


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_the_interval_contains_the_parameters(name: str, mode: str, reads: bool) -> None:
    count = facts_of(export_of(name, mode), reads=reads).trained_count
    assert count.low <= NETWORKS[name]["parameters"] <= count.high


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_calls_and_numbers_give_exact_answers(mode: str) -> None:
    """A table out of which rows were looked up, a token, gains of which a file has one."""
    facts = facts_of(export_of("windows", mode))
    assert facts.trained_count.value == NETWORKS["windows"]["parameters"]
    assert facts.saved.total.value == NETWORKS["windows"]["saved_bytes"]
    found = sizes(facts)
    assert (found["table"], found["token"], found["temperature"]) == (26 * 2, 16, 2)
    assert found["second.gain"] == found["first.gain"] == 16
    assert sum(entry.value.nbytes or 0 for entry in facts.trained_parameters.every_buffer) == 800


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_each_layer_makes_its_own_cosines(mode: str) -> None:
    """The file has one table of cosines and one of sines for both layers."""
    saved = facts_of(export_of("turning", mode)).saved.total
    assert saved.value == NETWORKS["turning"]["saved_bytes"]


@pytest.mark.parametrize("name", ["sampled", "copied", "turned", "retained"])
def test_what_an_optimizer_merged_removed_and_shared_is_put_back(name: str) -> None:
    """Monte Carlo dropout, copies, additions of nearly zero, views of one table, a reshape."""
    saved = facts_of(export_of(name)).saved.total
    assert saved.value == NETWORKS[name]["saved_bytes"]


def test_every_sample_of_monte_carlo_dropout_is_computed() -> None:
    batch, samples = 3, 4
    trunk, head = 16 * 24, 24 * 20 + 20 * 4
    found = facts_of(export_of("sampled")).training_compute.forward_flops
    assert found.value == 2 * batch * (trunk + samples * head)


def test_the_node_that_makes_an_axis_for_all_samples_is_one_for_each(tmp_path: Path) -> None:
    model = onnx.load(export_of("sampled"))
    (stack,) = (node for node in model.graph.node if node.op_type == "Concat")
    assert len(set(stack.input)) == 1
    for entry in stack.metadata_props:  # the program stacks one tensor four times
        entry.value = re.sub(r"%linear_\d+", "%linear_2", entry.value)
    for node in model.graph.node:
        if node.output[0] == stack.input[0]:
            del node.metadata_props[:]
            node.metadata_props.extend(stack.metadata_props)
    onnx.save(model, tmp_path / "one.onnx")
    saved = facts_of(tmp_path / "one.onnx").saved.total
    assert saved.low < NETWORKS["sampled"]["saved_bytes"]


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_a_backbone_with_norms_that_are_written_out_may_be_frozen(mode: str) -> None:
    facts = facts_of(export_of("backbone", mode))
    assert facts.saved.total.low < NETWORKS["backbone"]["saved_bytes"] < facts.saved.total.high
    assert "as in a frozen backbone" in (facts.training_note or "")


def test_parts_that_share_no_number_are_all_of_a_parameter() -> None:
    found = sizes(facts_of(export_of("words")))
    assert (found["prompts"], found["scores"]) == (2 * 3 * 16, 2 * 16)


def test_another_batch_has_the_same_parameters() -> None:
    path = export_of("words")
    assert sizes(facts_of(path, batch=8)) == sizes(facts_of(path))
    assert facts_of(export_of("windows"), batch=8).trained_count.value == 2278


def test_one_part_of_a_parameter_leaves_its_size_open() -> None:
    facts = facts_of(export_of("words"))
    rest = NETWORKS["words"]["parameters"] - 24 * 16
    # onnxscript computes beforehand with tensors of up to 8,192 elements.
    assert (facts.trained_count.low, facts.trained_count.high) == (rest + 10 * 16, rest + 8192)
    assert "the exporter folded places, whose size is not recorded" in (facts.training_note or "")


def test_an_unrecorded_order_is_reported() -> None:
    note = facts_of(export_of("voice")).training_note or ""
    order = "after.parametrizations.weight.original in an order of calls that is not recorded"
    assert f"the exporter folded {order}" in note


def test_a_direction_is_as_large_as_its_weight() -> None:
    found = sizes(facts_of(export_of("voice")))
    assert found["before.parametrizations.weight.original1"] == 12 * 4 * 5
    assert found["after.parametrizations.weight.original"] == 2 * 8 * 3


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_the_interval_contains_the_saved_bytes_of_autograd(name: str, mode: str) -> None:
    saved = facts_of(export_of(name, mode)).saved.total
    assert saved.low <= NETWORKS[name]["saved_bytes"] <= saved.high


@pytest.mark.parametrize(("name", "mode"), CASES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_interval_contains_the_peak(name: str, mode: str, optimizer: str) -> None:
    peak = facts_of(export_of(name, mode), optimizer).training_memory.peak.widened(UNSEEN)
    assert peak.low <= NETWORKS[name]["peak_bytes"][optimizer] <= peak.high


def test_a_table_of_zeros_tells_nothing_of_its_size(tmp_path: Path) -> None:
    model = onnx.load(export_of("windows"))
    clear(model, "table")
    onnx.save(model, tmp_path / "zeros.onnx")
    count, truth = (
        facts_of(tmp_path / "zeros.onnx").trained_count,
        NETWORKS["windows"]["parameters"],
    )
    assert count.low < truth < count.high


def test_a_token_of_zeros_is_repeated_for_each_sample(tmp_path: Path) -> None:
    model = onnx.load(export_of("windows"))
    clear(model, "token")
    onnx.save(model, tmp_path / "zeros.onnx")
    assert sizes(facts_of(tmp_path / "zeros.onnx"))["token"] == 16


def test_a_folded_parameter_can_be_frozen() -> None:
    facts = facts_of(export_of("windows"), frozen="table")
    trained = {e.value.name: e.trained for e in facts.trained_parameters.every}
    assert [name for name, is_trained in trained.items() if not is_trained] == ["table"]
    frozen = Training("sgd", frozen=("table",))
    assert not [*unmatched_patterns(facts.graph, frozen)]


def clear(model: ModelProto, parameter: str) -> None:
    """Set what was computed of a parameter to zeros."""
    made = {
        info.name
        for info in model.graph.value_info
        for entry in info.metadata_props
        if f"'{parameter}'" in entry.value
    }
    for stored in model.graph.initializer:
        if stored.name in made:
            zeros = np.zeros_like(numpy_helper.to_array(stored))
            stored.CopyFrom(numpy_helper.from_array(zeros, stored.name))
