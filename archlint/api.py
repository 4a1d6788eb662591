"""The public API: the only module that a plugin should import, since all others may change.

A rule needs `Rule` and `hookimpl`: it receives a `Model` and yields `Finding`s. A front end raises
`unreadable(message)` for a file that it cannot read. Most names are imported on first access, which
keeps `import archlint.api` cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from archlint.findings import Edit, Finding, Fix, Place, Severity
from archlint.hookspecs import hookimpl
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
    from archlint.analysis.facts import Facts
    from archlint.analysis.formulas.composed import Composed
    from archlint.analysis.formulas.formula import Formula
    from archlint.analysis.formulas.largest_size import Largest
    from archlint.analysis.initialization.distribution import Distribution
    from archlint.analysis.initialization.initialization import Layer
    from archlint.analysis.parameters.parameters import Parameter
    from archlint.analysis.receptive_field.field import Field
    from archlint.analysis.receptive_field.gridding import Grid
    from archlint.analysis.receptive_field.joins import Join
    from archlint.analysis.receptive_field.overlap import Overlap
    from archlint.analysis.receptive_field.path import Step
    from archlint.analysis.receptive_field.receptive_fields import Extent, ReceptiveFields
    from archlint.analysis.receptive_field.windows import Window
    from archlint.analysis.signal.gain import accepted_gains, gain, leak
    from archlint.analysis.signal.output_range import bounds, lies_within, returns_input
    from archlint.analysis.signal.plain_chain import plain_chain
    from archlint.analysis.signal.segments import Branch
    from archlint.analysis.structure.dead_channels import DeadChannels
    from archlint.analysis.structure.ends import Kind
    from archlint.analysis.structure.newer_operators import newer_operators
    from archlint.analysis.structure.partition import Partition
    from archlint.analysis.structure.quantization import CoarseChannels, Outlier
    from archlint.analysis.structure.stated_numbers import NumberRange
    from archlint.analysis.structure.usage import DeadEnd
    from archlint.analysis.training.optimizer_dynamics import Adam, Momentum, equal_rate
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
    from archlint.ops.denominators import Denominator, Epsilon
    from archlint.ops.effect import (
        Activates,
        Attends,
        Combines,
        Holds,
        LooksUp,
        MeasuresLoss,
        Normalizes,
        Operation,
        Over,
        Passes,
        Pools,
        Recurs,
        Shares,
        Sums,
    )
    from archlint.ops.fan import Fan
    from archlint.ops.infinity import Ending, Fate
    from archlint.ops.operator import Operator
    from archlint.ops.saved import Gradients, SavedTensors
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
    from archlint.sources.problem import Problem, Unreadable, unreadable
    from archlint.sources.problem_kind import ProblemKind
    from archlint.sources.statistics import Statistics

__all__ = [
    "Activates",
    "Adam",
    "Amount",
    "Attends",
    "Branch",
    "Call",
    "Casting",
    "Checkpointing",
    "CoarseChannels",
    "Combines",
    "Composed",
    "Cost",
    "DType",
    "DeadChannels",
    "DeadEnd",
    "Denominator",
    "Device",
    "Distribution",
    "Edit",
    "Ending",
    "Epsilon",
    "Extent",
    "Facts",
    "Fan",
    "Fate",
    "Field",
    "FieldNeed",
    "Finding",
    "Fix",
    "Formula",
    "Frontend",
    "Gradients",
    "Graph",
    "Grid",
    "Holds",
    "Join",
    "Kind",
    "Largest",
    "Layer",
    "Lists",
    "LooksUp",
    "MeasuresLoss",
    "Model",
    "Momentum",
    "Node",
    "Normalizes",
    "NumberRange",
    "Operation",
    "Operator",
    "Outcome",
    "Outlier",
    "Over",
    "Overlap",
    "Parameter",
    "Partition",
    "Passes",
    "Payload",
    "Place",
    "Pools",
    "Problem",
    "ProblemKind",
    "ReceptiveFields",
    "Recurs",
    "Reporter",
    "Requirements",
    "Role",
    "Rule",
    "SavedTensors",
    "Severity",
    "Shares",
    "Sliding",
    "Sourced",
    "Statistics",
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
    "bounds",
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
    "lies_within",
    "newer_operators",
    "output_size",
    "plain_chain",
    "returns_input",
    "sliding_windows",
    "unreadable",
]

_EXPORTS = {
    "archlint.analysis.amount": ("Amount", "Unknown"),
    "archlint.analysis.initialization.distribution": ("Distribution",),
    "archlint.analysis.facts": ("Facts",),
    "archlint.analysis.parameters.parameters": ("Parameter",),
    "archlint.analysis.receptive_field.field": ("Field",),
    "archlint.analysis.receptive_field.path": ("Step",),
    "archlint.analysis.structure.dead_channels": ("DeadChannels",),
    "archlint.analysis.structure.ends": ("Kind",),
    "archlint.analysis.formulas.composed": ("Composed",),
    "archlint.analysis.formulas.formula": ("Formula",),
    "archlint.analysis.signal.gain": ("accepted_gains", "gain", "leak"),
    "archlint.analysis.receptive_field.gridding": ("Grid",),
    "archlint.analysis.initialization.initialization": ("Layer",),
    "archlint.analysis.receptive_field.joins": ("Join",),
    "archlint.analysis.formulas.largest_size": ("Largest",),
    "archlint.analysis.training.optimizer_dynamics": ("Adam", "Momentum", "equal_rate"),
    "archlint.analysis.receptive_field.overlap": ("Overlap",),
    "archlint.analysis.receptive_field.receptive_fields": ("Extent", "ReceptiveFields"),
    "archlint.analysis.signal.output_range": ("bounds", "lies_within", "returns_input"),
    "archlint.analysis.signal.plain_chain": ("plain_chain",),
    "archlint.analysis.signal.segments": ("Branch",),
    "archlint.analysis.structure.newer_operators": ("newer_operators",),
    "archlint.analysis.structure.partition": ("Partition",),
    "archlint.analysis.structure.quantization": ("CoarseChannels", "Outlier"),
    "archlint.analysis.structure.stated_numbers": ("NumberRange",),
    "archlint.analysis.structure.usage": ("DeadEnd",),
    "archlint.analysis.receptive_field.windows": ("Window",),
    "archlint.devices.catalogue": ("catalogue",),
    "archlint.frontends.frontend": ("Frontend",),
    "archlint.graph.dtype": ("DType",),
    "archlint.graph.graph": ("Graph",),
    "archlint.graph.node": ("Node",),
    "archlint.graph.value": ("Role", "Value"),
    "archlint.graph.weight": ("Weight",),
    "archlint.model": ("Model",),
    "archlint.ops.autocast": ("Casting", "Lists", "casts"),
    "archlint.ops.call": ("Call",),
    "archlint.ops.cost": ("Cost",),
    "archlint.ops.denominators": ("Denominator", "Epsilon"),
    "archlint.ops.effect": (
        "Activates",
        "Attends",
        "Combines",
        "Holds",
        "MeasuresLoss",
        "LooksUp",
        "Normalizes",
        "Operation",
        "Over",
        "Passes",
        "Pools",
        "Recurs",
        "Shares",
        "Sums",
    ),
    "archlint.ops.fan": ("Fan",),
    "archlint.ops.infinity": ("Ending", "Fate"),
    "archlint.ops.saved": ("Gradients", "SavedTensors"),
    "archlint.ops.operator": ("Operator",),
    "archlint.ops.sliding": ("Sliding", "check_window", "output_size", "sliding_windows"),
    "archlint.ops.undetermined": ("Undetermined",),
    "archlint.quantity": (
        "format_bytes",
        "format_count",
        "format_flops",
        "format_macs",
        "format_seconds",
        "format_share",
    ),
    "archlint.report.outcome": ("Outcome",),
    "archlint.report.reporter": ("Reporter",),
    "archlint.sources.payload": ("Payload",),
    "archlint.sources.problem": ("Problem", "Unreadable", "unreadable"),
    "archlint.sources.problem_kind": ("ProblemKind",),
    "archlint.sources.statistics": ("Statistics",),
}
"""Names that are imported on first access, by module; type checkers need them above as well."""

_HOMES = {name: module for module, names in _EXPORTS.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a name from the module that defines it, on first access."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
