"""The argument parser, with helpful usage errors."""

from __future__ import annotations

import argparse
import os
import re
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from archlint import __version__
from archlint.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_COMMANDS = ("check", "inspect", "rule", "devices", "config", "schema", "plugins", "export")

_DESCRIPTION = "A static linter for neural-network architectures: ONNX graphs and YAML files."
_EPILOG = """exit codes: 0 nothing found, 1 findings at or above --fail-on, 2 wrong usage or a crash

  archlint check model.onnx net.arch.yaml --device nvidia-a100-40gb --batch-size 32
  archlint inspect model.onnx
  archlint rule RF001
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors name the nearest thing that exists."""

    def error(self, message: str) -> NoReturn:
        """Write the problem and how to get help, and end with exit code 2."""
        choice = re.match(r"argument (.*): invalid choice: '(.*?)' \(choose from (.*)\)$", message)
        if choice:
            flag, word, known = choice[1], choice[2], re.findall(r"[\w.-]+", choice[3])
            what = "unknown command" if self._takes_commands() else f"unknown {flag}"
            near = did_you_mean(word, known) or f" (known: {', '.join(known)})"
            if self._takes_commands() and _is_file(word):
                near = f": did you mean `{self.prog} check {word}`?"
            message = f"{what} {word!r}{near}"
        self.exit(2, f"archlint: error: {message}\ntry `{self.prog} --help`\n")

    def unknown(self, arguments: Iterable[str]) -> NoReturn:
        """End with an error about arguments that no option takes."""
        known = [word for action in self._actions for word in action.option_strings]
        named = [_named(word.partition("=")[0], known) for word in arguments]
        self.exit(
            2, f"archlint: error: unknown argument {', '.join(named)}\ntry `{self.prog} --help`\n"
        )

    def _takes_commands(self) -> bool:
        return any(action.dest == "command" for action in self._actions)


def build_parser(arguments: Sequence[str] = ()) -> Parser:
    """Return the parser for a command line: with all commands, or only the one that it names."""
    parser = Parser(
        prog="archlint",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"archlint {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name in arguments[:1] if arguments and arguments[0] in _COMMANDS else _COMMANDS:
        module = import_module(f"archlint.cli.{name}")
        summary = (module.__doc__ or "").splitlines()[0].rstrip(".")
        command = commands.add_parser(
            name, help=_lower(summary), description=f"{summary}.", allow_abbrev=False
        )
        module.add_arguments(command)
        with suppress(argparse.ArgumentError):  # some messages contain a hint already
            command.add_argument(
                "--verbose",
                "-v",
                action="store_true",
                help="show the traceback of an internal error",
            )
        command.set_defaults(run=module.run, parser=command)
    return parser


def parse(parser: Parser, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line, or end with a usage error (exit code 2)."""
    options, rest = parser.parse_known_args(list(arguments))
    if options.command is None:
        parser.print_help(sys.stderr)
        raise SystemExit(2)
    unknown = [word for word in rest if word.startswith("-")]
    if unknown or (rest and not hasattr(options, "paths")):
        options.parser.unknown(unknown or rest)
    if rest:  # argparse accepts no files after the first option
        options.paths = [*options.paths, *rest]
    return options


def _named(word: str, known: Collection[str]) -> str:
    """Return an unknown argument with a suggestion."""
    if word in known:
        return f"{word}: it goes after the command"
    setting = _setting(word.lstrip("-")) if "--set" in known else None
    return f"{word}: write --set {setting}=..." if setting else word + did_you_mean(word, known)


def _setting(word: str) -> str | None:
    """Return the setting that a word names in full, or whose last part it is; None if unclear."""
    from archlint.config.settings import TARGET

    keys = [setting.key for setting in TARGET.settings]
    found = [word] if word in keys else [key for key in keys if key.endswith(f".{word}")]
    return found[0] if len(found) == 1 else None


def _is_file(word: str) -> bool:
    """Whether a word is an existing path, or looks like that of a model."""
    return os.path.lexists(word) or word.lower().endswith((".onnx", ".yaml", ".yml"))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
