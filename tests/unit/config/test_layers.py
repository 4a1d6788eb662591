"""Settings of a target: reading, the command line, merging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlint.config.building import build_target
from archlint.config.describe import describe
from archlint.config.error import ConfigError, Origin
from archlint.config.reading import read_command_line, read_layer
from archlint.config.settings import TARGET
from archlint.errors import CannotRun
from archlint.target import (
    LOSSES,
    OPTIMIZERS,
    PRECISIONS,
    Checkpointing,
    Declared,
    FieldNeed,
    Requirements,
    Reserves,
    Target,
    Training,
)


def target(data: object) -> Target:
    return build_target([read_layer(data, Origin.DOCUMENT)], {})


def command_line(*assignments: str) -> Target:
    return build_target([read_command_line({}, (), assignments)], {})


FULL: dict[str, Any] = {
    "device": "nvidia-a100-40gb",
    "batch-size": 32,
    "dims": {"T": 128, "x.0": 2},
    "weights": "fresh",
    "context-length": 2048,
    "deploy-dtype": "int8",
    "runtime": "onnxruntime-nnapi",
    "runtime-operators": ["Conv", "com.microsoft:QLinearAdd"],
    "max-opset": 17,
    "max-ir-version": 8,
    "training": {
        "optimizer": "adam",
        "precision": "bf16-mixed",
        "loss": "cross-entropy",
        "input-gradient": True,
        "learning-rate": 1e-3,
        "betas": [0.9, 0.95],
        "weight-decay": 0.01,
        "epsilon": 1e-8,
        "steps": 100_000,
        "loss-scaling": "dynamic",
        "checkpointing": ["layers.*"],
        "accumulation-steps": 4,
        "clip-norm": 1,
        "ema": True,
        "sharding": "fsdp",
        "world-size": 8,
        "lora-rank": 16,
        "lora-targets": ["q_proj", "v_proj"],
    },
    "require": {
        "receptive-field": 128,
        "sample-rate": "16 kHz",
        "inference-memory": "512 MiB",
        "training-memory": "40 GiB",
        "weights": "2 MiB",
        "step-flops": "2 TFLOP",
        "step-time": "250 ms",
    },
    "declared": {"parameters": "25.56 M", "forward-flops": "8.18 GFLOP"},
}


def test_every_setting_of_the_contract_reaches_the_target() -> None:
    full = target(FULL)
    assert full.device is not None
    assert full.device.name == "nvidia-a100-40gb"
    assert full.batch_size == 32
    assert dict(full.dims) == {"T": 128, "x.0": 2}
    assert full.weights == "fresh"
    assert full.declared == Declared(25_560_000, 8_180_000_000)
    assert full.training == Training(
        optimizer="adam",
        precision="bf16-mixed",
        loss="cross-entropy",
        input_gradient=True,
        learning_rate=1e-3,
        betas=(0.9, 0.95),
        weight_decay=0.01,
        epsilon=1e-8,
        steps=100_000,
        loss_scaling="dynamic",
        checkpointing=Checkpointing(modules=("layers.*",)),
        accumulation_steps=4,
        clip_norm=1.0,
        ema=True,
        sharding="fsdp",
        world_size=8,
        lora_rank=16,
        lora_targets=("q_proj", "v_proj"),
    )
    assert full.require == Requirements(
        receptive_field=(FieldNeed(128),),
        sample_rate=16_000,
        inference_memory=512 * 2**20,
        training_memory=40 * 2**30,
        weights=2 * 2**20,
        step_flops=2 * 10**12,
        step_time=0.25,
    )


def test_nothing_stated_gives_the_defaults() -> None:
    assert target({}) == Target()


def test_each_setting_has_a_field_and_each_field_a_setting() -> None:
    keys = {setting.key for setting in TARGET.settings}
    fields = {
        f"{section}{field.replace('_', '-')}"
        for section, holder in (
            ("", Target),
            ("training.", Training),
            ("require.", Requirements),
            ("declared.", Declared),
            ("reserve.", Reserves),
        )
        for field in holder.__struct_fields__
    }
    assert keys == fields - {"training", "require", "declared", "reserve"}


def test_every_optimizer_and_precision_is_accepted() -> None:
    for optimizer in (
        "sgd", "sgd-momentum", "adam", "adamw", "adam-amsgrad", "rmsprop", "adagrad", "adadelta",
        "nadam", "adafactor", "lion",
    ):  # fmt: skip
        assert optimizer in OPTIMIZERS
    assert set(PRECISIONS) == {"fp32", "bf16-mixed", "fp16-mixed", "bf16", "fp16"}
    assert set(LOSSES) == {"cross-entropy", "mse", "none"}


def test_flat_and_nested_keys_give_the_same_target() -> None:
    flat = {"batch-size": 4, "optimizer": "adam", "precision": "bf16", "input-gradient": True}
    nested = {
        "training": {
            "batch-size": 4,
            "optimizer": "adam",
            "precision": "bf16",
            "input-gradient": True,
        }
    }
    assert target(flat) == target(nested)


def test_the_same_setting_twice_must_agree() -> None:
    assert target({"batch-size": 4, "training": {"batch-size": 4}}).batch_size == 4
    with pytest.raises(ConfigError, match="contradicts batch-size"):
        target({"batch-size": 4, "training": {"batch-size": 8}})


@pytest.mark.parametrize(
    ("data", "key", "said"),
    [
        ({"devise": "x"}, ("devise",), "did you mean 'device'"),
        ({"batch_size": 3}, ("batch_size",), "did you mean 'batch-size'"),
        ({"training": {"optimiser": 1}}, ("training", "optimiser"), "'training.optimizer'"),
        ({"require": {"optimizer": "sgd"}}, ("require", "optimizer"), "'training.optimizer'"),
        ({"trainng": {}}, ("trainng",), "did you mean 'training'"),
        ({"zzz": 1}, ("zzz",), "unknown setting"),
        ({1: 2}, ("1",), "unknown setting"),
        ({"training": {"optimizer": "adm"}}, ("training", "optimizer"), "did you mean 'adam'"),
        ({"training": {"optimizer": ["adam"]}}, ("training", "optimizer"), "not a list"),
        ({"training": 3}, ("training",), "expected a table"),
        ([], (), "expected a table"),
        (None, (), "expected a table"),
        ({"batch-size": 0}, ("batch-size",), "at least 1"),
        ({"batch-size": 1.5}, ("batch-size",), "whole number"),
        ({"batch-size": True}, ("batch-size",), "not true"),
        ({"batch-size": 2**64}, ("batch-size",), "whole number"),
        ({"batch-size": "9" * 5000}, ("batch-size",), "whole number"),
        ({"batch-size": None}, ("batch-size",), "not nothing"),
        ({"dims": {"T": -1}}, ("dims", "T"), "at least 1"),
        ({"dims": 3}, ("dims",), "expected a table"),
        ({"device": ""}, ("device",), "the name of a device"),
        ({"training": {"learning-rate": "fast"}}, ("training", "learning-rate"), "a number"),
        ({"training": {"learning-rate": float("nan")}}, ("training", "learning-rate"), "a number"),
        ({"training": {"learning-rate": float("inf")}}, ("training", "learning-rate"), "a number"),
        ({"training": {"betas": [0.9]}}, ("training", "betas"), "a list of 2"),
        ({"training": {"betas": [0.9, 9]}}, ("training", "betas", 1), "at least 0 and below 1"),
        ({"training": {"betas": [0.9, 1.0]}}, ("training", "betas", 1), "at least 0 and below 1"),
        ({"training": {"input-gradient": "yes"}}, ("training", "input-gradient"), "true or false"),
        ({"input-gradient": []}, ("input-gradient",), "true or false, not a list"),
        ({"require": {"weights": "2 Gb"}}, ("require", "weights"), "unknown unit 'Gb'"),
        ({"require": {"step-time": "2 GB"}}, ("require", "step-time"), "250 ms"),
        (
            {"training": {"optimizer": "adam", "momentum": 0.9}},
            ("training", "momentum"),
            "sgd-momentum",
        ),
    ],
)
def test_errors_name_the_key_and_what_was_expected(
    data: object, key: tuple[str | int, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_layer(data, Origin.DOCUMENT, Path("net.arch.yaml"))
    assert caught.value.key == key
    assert caught.value.origin is Origin.DOCUMENT
    assert str(caught.value).startswith("net.arch.yaml: ")


def test_a_wrong_setting_ends_the_run() -> None:
    assert issubclass(ConfigError, CannotRun)


def test_assignments_by_full_and_by_bare_key() -> None:
    assert command_line("training.loss=mse") == command_line("loss=mse")
    assert command_line("loss=mse").training.loss == "mse"
    assert command_line("require.step-flops=2 TFLOP").require.step_flops == 2 * 10**12
    assert command_line("betas=0.9,0.95").training.betas == (0.9, 0.95)
    assert command_line("input-gradient=true").training.input_gradient is True
    assert command_line("batch-size=32").batch_size == 32
    assert command_line("steps=100 k").training.steps == 100_000
    assert command_line("dims.T=8", "dims.x.0=2").dims == {"T": 8, "x.0": 2}
    assert command_line("dims=T=8,S=9").dims == {"T": 8, "S": 9}
    assert command_line("receptive-field.y=31").require.receptive_field == (FieldNeed(31, "y"),)


def test_a_key_that_two_settings_have_needs_its_section() -> None:
    assert command_line("weights=fresh").weights == "fresh"
    assert command_line("require.weights=2 MiB").require.weights == 2 * 2**20


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("loss", "expected KEY=VALUE"),
        ("=mse", "expected KEY=VALUE"),
        ("loss=", "expected KEY=VALUE"),
        ("los=mse", "did you mean 'training.loss'"),
        ("loss=msee", "did you mean 'mse'"),
        ("batch-size=many", "whole number"),
        ("device.name=x", "the name of a device"),
    ],
)
def test_set_rejects_invalid_assignments(assignment: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_command_line({}, (), [assignment])
    assert caught.value.origin is Origin.COMMAND_LINE


def test_flags_and_dims_of_the_command_line() -> None:
    layer = read_command_line(
        {"device": None, "batch-size": "16", "optimizer": "sgd", "input-gradient": True},
        ["T=128", "images.0=2", "a=b=3"],
    )
    built = build_target([layer], {})
    assert built.device is None
    assert built.batch_size == 16
    assert built.training == Training(optimizer="sgd", input_gradient=True)
    assert built.dims == {"T": 128, "images.0": 2, "a=b": 3}
    for wrong in ("T", "T=", "=3", "T=x"):
        with pytest.raises(ConfigError):
            read_command_line({}, [wrong])


def test_later_layers_win_setting_by_setting_and_name_by_name() -> None:
    layers = [
        read_layer({"batch-size": 1, "dims": {"T": 1, "S": 1}, "optimizer": "sgd"}, Origin.FILE),
        read_layer({"dims": {"T": 2}, "training": {"optimizer": "adam"}}, Origin.DOCUMENT),
        read_command_line({"optimizer": "lion"}),
    ]
    merged = build_target(layers, {})
    assert (merged.batch_size, merged.training.optimizer) == (1, "lion")
    assert merged.dims == {"T": 2, "S": 1}


def test_a_left_over_momentum_is_no_contradiction() -> None:
    layers = [
        read_layer({"optimizer": "sgd-momentum", "training": {"momentum": 0.9}}, Origin.FILE),
        read_command_line({"optimizer": "adam"}),
    ]
    assert build_target(layers, {}).training.optimizer == "adam"


def test_an_unknown_device_says_who_named_it() -> None:
    layers = [
        read_layer({"device": "nvidia-t4"}, Origin.FILE),
        read_layer({"device": "nvidia-t5"}, Origin.DOCUMENT, Path("m.arch.yaml")),
        read_command_line({"batch-size": 1}),
    ]
    with pytest.raises(ConfigError, match="did you mean 'nvidia-t4'") as caught:
        build_target(layers, {})
    assert (caught.value.origin, caught.value.path) == (Origin.DOCUMENT, Path("m.arch.yaml"))


@pytest.mark.parametrize(
    ("stated", "needed"),
    [
        ({"lora-targets": ["q_proj"]}, "lora-rank"),
        ({"world-size": 8}, "sharding"),
        ({"sharding": "zero-3"}, "world-size"),
        ({"bucket-views": True, "sharding": "fsdp", "world-size": 2}, "ddp"),
    ],
)
def test_settings_without_effect_are_rejected(stated: dict[str, Any], needed: str) -> None:
    with pytest.raises(ConfigError, match=f"has no effect without .*{needed}") as caught:
        target({"training": stated})
    assert caught.value.key == ("training", next(iter(stated)))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (1, Checkpointing(1)),
        ("2", Checkpointing(2)),
        (0, None),
        ("layers.*", Checkpointing(modules=("layers.*",))),
        (["down.*", "up.*"], Checkpointing(modules=("down.*", "up.*"))),
    ],
)
def test_checkpointing_takes_a_number_or_modules(
    written: object, read: Checkpointing | None
) -> None:
    assert target({"training": {"checkpointing": written}}).training.checkpointing == read


@pytest.mark.parametrize("written", [True, -1, "-1", [], "", {"every": 1}, [3]])
def test_what_cannot_be_checkpointed(written: object) -> None:
    with pytest.raises(ConfigError):
        target({"training": {"checkpointing": written}})


def test_a_described_target_reads_as_itself() -> None:
    full = target(FULL)
    described = describe(full)
    stated = {
        key: {name: each for name, each in value.items() if each is not None}
        if isinstance(value, dict)
        else value
        for key, value in described.items()
        if value is not None
    }
    assert target(stated) == full
    assert describe(Target())["training"] == {
        **dict.fromkeys(described["training"]),  # type: ignore[call-overload]
        "precision": "fp32",
        "accumulation-steps": 1,
        "world-size": 1,
        **dict.fromkeys(("input-gradient", "ema", "master-weights", "bucket-views"), False),
    }


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([name for each in TARGET.settings for name in each.key.split(".")])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_any_plain_data_is_read_or_refused(data: object) -> None:
    try:
        built = build_target([read_layer(data, Origin.DOCUMENT)], {})
    except ConfigError:
        return
    assert isinstance(built, Target)
