"""All mistakes of a file are told at once, each where it stands, with the nearest valid name."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Archlint

MISTAKEN = """\
archlint: 1
inputz: 3
inputs:
  image: [N, 3, 32, 32]
layers:
  - Conv2d: {out_chanels: 16, kernel_siz: 3}
    innit: {kaiming_normal: {nonlinearity: relu}}
    namee: stem
  - ReLu
  - Flatten
    # behind a layer that could not be made
  - Linear: {out_feature: 10}
    name: head
outputs: [hed, head, head.0]
target:
  device: nvidia-t5
  optimiser: adam
  training:
    precision: fp23
    betas: [0.9, 2]
  require:
    training-memory: 40 GBB
    weight: 2 MiB
    receptive-field: {"*": {2: -1, 3: big}}
"""


def _told(result_out: str) -> dict[str, str]:
    """Return the messages by line and column."""
    lines = [line.split(": ", 2) for line in result_out.splitlines() if "error[" in line]
    return {place.partition(":")[2]: message for place, _, message in lines}


def test_problems_of_layers_outputs_and_target_are_reported_together(
    archlint: Archlint, folder: Path
) -> None:
    (folder / "net.arch.yaml").write_text(MISTAKEN, encoding="utf-8")
    result = archlint("check", "net.arch.yaml", "--format", "short")
    expected = {
        "2:1": "did you mean 'inputs'?",
        "6:14": "did you mean 'out_channels'?",
        "6:31": "did you mean 'kernel_size'?",
        "7:5": "did you mean 'init'?",
        "8:5": "did you mean 'name'?",
        "9:5": "did you mean 'ReLU'?",
        "12:14": "did you mean 'out_features'?",
        "14:11": "did you mean 'head'?",
        "16:11": "did you mean 'nvidia-t4'?",
        "17:3": "did you mean 'training.optimizer'?",
        "19:16": "did you mean 'fp32'?",
        "20:18": "expected a number, at least 0 and below 1, not 2",
        "22:22": "unknown unit 'GBB'",
        "23:5": "did you mean 'require.weights'?",
        "24:32": "not -1",
        "24:39": "not 'big'",
    }
    told = _told(result.out)
    assert result.code == 1
    assert told.keys() == expected.keys()
    assert [place for place, text in expected.items() if text not in told[place]] == []


def test_the_other_commands_report_them_too(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(MISTAKEN, encoding="utf-8")
    places = _told(archlint("check", "net.arch.yaml", "--format", "short").out).keys()
    assert _told(archlint("inspect", "net.arch.yaml").out).keys() == places
    lines = archlint("config", "net.arch.yaml").err.splitlines()
    beginning = "archlint: error: net.arch.yaml:"
    assert all(line.startswith(beginning) for line in lines)
    assert {line.removeprefix(beginning).partition(": ")[0] for line in lines} == set(places)


def test_what_a_mistake_leaves_out_is_no_mistake_of_its_own(
    archlint: Archlint, folder: Path
) -> None:
    """The size of the world is stated, if wrongly: nothing is said of sharding without it."""
    text = MISTAKEN.partition("target:")[0].replace("inputz: 3\n", "").replace("hed, ", "")
    text += "target: {training: {sharding: ddp, world-size: 0}}\n"
    (folder / "net.arch.yaml").write_text(text, encoding="utf-8")
    told = _told(archlint("check", "net.arch.yaml", "--format", "short").out)
    assert [text for text in told.values() if "target" in text] == [
        "target.training.world-size: expected a whole number, at least 1, not 0"
    ]


def test_configuration_errors_are_reported_line_by_line(archlint: Archlint, folder: Path) -> None:
    (folder / "archlint.toml").write_text(
        """\
