"""The hooks of the plugin API; each is called once per run.

A hook call is several times slower than a loop, so there is no hook per model, node or finding:
pluggy only collects the contributions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.devices.device import Device
    from archlint.frontends.frontend import Frontend
    from archlint.ops.operator import Operator
    from archlint.report.reporter import Reporter
    from archlint.rule import Rule

hookspec = pluggy.HookspecMarker("archlint")
hookimpl = pluggy.HookimplMarker("archlint")


@hookspec
def archlint_rules() -> Iterable[type[Rule]]:
    """Return rule classes."""
    raise NotImplementedError


@hookspec
def archlint_ops() -> Iterable[Operator]:
    """Return operators: their cost, saved tensors, receptive-field links and effect on variance."""
    raise NotImplementedError


@hookspec
def archlint_frontends() -> Iterable[Frontend]:
    """Return front ends: readers of further file formats."""
    raise NotImplementedError


@hookspec
def archlint_devices() -> Iterable[Device]:
    """Return devices, which `--device` selects by name."""
    raise NotImplementedError


@hookspec
def archlint_reporters() -> Iterable[Reporter]:
    """Return reporters, which `--format` selects by name."""
    raise NotImplementedError
