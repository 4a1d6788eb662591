"""Manuals of rules: a Markdown file beside the rule's module, with its examples."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from archlint.rule import Rule

_FENCE = re.compile(
    r"^```(?P<language>yaml|onnx) (?P<word>fails|passes)[ \t]*\n(?P<text>.*?)^```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_EXPECT = re.compile(r"^# expect: (?P<message>.*?)[ \t]*$", re.MULTILINE)
_TARGET = re.compile(r"^# target: (?P<key>\S+) = (?P<value>\S+)[ \t]*$", re.MULTILINE)


class Example(Struct, frozen=True):
    """A model in a manual that a rule must fail, or pass; `line` is where it starts.

    `language` is `yaml` for an architecture, or `onnx` for ONNX's own text syntax. Each text in
    `expected` stands in the message of a finding of the rule. `target` are settings without a
    section that ONNX's text cannot contain, as pairs of key and value.
    """

    language: str
    text: str
    fails: bool
    line: int
    expected: tuple[str, ...]
    target: tuple[tuple[str, str], ...] = ()


class Manual(Struct, frozen=True):
    """The manual of a rule; `path` is None where it is only the docstring."""

    path: Path | None
    text: str

    def for_readers(self, code: str) -> str:
        """Return the text without markup that only tests use; `code` is that of the rule."""
        plain = _FENCE.sub(lambda match: f"```{match['language']}\n{match['text']}```", self.text)
        return _EXPECT.sub(lambda match: f"# {code} says: {match['message']}", plain)

    @property
    def examples(self) -> tuple[Example, ...]:
        """The models in the fenced blocks `yaml fails`, `onnx passes` and so on, in order."""
        return tuple(
            Example(
                language=match["language"],
                text=match["text"],
                fails=match["word"] == "fails",
                line=1 + self.text.count("\n", 0, match.start()),
                expected=tuple(found["message"] for found in _EXPECT.finditer(match["text"])),
                target=tuple((key, value) for key, value in _TARGET.findall(match["text"])),
            )
            for match in _FENCE.finditer(self.text)
        )


def read_manual(rule: type[Rule]) -> Manual:
    """Return the manual of a rule: the file beside its module, or else its docstring.

    A module of several rules has a folder `manuals` beside it, with a file for each by its name.
    """
    module = sys.modules.get(rule.__module__)
    file = getattr(module, "__file__", None)
    if file is not None:
        own = Path(file).with_name("manuals") / f"{rule.name}.md"
        for path in (Path(file).with_suffix(".md"), own):
            if path.is_file():
                return Manual(path, path.read_text(encoding="utf-8"))
    lines = (rule.__doc__ or "").strip().splitlines()
    text = "\n".join(line.strip() for line in lines)
    return Manual(None, f"# {rule.code} {rule.name}\n\n{text}\n")
