"""FLOP of training of what torch.export's optimizer merges and folds: truth/measure_repeated.py."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from archlint.analysis.amount import Amount
from archlint.analysis.facts import Facts
from archlint.engine.stored_numbers import StoredNumbers
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.ops.restored.merged_calls import with_twins
from archlint.ops.restored.merged_foldings import with_own_foldings
from archlint.sources.onnx_file import read_onnx
from archlint.target import Target, Training

TRUTH = Path(__file__).parents[2] / "truth" / "repeated"
NETWORKS = json.loads((TRUTH / "truth.json").read_text(encoding="utf-8"))["networks"]
MODES = ("training", "inference")
# The sizes of what a network makes of its own parameters are in no file; nor is how often a program
# called a batch norm that no call follows, or which calls of one row of missing numbers are equal.
OPEN = {"generated", "normalized", "asked"}


def facts_of(path: Path, frozen: str = "") -> Facts:
    document = read_onnx(path)
    numbers = StoredNumbers(path, document.model, document.payloads)
    graph = build_graph(document.model, Bindings(None))
    target = Target(training=Training("sgd", frozen=(frozen,) if frozen else ()))
    return Facts(graph, target, operators(), numbers)


def export_of(name: str, mode: str = "training") -> Path:
    return TRUTH / f"{name}.{mode}.onnx"


def passes(facts: Facts) -> dict[str, Amount]:
    compute = facts.training_compute
    return {"forward": compute.forward_flops, "backward": compute.backward_flops}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(NETWORKS.keys() - OPEN))
def test_training_flops_are_those_of_pytorch(name: str, mode: str) -> None:
    found = passes(facts_of(export_of(name, mode)))
    assert {key: each.value for key, each in found.items()} == {
        key: NETWORKS[name][key] for key in found
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(OPEN))
def test_an_interval_holds_what_no_file_tells(name: str, mode: str) -> None:
    facts = facts_of(export_of(name, mode))
    for key, amount in passes(facts).items():
        assert amount.low <= NETWORKS[name][key] <= amount.high
        assert amount.low < amount.high
    assert "optimize=False" in (facts.compute_note or "")


@pytest.mark.parametrize("mode", MODES)
def test_the_length_of_a_product_tells_the_parameters_that_were_folded(mode: str) -> None:
    count = facts_of(export_of("positions", mode)).trained_count
    assert count == Amount.exact(NETWORKS["positions"]["parameters"])


def test_inference_flops_are_those_of_the_file() -> None:
    facts = facts_of(export_of("rounds"))
    shown = sum(
        2 * facts.compute.of_node[node.name].macs.low
        for node in facts.graph.nodes
        if node.op == "MatMul"
    )
    assert facts.compute.forward_flops.value == shown < NETWORKS["rounds"]["forward"]


@pytest.mark.parametrize("mode", MODES)
def test_sizes_and_factors_of_the_exporter_are_no_tensors_of_the_program(mode: str) -> None:
    graph = facts_of(export_of("biased", mode)).graph
    assert with_own_foldings(graph).weights.keys() == graph.weights.keys()


def test_a_projection_that_is_called_once_stays_one() -> None:
    facts = facts_of(export_of("cached"))
    assert facts.compute_note is None
    assert facts.training_compute.forward_flops == facts.compute.forward_flops


def added_calls(name: str) -> list[str]:
    """Return the operators of the nodes that were merged into others."""
    graph = facts_of(export_of(name)).graph
    return [node.op for node in with_twins(graph).nodes if node.name not in graph.by_name]


def test_attention_repeats_its_own_conversion_of_a_mask_and_not_the_mask() -> None:
    assert added_calls("grouped") == ["Where"]


def test_a_merged_batch_norm_repeats_nothing_before_it() -> None:
    assert added_calls("distilled") == ["BatchNormalization"]


def test_a_result_of_several_nodes_is_not_taken_for_a_stored_tensor() -> None:
    graph = facts_of(export_of("windows")).graph
    assert with_own_foldings(graph) is graph


def test_a_note_counts_what_was_merged() -> None:
    note = facts_of(export_of("rounds")).compute_note
    assert note == "the exporter merged 4 products with equal ones; training computes all of them"


def test_a_note_names_what_was_folded() -> None:
    note = facts_of(export_of("positions")).compute_note
    assert note == "training computes products of bias.0.weight, which the exporter folded"


def test_calls_that_were_merged_are_frozen_with_their_module() -> None:
    whole, frozen = (facts_of(export_of("rounds"), name) for name in ("", "key"))
    saved = whole.training_compute.backward_flops.low - frozen.training_compute.backward_flops.low
    batch, places, queries, width, rounds = 3, 9, 3, 16, 3
    # The memory is the model's input: each projection has the gradient of its weight alone.
    of_weight, of_keys = batch * places * width * width, batch * queries * places * width
    assert saved == 2 * rounds * (of_weight + of_keys)


def test_a_file_without_its_record_counts_what_it_shows(tmp_path: Path) -> None:
    model = onnx.load(export_of("rounds"))
    for node in model.graph.node:
        del node.metadata_props[:]
    path = tmp_path / "rounds.onnx"
    onnx.save(model, path)
    facts = facts_of(path)
    assert facts.training_compute.forward_flops == facts.compute.forward_flops
