"""Reads a layer of settings from flags, a configuration table or a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from archlint.config.error import ConfigError, Errors, Origin
from archlint.config.layer import Layer, merge_value
from archlint.config.settings import TARGET

if TYPE_CHECKING:
    from pathlib import Path


def read_layer(data: object, origin: Origin, path: Path | None = None) -> Layer:
    """Read the target settings in nested plain data, as TOML or YAML gives them.

    Raises `ConfigError` for all settings that are unknown, wrong or contradictory.
    """
    errors = Errors()
    layer = read_layer_on(data, errors, origin, path)
    errors.check(origin, path)
    return layer


def read_layer_on(data: object, errors: Errors, origin: Origin, path: Path | None = None) -> Layer:
    """Read like `read_layer`; `errors` collects problems."""
    layer = Layer(origin, TARGET.read_on(data, errors), path)
    with errors.at():
        _check_momentum(layer)
    return layer


def target_layer(values: Mapping[str, object], origin: Origin, path: Path | None = None) -> Layer:
    """Return the target settings among typed `values`. Raises `ConfigError` where they clash."""
    layer = Layer(origin, {key: value for key, value in values.items() if TARGET.find(key)}, path)
    _check_momentum(layer)
    return layer


def read_command_line(
    flags: Mapping[str, object], dims: Iterable[str] = (), assignments: Iterable[str] = ()
) -> Layer:
    """Read what the command line states.

    `flags` are values by the names of their flags (None: not given), `dims` the `NAME=N` of
    `--dim`, `assignments` the `KEY=VALUE` of `--set`, where KEY is a full dotted key, or a bare
    one that only one setting has. Raises `ConfigError`, as `read_layer` does.
    """
    errors = Errors()
    values = TARGET.read_on(
        {name: value for name, value in flags.items() if value is not None}, errors
    )
    for text in dims:
        with errors.at():
            name, value = _split_assignment(text, "NAME=N", at_last=True)
            _state(values, "dims", {name: value})
    for text in assignments:
        with errors.at():
            key, value = _split_assignment(text, "KEY=VALUE")
            _assign(values, key, value)
    layer = Layer(Origin.COMMAND_LINE, values)
    with errors.at():
        _check_momentum(layer)
    errors.check(Origin.COMMAND_LINE)
    return layer


def _assign(values: dict[str, object], key: str, value: str) -> None:
    """Read one `KEY=VALUE`; `dims.NAME=N` states one entry of a table."""
    for setting in TARGET.settings:
        for name in (*setting.keys, setting.bare):
            if key.startswith(f"{name}."):
                _state(values, setting.key, {key.removeprefix(f"{name}."): value})
                return
    _state(values, key, value)


def _state(values: dict[str, object], key: str, value: object) -> None:
    setting = TARGET.look_up(key)
    try:
        read = setting.kind.read(value)
    except ConfigError as error:
        raise error.below(*setting.key.split(".")) from None
    merge_value(values, setting.key, read)


def _split_assignment(text: str, form: str, *, at_last: bool = False) -> tuple[str, str]:
    name, equals, value = text.rpartition("=") if at_last else text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ConfigError(f"expected {form}, not {text!r}")
    return name.strip(), value.strip()


def _check_momentum(layer: Layer) -> None:
    """Reject a momentum with an optimizer that has none: it would be ignored.

    This is checked within one layer only: a momentum from the configuration is no mistake where
    the command line selects another optimizer.
    """
    optimizer = layer.values.get("training.optimizer", "sgd-momentum")
    if layer.values.get("training.momentum") and optimizer != "sgd-momentum":
        raise ConfigError(
            f"momentum is a setting of sgd-momentum, not of {optimizer}",
            key=("training", "momentum"),
        )
