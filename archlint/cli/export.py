"""Compile an architecture file and write it as an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import streams

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("file", metavar="FILE", help="an architecture file, such as net.arch.yaml")
    parser.add_argument(
        "--output", "-o", metavar="FILE", required=True, help="the ONNX file to write"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the random weights"
    )


def run(options: argparse.Namespace) -> int:
    """Write the model; 1 where the architecture is invalid."""
    from pathlib import Path

    from archlint.engine.export import export

    outcome = export(Path(options.file), Path(options.output), options.seed)
    if outcome is None:
        return 0
    from archlint.report.text import TextReporter

    streams.answer(TextReporter().render(outcome, color=streams.colored()))
    return 1
