"""Builds a `Target` from merged settings."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from archlint.config.error import ConfigError
from archlint.config.layer import Layer, merge
from archlint.devices.device import Device
from archlint.target import Declared, Requirements, Reserves, Target, Training

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archlint.config.look_ahead import StatedLookAhead
    from archlint.config.receptive_field import StatedField

_SECTIONS = ("training", "require", "declared", "reserve")


def build_target(layers: Iterable[Layer], devices: Mapping[str, Device]) -> Target:
    """Return the target that `layers` state together; later layers win over earlier ones.

    `devices` are searched before the catalogue. Raises `ConfigError` for an unknown device, and for
    settings that have no effect without another one.
    """
    stated = tuple(layers)
    merged = merge(stated)
    sections = {section: _fields(merged, f"{section}.") for section in _SECTIONS}
    own = {key: value for key, value in merged.items() if "." not in key}
    dims: Any = own.pop("dims", {})
    return Target(
        **_fields(own | {"device": known_device(stated, devices)}),
        dims=MappingProxyType(dims),
        training=_training(sections["training"], stated),
        require=_requirements(sections["require"], stated),
        declared=Declared(**sections["declared"]),
        reserve=Reserves(**sections["reserve"]),
    )


def _fields(values: Mapping[str, object], section: str = "") -> dict[str, Any]:
    """Return the values of one section, by the names of their fields."""
    return {
        key.removeprefix(section).replace("-", "_"): value
        for key, value in values.items()
        if key.startswith(section)
    }


def _training(fields: dict[str, Any], layers: tuple[Layer, ...]) -> Training:
    """Return the training settings; raises for a setting without effect."""
    training = Training(**fields)
    spreads = training.sharding not in {None, "ddp"}
    for key, is_idle, needed in (
        ("lora-targets", training.lora_targets and training.lora_rank is None, "lora-rank"),
        ("sharding", spreads and training.world_size == 1, "world-size"),
        ("world-size", training.world_size > 1 and training.sharding is None, "sharding"),
        ("bucket-views", training.bucket_views and training.sharding != "ddp", 'sharding = "ddp"'),
    ):
        if is_idle:
            error = ConfigError(
                f"{key} has no effect without {needed}",
                key=("training", key),
                help=f"state training.{needed} too",
            )
            raise _placed(error, layers)
    return training


def _requirements(fields: dict[str, Any], layers: tuple[Layer, ...]) -> Requirements:
    written: tuple[StatedField, ...] = fields.pop("receptive_field", ())
    stated: StatedLookAhead | None = fields.pop("look_ahead", None)
    rate = fields.get("sample_rate")
    try:
        needs = tuple(each.need(rate) for each in written)
        ahead = None if stated is None else stated.at(rate)
    except ConfigError as error:
        raise _placed(error, layers) from None
    return Requirements(receptive_field=needs, look_ahead=ahead, **fields)


def known_device(layers: Iterable[Layer], devices: Mapping[str, Device]) -> Device | None:
    """Return the device that `layers` state, None without one.

    `devices` are searched before the catalogue. Raises `ConfigError` for an unknown one.
    """
    stated = tuple(layers)
    name = merge(stated).get("device")
    if name is None:
        return None
    from archlint.devices.catalogue import UnknownDevice, find_device

    try:
        return find_device(str(name), devices)
    except UnknownDevice as error:
        raise _placed(ConfigError(str(error), key=("device",)), stated) from None


def _placed(error: ConfigError, layers: tuple[Layer, ...]) -> ConfigError:
    """Attach the origin of the setting that `error` is about: the last layer that stated it."""
    key = ".".join(str(part) for part in error.key)
    layer = next(layer for layer in reversed(layers) if key in layer)
    return error.below(*layer.section).written_in(layer.origin, layer.path)
