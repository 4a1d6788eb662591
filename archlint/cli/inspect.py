"""Print the facts about a model: layers, work, memory, receptive fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import project_options, streams, target_options
from archlint.cli.fields import views

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from archlint.engine.loaded import LoadedFile
    from archlint.model import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("file", metavar="FILE", help="a model")
    target_options.add_arguments(parser)
    project_options.add_arguments(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument(
        "--tensor",
        metavar="NAME",
        action="append",
        default=[],
        help="show the receptive field of this tensor too; may be repeated",
    )
    parser.add_argument(
        "--all-tensors",
        action="store_true",
        help="show it for every tensor; text then lists nodes that only prepare shapes or weights",
    )
    views.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print the facts; 1 where the file cannot be read, or a verification fails."""
    from pathlib import Path

    from archlint.engine.inspection import open_model
    from archlint.report.outcome import Outcome

    path = Path(options.file)
    layer = target_options.read_target(options)
    project = project_options.open_project(options, [path], layer)
    project.check([path])
    loaded = open_model(path, project)
    if isinstance(loaded, Outcome):
        from archlint.report.text import TextReporter

        streams.answer(TextReporter().render(loaded, color=streams.colored()))
        return 1
    _note_unmatched(loaded)
    model = loaded.model
    if views.asked(options):
        _check_names([options.explain] if options.explain else [], model)
        return views.answer(options, model)
    streams.answer(_render(options, model))
    return 0


def _note_unmatched(loaded: LoadedFile) -> None:
    """Report names in the target that match nothing, so that they have no effect."""
    from archlint.engine.unmatched import unmatched

    for finding in unmatched(loaded):
        streams.note(f"archlint: {finding.message} ({finding.help})")


def _render(options: argparse.Namespace, model: Model) -> str:
    from archlint.report.facts import facts_document

    _check_names(options.tensor, model)
    if options.format == "text":
        from archlint.cli.summary.layers import layers
        from archlint.cli.summary.summary import summary

        facts = facts_document(model, all_tensors=True)
        nodes = facts["nodes"] if options.all_tensors else layers(facts["nodes"], model)
        return summary(facts, nodes, model.binding_flags())
    import json

    document = facts_document(model, tensors=options.tensor, all_tensors=options.all_tensors)
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _check_names(names: Sequence[str], model: Model) -> None:
    """Raise `CannotRun` for a tensor that the model does not have."""
    from archlint.errors import CannotRun, did_you_mean

    for name in names:
        if name not in model.graph.values:
            node = model.graph.by_name.get(name)
            made = f": that is a node, which makes {node.output!r}" if node is not None else ""
            near = made or did_you_mean(name, model.graph.values)
            raise CannotRun(f"{model.path}: no tensor is called {name!r}{near}")
