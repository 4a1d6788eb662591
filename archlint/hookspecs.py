"""The hooks of the plugin API; each is called once per run.

Pluggy registers and archlint's own loops dispatch: a hook call is several times slower than a
loop, so there is no hook a model, a node or a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.frontends.frontend import Frontend
    from archlint.ops.operator import Operator
    from archlint.report.reporter import Reporter
    from archlint.rule import Rule
    from archlint.target import Device

hookspec = pluggy.HookspecMarker("archlint")
hookimpl = pluggy.HookimplMarker("archlint")


@hookspec
def archlint_rules() -> Iterable[type[Rule]]:
    """Return rule classes."""
    raise NotImplementedError


@hookspec
def archlint_ops() -> Iterable[Operator]:
    """Return operators: what a node computes, keeps, sees and does to variance."""
    raise NotImplementedError


@hookspec
def archlint_frontends() -> Iterable[Frontend]:
    """Return front ends: readers of further file formats."""
    raise NotImplementedError


@hookspec
def archlint_devices() -> Iterable[Device]:
    """Return devices, to be named by `--device`."""
    raise NotImplementedError


@hookspec
def archlint_reporters() -> Iterable[Reporter]:
    """Return reporters, to be named by `--format`."""
    raise NotImplementedError
