"""The only module that a plugin imports: everything else in archlint may change.

A rule needs `Rule` and `hookimpl`; what it is given is a `Model`, what it yields are `Finding`s.
Types that only annotations need are loaded when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from archlint.findings import Edit, Finding, Fix, Place, Severity
from archlint.hookspecs import hookimpl
from archlint.record import record
from archlint.rule import Rule
from archlint.target import (
    Checkpointing,
    Device,
    FieldNeed,
    Requirements,
    Sourced,
    Target,
    Training,
)

if TYPE_CHECKING:
    from archlint.analysis.amount import Amount, Unknown
    from archlint.analysis.distribution import Distribution
    from archlint.analysis.facts import Facts
    from archlint.analysis.field import Field
    from archlint.analysis.field_path import Step
    from archlint.analysis.flow import Kind
    from archlint.analysis.formula import Formula
    from archlint.analysis.gain import accepted_gains, gain, leak
    from archlint.analysis.gridding import Grid
    from archlint.analysis.initialization import Layer
    from archlint.analysis.joins import Join
    from archlint.analysis.largest_size import Largest
    from archlint.analysis.optimizer_dynamics import Adam, Momentum, equal_rate
    from archlint.analysis.overlap import Overlap
    from archlint.analysis.receptive_field import Extent, ReceptiveFields
    from archlint.analysis.segments import Branch
    from archlint.analysis.usage import DeadEnd
    from archlint.analysis.windows import Window
    from archlint.devices.catalogue import catalogue
    from archlint.frontends.frontend import Frontend
    from archlint.graph.dtype import DType
    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.graph.value import Role, Value
    from archlint.graph.weight import Weight
    from archlint.model import Model
    from archlint.ops.autocast import Casting, Lists, casts
    from archlint.ops.call import Call
    from archlint.ops.cost import Cost
    from archlint.ops.effect import Activates, Attends, LooksUp, Normalizes, Over, Passes, Sums
    from archlint.ops.fan import Fan
    from archlint.ops.kept import Gradients, Kept
    from archlint.ops.operator import Operator
    from archlint.ops.sliding import Sliding, check_window, output_size, sliding_windows
    from archlint.ops.undetermined import Undetermined
    from archlint.quantity import (
        format_bytes,
        format_count,
        format_flops,
        format_macs,
        format_seconds,
        format_share,
    )
    from archlint.report.outcome import Outcome
    from archlint.report.reporter import Reporter
    from archlint.sources.payload import Payload
    from archlint.sources.problem import Unreadable

__all__ = [
    "Activates",
    "Adam",
    "Amount",
    "Attends",
    "Branch",
    "Call",
    "Casting",
    "Checkpointing",
    "Cost",
    "DType",
    "DeadEnd",
    "Device",
    "Distribution",
    "Edit",
    "Extent",
    "Facts",
    "Fan",
    "Field",
    "FieldNeed",
    "Finding",
    "Fix",
    "Formula",
    "Frontend",
    "Gradients",
    "Graph",
    "Grid",
    "Join",
    "Kept",
    "Kind",
    "Largest",
    "Layer",
    "Lists",
    "LooksUp",
    "Model",
    "Momentum",
    "Node",
    "Normalizes",
    "Operator",
    "Outcome",
    "Over",
    "Overlap",
    "Passes",
    "Payload",
    "Place",
    "ReceptiveFields",
    "Reporter",
    "Requirements",
    "Role",
    "Rule",
    "Severity",
    "Sliding",
    "Sourced",
    "Step",
    "Sums",
    "Target",
    "Training",
    "Undetermined",
    "Unknown",
    "Unreadable",
    "Value",
    "Weight",
    "Window",
    "accepted_gains",
    "casts",
    "catalogue",
    "check_window",
    "equal_rate",
    "format_bytes",
    "format_count",
    "format_flops",
    "format_macs",
    "format_seconds",
    "format_share",
    "gain",
    "hookimpl",
    "leak",
    "output_size",
    "record",
    "sliding_windows",
]

_HOMES = {
    "Activates": "archlint.ops.effect",
    "Adam": "archlint.analysis.optimizer_dynamics",
    "Amount": "archlint.analysis.amount",
    "Attends": "archlint.ops.effect",
    "Branch": "archlint.analysis.segments",
    "Call": "archlint.ops.call",
    "Casting": "archlint.ops.autocast",
    "Cost": "archlint.ops.cost",
    "DType": "archlint.graph.dtype",
    "DeadEnd": "archlint.analysis.usage",
    "Distribution": "archlint.analysis.distribution",
    "Extent": "archlint.analysis.receptive_field",
    "Facts": "archlint.analysis.facts",
    "Fan": "archlint.ops.fan",
    "Field": "archlint.analysis.field",
    "Formula": "archlint.analysis.formula",
    "Frontend": "archlint.frontends.frontend",
    "Gradients": "archlint.ops.kept",
    "Graph": "archlint.graph.graph",
    "Grid": "archlint.analysis.gridding",
    "Join": "archlint.analysis.joins",
    "Kept": "archlint.ops.kept",
    "Kind": "archlint.analysis.flow",
    "Largest": "archlint.analysis.largest_size",
    "Layer": "archlint.analysis.initialization",
    "Lists": "archlint.ops.autocast",
    "LooksUp": "archlint.ops.effect",
    "Model": "archlint.model",
    "Momentum": "archlint.analysis.optimizer_dynamics",
    "Node": "archlint.graph.node",
    "Normalizes": "archlint.ops.effect",
    "Operator": "archlint.ops.operator",
    "Outcome": "archlint.report.outcome",
    "Over": "archlint.ops.effect",
    "Overlap": "archlint.analysis.overlap",
    "Passes": "archlint.ops.effect",
    "Payload": "archlint.sources.payload",
    "ReceptiveFields": "archlint.analysis.receptive_field",
    "Reporter": "archlint.report.reporter",
    "Role": "archlint.graph.value",
    "Sliding": "archlint.ops.sliding",
    "Step": "archlint.analysis.field_path",
    "Sums": "archlint.ops.effect",
    "Undetermined": "archlint.ops.undetermined",
    "Unknown": "archlint.analysis.amount",
    "Unreadable": "archlint.sources.problem",
    "Value": "archlint.graph.value",
    "Weight": "archlint.graph.weight",
    "Window": "archlint.analysis.windows",
    "accepted_gains": "archlint.analysis.gain",
    "casts": "archlint.ops.autocast",
    "catalogue": "archlint.devices.catalogue",
    "equal_rate": "archlint.analysis.optimizer_dynamics",
    "format_bytes": "archlint.quantity",
    "format_count": "archlint.quantity",
    "format_flops": "archlint.quantity",
    "format_macs": "archlint.quantity",
    "format_seconds": "archlint.quantity",
    "format_share": "archlint.quantity",
    "gain": "archlint.analysis.gain",
    "leak": "archlint.analysis.gain",
    "output_size": "archlint.ops.sliding",
    "check_window": "archlint.ops.sliding",
    "sliding_windows": "archlint.ops.sliding",
}


def __getattr__(name: str) -> object:
    """Load a type from its home when a plugin first asks for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
