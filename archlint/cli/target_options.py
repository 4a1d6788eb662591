"""The target flags, shared by `check` and `inspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from archlint.config.layer import Layer

_FLAGS = ("device", "batch-size", "optimizer", "precision", "input-gradient")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the target's flags."""
    group = parser.add_argument_group("target", "what the model is for; flags win over files")
    group.add_argument("--device", metavar="NAME", help="a name from `archlint devices`")
    group.add_argument("--batch-size", metavar="N", help="size of the batch dimension")
    group.add_argument(
        "--dim",
        metavar="NAME=N",
        action="append",
        default=[],
        help="size of a symbolic dimension; INPUT.AXIS=N for an unnamed one, INPUT=N for the value "
        "of an input that is a single integer; may be repeated",
    )
    group.add_argument("--optimizer", metavar="NAME", help="sgd, sgd-momentum, adam, adamw, ...")
    group.add_argument("--precision", metavar="NAME", help="fp32, bf16-mixed, fp16-mixed, ...")
    group.add_argument(
        "--input-gradient",
        action="store_const",
        const=True,
        help="the model's own input needs a gradient",
    )
    group.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="assignments",
        help="any other setting, such as training.loss=mse; may be repeated",
    )


def read_target(options: argparse.Namespace) -> Layer | None:
    """Return what the flags say about the target, None where there are none.

    Raises `ConfigError`.
    """
    flags = {name: getattr(options, name.replace("-", "_")) for name in _FLAGS}
    if not options.dim and not options.assignments and set(flags.values()) == {None}:
        return None
    from archlint.config.reading import read_command_line

    return read_command_line(flags, options.dim, options.assignments)
