"""Reports names in the target that match nothing in the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.engine.own_rules import UnknownDimension, UnknownModule
from archlint.errors import did_you_mean
from archlint.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.engine.loaded import LoadedFile
    from archlint.findings import Finding
    from archlint.model import Model

_SHOWN_MODULES = 5


def unmatched(loaded: LoadedFile) -> Iterator[Finding]:
    """Yield a finding for each name in the target that matches nothing in the model."""
    yield from _dimensions(loaded, UnknownDimension())
    yield from _modules(loaded.model, UnknownModule())


def _dimensions(loaded: LoadedFile, rule: UnknownDimension) -> Iterator[Finding]:
    """Yield a finding for each stated size without a matching dimension.

    It is a warning where the file itself states the size, which otherwise may be for other files.
    """
    graph = loaded.model.graph
    dims = [dim for name in graph.inputs for dim in graph.values[name].shape or ()]
    symbols = list(dict.fromkeys(dim for dim in dims if isinstance(dim, str)))
    for name in graph.unused_bindings:
        stated = loaded.path_of_dimension(name)
        yield rule.finding(
            f"no input has a dimension {name!r}{did_you_mean(name, symbols)}",
            path=stated,
            severity=None if stated is None else Severity.WARNING,
            help=f"open dimensions: {', '.join(symbols)}" if symbols else "no dimension is open",
        )


def _modules(model: Model, rule: UnknownModule) -> Iterator[Finding]:
    """Yield a finding for each pattern that matches no module, and for blocks that do not exist."""
    facts = model.facts
    for setting, pattern in facts.unmatched_patterns:
        names = ", ".join(facts.training_step.module_names[:_SHOWN_MODULES])
        yield rule.finding(
            f"{setting} names {pattern}, which matches nothing in the model",
            path=("target", *setting.split(".")),
            help=f"it has {names}, ..." if names else "the file names no modules",
        )
    how = facts.target.training.checkpointing
    if how is not None and not how.modules and not facts.blocks.found:
        yield rule.finding(
            f"training.checkpointing = {how.every} counts blocks, but no module is repeated",
            path=("target", "training", "checkpointing"),
            help='name the modules: training.checkpointing = ["encoder", "decoder"]',
        )