devise = "nvidia-t4"
[devices.board]
memry = "2 GiB"
[[per-file]]
files = ["*.onnx"]
[[per-file]]
filez = ["*.onnx"]
[training]
batch-size = 0
dims = {}
""",
        encoding="utf-8",
    )
    result = archlint("check", "net.arch.yaml")
    assert (result.code, result.out) == (2, "")
    lines = [line.removeprefix(f"archlint: error: {folder}/") for line in result.err.splitlines()]
    assert [line.split(": ")[:2] for line in lines] == [
        ["archlint.toml:1:1", "devise"],
        ["archlint.toml:3:1", "devices.board.memry"],
        ["archlint.toml:7:1", "per-file[1].filez"],
        ["archlint.toml:9:1", "training.batch-size"],
        ["archlint.toml:10:1", "training.dims"],
    ]
    assert lines[0].endswith("did you mean 'device'?")


def test_errors_in_flags_are_reported_together(archlint: Archlint) -> None:
    result = archlint(
        "check", "--batch-size", "many", "--optimizer", "adom", "--set", "los=mse", "--dim", "T"
    )
    assert result.code == 2
    assert [line.split(": ")[2:4] for line in result.err.splitlines()] == [
        ["command line", "batch-size"],
        ["command line", "optimizer"],
        ["command line", "expected NAME=N, not 'T'"],
        ["command line", "los"],
    ]
    assert "did you mean 'adam'?" in result.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "nte.arch.yaml"), "no such file or folder: did you mean 'net.arch.yaml'?"),
        (("inspect", "net.arch.yml"), "did you mean 'net.arch.yaml'?"),
        (("check", "--device", "t4"), "did you mean 'nvidia-t4'?"),
        (("check", "--device", "nvidia-t5"), "did you mean 'nvidia-t4'?"),
        (("check", "--set", "require.weights=2 Mib"), "unknown unit 'Mib': did you mean 'MiB'?"),
        (("check", "--set", "memory=2 GiB"), "or 'require.training-memory'?"),
        (("check", "--set", "lr=0.1"), "or 'training.learning-rate'?"),
        (("check", "--set", "color=red"), "`archlint schema config` has all settings"),
        (("schema", "everything"), "(known: architecture, config, device, facts, report)"),
    ],
)
def test_a_mistake_comes_with_what_to_do_next(
    archlint: Archlint, arguments: tuple[str, ...], says: str
) -> None:
    result = archlint(*arguments)
    assert (result.code, result.out) == (2, "")
    assert says in result.err


def test_an_empty_folder_says_what_was_looked_for(archlint: Archlint, folder: Path) -> None:
    (folder / "empty").mkdir()
    for flags in ((), ("-v",)):
        result = archlint("check", "empty", *flags)
        assert result.err == (
            "archlint: no file to check: no *.onnx, *.arch.yaml or *.arch.yml in empty\n"
        )


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        ("Conv2D: {out_channels: 8, kernel_size: 3}", "did you mean 'Conv2d'?"),
        ("Dense: {units: 3}", "did you mean 'Linear'?"),
        ("MaxPool: {size: 2}", "did you mean MaxPool1d, MaxPool2d or MaxPool3d?"),
        ("GlobalAveragePooling2D", "did you mean 'GlobalAvgPool'?"),
        ("dropout: 0.5", "did you mean 'Dropout'?"),
        ("Mystery", "help: `archlint schema architecture` has all layers"),
        ("Conv2d: {in_channels: 1, out_channels: 8, kernel_size: 3}", "help: leave it out"),
        ("Conv1d: {out_channels: 8, kernel_size: 3}", "takes a tensor (N, C, L) of 3 axes"),
        ("Conv3d: {out_channels: 8, kernel_size: 3}", "the first axis: [N, 1, 3, 32, 32]"),
    ],
)
def test_a_wrong_layer_comes_with_what_to_do_next(
    archlint: Archlint, folder: Path, layer: str, says: str
) -> None:
    text = f"archlint: 1\ninputs: {{x: [1, 3, 32, 32]}}\nlayers:\n  - {layer}\n"
    (folder / "net.arch.yaml").write_text(text, encoding="utf-8")
    assert says in archlint("check", "net.arch.yaml").out


def test_a_block_without_a_name_does_not_hide_an_unknown_layer(
    archlint: Archlint, folder: Path
) -> None:
    text = (
        'archlint: 1\ninputs: {x: [1, 4]}\nblocks:\n  "":\n    layers: [ReLU]\n'
        "layers:\n  - Lienar: {out_features: 2}\n"
    )
    (folder / "net.arch.yaml").write_text(text, encoding="utf-8")
    assert "did you mean 'Linear'?" in archlint("check", "net.arch.yaml").out


def test_arguments_that_are_not_indented_are_all_told(archlint: Archlint, folder: Path) -> None:
    text = (
        "archlint: 1\ninputs: {x: [1, 3, 32, 32]}\nlayers:\n"
        "  - Conv2d:\n    out_channels: 8\n    kernel_size: 3\n    nmae: stem\n"
    )
    (folder / "net.arch.yaml").write_text(text, encoding="utf-8")
    result = archlint("check", "net.arch.yaml")
    told = _told(result.out)
    assert told.keys() == {"5:5", "6:5", "7:5"}  # and nothing that seems to be missing
    assert "help: indent it under Conv2d" in result.out
    assert "did you mean 'name'?" in told["7:5"]


def test_a_name_that_only_ends_like_another_is_no_suggestion(
    archlint: Archlint, folder: Path
) -> None:
    (folder / "net.onnx").write_bytes(b"")
    result = archlint("check", "abc.onnx")
    assert result.err == "archlint: error: abc.onnx: no such file or folder\n"
