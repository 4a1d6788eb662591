"""The options of `archlint inspect` that select a detailed view, and their handlers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlint.cli import streams

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from archlint.model import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("fields and signals, instead of the table of layers")
    group.add_argument(
        "--explain", metavar="TENSOR", help="show the layers that make the field of a tensor"
    )
    group.add_argument(
        "--at", metavar="TENSOR[i,j]", help="show the box of the input that one element reads"
    )
    group.add_argument(
        "--halo", action="store_true", help="show the overlap that exact tiling needs"
    )
    group.add_argument(
        "--signal",
        action="store_true",
        help="show the second moment at initialization layer by layer, and where it drifts",
    )
    group.add_argument(
        "--plot",
        metavar="FILE",
        help="draw the growth of the field, or with --signal the signal, as .png or .svg",
    )
    group.add_argument(
        "--verify",
        action="store_true",
        help="run the model in onnxruntime, change its inputs, and compare",
    )


def asked(options: argparse.Namespace) -> bool:
    """Whether one of the options was given."""
    return bool(
        options.explain
        or options.at
        or options.halo
        or options.signal
        or options.plot
        or options.verify
    )


def answer(options: argparse.Namespace, model: Model) -> int:
    """Print what was asked for; 1 where the verification found a disagreement."""
    from archlint.cli.fields import at, explain, tiling

    documents: dict[str, Any] = {}
    texts = []
    if options.explain:
        documents["explain"] = explain.document(model, options.explain)
        texts.append(explain.text(documents["explain"]))
    if options.at:
        documents["at"] = at.document(model, options.at)
        texts.append(at.text(documents["at"]))
    if options.halo:
        documents["halo"] = tiling.document(model)
        texts.append(tiling.text(documents["halo"]))
    if options.signal:
        from archlint.cli.signal import table

        documents["signal"] = table.document(model, every=options.all_tensors)
        texts.append(table.text(documents["signal"], model))
    if options.plot:
        _draw(options, model, documents)
        documents["plot"] = options.plot
        texts.append(f"drawn in {options.plot}\n")
    if options.verify:
        from archlint.cli.fields import verified

        documents["verify"] = verified.document(model, every=options.all_tensors)
        texts.append(verified.text(documents["verify"]))
    if options.format == "json":
        import json

        streams.answer(json.dumps({"file": str(model.path), **documents}, indent=1) + "\n")
    else:
        streams.answer("\n".join(texts))
    return int(bool(documents.get("verify", {}).get("disagreements")))


def _draw(options: argparse.Namespace, model: Model, documents: Mapping[str, Any]) -> None:
    """Draw the signal where that was asked for, else the growth of the field."""
    path = Path(options.plot)
    if "signal" in documents:
        from archlint.cli.signal.plot import plot as plot_signal

        plot_signal(model, documents["signal"], path)
    else:
        from archlint.cli.fields.plot import plot

        plot(model, path)
