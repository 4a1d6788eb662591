"""Damaged architecture files end in problems with places, never in a crash."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from archlint.frontends.architecture import compile_architecture
from archlint.sources.problem import Unreadable
from archlint.sources.yaml_document import parse_yaml

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.arch.yaml"))
WORD = re.compile(rb"[\w.]+")
STRANGE = [
    b"0", b"-1", b"1e9", b"99999999999", b"[]", b"{}", b"null", b".nan", b"$index", b"[1, 2, 3]",
    b'"${1 / 0}"', b"1.5", b"true", b"previous", b"*x", b"&x", b"no",
]  # fmt: skip


def damaged(good: bytes, words: list[bytes], chance: random.Random) -> bytes:
    """Swap words, repeat lines, hit single characters."""
    data = good
    for _ in range(chance.randint(1, 4)):
        kind = chance.random()
        if kind < 0.3:
            place = chance.randrange(len(data))
            hit = bytes([chance.choice(b"\t\n :-[]{}&*!|>'\"%@`#,?$0")])
            data = data[:place] + hit + data[place + 1 :]
        elif kind < 0.8:
            word = chance.choice(list(WORD.finditer(data)))
            data = data[: word.start()] + chance.choice(words) + data[word.end() :]
        else:
            lines = data.split(b"\n")
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            data = b"\n".join(lines)
    return data


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_architecture_is_a_model_or_problems_with_places(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311 - it decides what is damaged, and keeps no secret
    texts = [path.read_bytes() for path in EXAMPLES]
    words = [*WORD.findall(b" ".join(texts)), *STRANGE]
    refusals: list[tuple[bytes, Unreadable]] = []
    for _ in range(60):
        data = damaged(chance.choice(texts), words, chance)
        try:
            compile_architecture(parse_yaml(data), tmp_path)
        except Unreadable as error:
            refusals.append((data, error))
    assert len(refusals) > 20, "the damage is real"
    for data, error in refusals:
        assert error.problems
        assert all(problem.span is not None for problem in error.problems), data
