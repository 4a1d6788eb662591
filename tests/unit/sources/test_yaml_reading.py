"""YAML files become trees with places; whatever is wrong with them has a place too."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from archlint.sources.problem import Unreadable
from archlint.sources.yaml_composer import DEEPEST, compose
from archlint.sources.yaml_document import (
    YamlDocument,
    is_architecture,
    parse_yaml,
    plain,
    read_yaml,
)
from archlint.sources.yaml_node import Mapping, Node, Scalar, Sequence, resolve
from archlint.sources.yaml_text import decode

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.arch.yaml"))


def document(text: str) -> YamlDocument:
    return parse_yaml(text.encode())


def at(read: YamlDocument, *path: str | int) -> str:
    span = read.locate(path)
    assert span is not None
    return read.text.text[span.start : span.end]


def the_problem(data: bytes) -> tuple[str, str, tuple[int, int]]:
    with pytest.raises(Unreadable) as raised:
        parse_yaml(data)
    (problem,) = raised.value.problems
    assert problem.span is not None
    place = problem.span.start_line, problem.span.start_column
    return problem.code, problem.message, place


def test_every_span_is_the_text_of_its_value() -> None:
    read = document(
        "a: [1, {b: 'x'}]  # note\nc:\n  - d: é𝄞\n    e: last\n\n# end\nf: |\n  text\n\ng:\n"
    )
    assert at(read, "a") == "[1, {b: 'x'}]"
    assert at(read, "a", 1, "b") == "'x'"
    assert at(read, "c") == "- d: é𝄞\n    e: last"
    assert at(read, "c", 0, "d") == "é𝄞"
    assert at(read, "f") == "|\n  text"
    assert at(read, "g") == "g", "an empty value is shown at its key"


def test_lines_and_columns_count_from_one_in_code_points() -> None:
    read = document("a: 1\r\nb: [é𝄞, here]\r\n")
    span = read.locate(("b", 1))
    assert span is not None
    assert (span.start_line, span.start_column) == (2, 9)
    assert (span.end_line, span.end_column) == (2, 13)


def test_a_key_has_its_own_place() -> None:
    span = document("a: 1\nlong: 2").locate_key(("long",))
    assert span is not None
    assert (span.start_line, span.start_column, span.end_column) == (2, 1, 5)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.5", 1.5),
        ("-2", -2),
        ("0x10", 16),
        ("1_000", 1000),
        ("true", True),
        ("yes", True),
        ("off", False),
        ("~", None),
        ("'1'", "1"),
        ("N", "N"),
        ("on_", "on_"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    root = document(text).root
    assert root is not None
    assert plain(root) == value
    assert type(plain(root)) is type(value)


def test_merge_keys_lend_what_the_mapping_does_not_say() -> None:
    read = document("base: &base {a: 1, b: 2}\nuse: {<<: *base, b: 3}")
    assert read.root is not None
    assert plain(read.root) == {"base": {"a": 1, "b": 2}, "use": {"b": 3, "a": 1}}


def test_aliases_stay_unexpanded() -> None:
    read = document("a: &a [1]\nb: *a")
    use = read.find(("b",))
    assert use is not None
    assert read.text.text[use.span.start : use.span.end] == "*a"
    assert resolve(use) is read.find(("a",))


@pytest.mark.parametrize(
    ("data", "code", "message", "place"),
    [
        (b"a: [1, 2", "YAML001", "this [ is never closed", (1, 4)),
        (b"a: {b: 1\n  c: {d: [2]}\ne: 3\n", "YAML001", "this { is never closed", (1, 4)),
        (b"a: {b: '}', c: 1 # }\nd: 1\n", "YAML001", "this { is never closed", (1, 4)),
        (b"a: {\n  b: 1 c: 2}\n", "YAML001", "or } is missing here, in the { that", (2, 9)),
        (b"a: [1, 2}\nb: 1\n", "YAML001", "or ] is missing here, in the [ that", (1, 9)),
        (b"a: {b: 1}}\nc: 1\n", "YAML001", "this } closes nothing", (1, 10)),
        (b'a: "b\nc: 1\n', "YAML001", "this quote is never closed", (1, 4)),
        (b"a:\n\t- b", "YAML001", "tab", (2, 1)),
        (b"a: \xff", "YAML001", "0xff is not UTF-8", (1, 4)),
        (b"a: 1\nb: \x01", "YAML001", "U+0001", (2, 4)),
        ("a: 1".encode("utf-16"), "YAML001", "UTF-16", (1, 1)),
        (b"a: *b", "YAML001", "no anchor &b", (1, 4)),
        (b"a: &a [*a]", "YAML001", "inside its own anchor", (1, 8)),
        (b"--- a\n--- b", "YAML001", "second document", (2, 1)),
        (b"? [a]\n: b", "YAML001", "a key is a word", (1, 3)),
        (b"a: @b", "YAML001", "'@' cannot start", (1, 4)),
        (b"a: b: c", "YAML001", "mapping values", (1, 5)),
        (b"[" * 40_000, "YAML001", f"more than {DEEPEST}", (1, DEEPEST + 1)),
        (b"{a: " * 40_000, "YAML001", f"more than {DEEPEST}", (1, 4 * DEEPEST + 1)),
        (b"- " * 40_000, "YAML001", f"more than {DEEPEST}", (1, 2 * DEEPEST + 1)),
    ],
)
def test_what_cannot_be_parsed_says_where_and_why(
    data: bytes, code: str, message: str, place: tuple[int, int]
) -> None:
    found = the_problem(data)
    assert (found[0], found[2]) == (code, place)
    assert message in found[1]


def test_an_alias_bomb_is_refused_before_it_goes_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    code, message, place = the_problem("\n".join(lines).encode())
    assert code == "YAML001"
    assert "aliases expand" in message
    assert place[0] == 6, "the first line that holds more than 500,000 values"


def test_aliases_that_pile_up_are_refused() -> None:
    depth = DEEPEST // 2 - 10
    lines = ["a0: &a0 x"]
    lines += [f"a{n}: &a{n} {'[' * depth}*a{n - 1}{']' * depth}" for n in range(1, 50)]
    code, message, place = the_problem("\n".join(lines).encode())
    assert (code, place[0]) == ("YAML001", 4)
    assert f"more than {DEEPEST}" in message


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"a: 1\nb: 2\na: 3", "YAML005", (3, 1)),
        (b"a: {<<: 1}", "YAML001", (1, 9)),
        (b"a: {<<: [{}, 1]}", "YAML001", (1, 9)),
        (b"a: no", "YAML003", (1, 4)),
        (b"a: [On]", "YAML003", (1, 5)),
        (b"a: 010", "YAML003", (1, 4)),
        (b"a: 1:30", "YAML003", (1, 4)),
        (b"a: !!python/object:os.system x", "YAML001", (1, 4)),
        (b"\xef\xbb\xbfa: 1", "YAML004", (1, 1)),
        (b"a: 1\r\nb: 2\r\n", "YAML004", (1, 5)),
    ],
)
def test_unportable_text_is_located(data: bytes, code: str, place: tuple[int, int]) -> None:
    (problem,) = parse_yaml(data).problems
    assert problem.code == code
    assert problem.span is not None
    assert (problem.span.start_line, problem.span.start_column) == place


@pytest.mark.parametrize("data", [b"a: 'no'", b"a: nothing", b"N: [N, y]", b"a: 0", b"a: 0.5"])
def test_what_is_not_odd_is_not_mentioned(data: bytes) -> None:
    assert parse_yaml(data).problems == ()


def test_an_empty_file_has_no_tree() -> None:
    assert document("# nothing\n").root is None


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("archlint: 1\n", True),
        ("# a comment\nname: x\narchlint: 1\n", True),
        ('{"archlint": 1}', True),
        ('{\n  "archlint": 1\n}', True),
        ("tool:\n  archlint: 1\n", False),
        ("text: |\n  archlint: 1\n", False),
        ("archlint-nn: 1\n", False),
        ("on: push\n", False),
        ("", False),
    ],
)
def test_ours_are_told_from_other_files(tmp_path: Path, text: str, ours: bool) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    assert is_architecture(path) is ours


def shape_of(node: Node | None) -> object:
    """Everything about a tree, for comparison."""
    match node:
        case Scalar(text=text, plain=is_plain, span=span):
            return (text, is_plain, span)
        case Sequence(items=items, span=span, size=size):
            return ([shape_of(item) for item in items], span, size)
        case Mapping(entries=entries, span=span, size=size):
            pairs = [(shape_of(entry.key), shape_of(entry.value)) for entry in entries]
            return (pairs, span, size)
        case None:
            return None
        case alias:
            return ("*", alias.name, alias.span)


def reading(data: bytes, *, pure: bool) -> object:
    try:
        root, problems = compose(decode(data), pure=pure)
    except Unreadable as error:
        return "unreadable", error.problems[0].code
    return shape_of(root), problems


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_c_and_the_python_parser_give_the_same_tree(path: Path) -> None:
    data = path.read_bytes()
    assert reading(data, pure=False) == reading(data, pure=True)
    assert read_yaml(path).problems == ()


@pytest.mark.parametrize(
    "data",
    [
        "é𝄞: &x [é, 'it''s', \"\\u263a\"]\ny: *x\n".encode(),
        b"a: >-\n  folded\n  text\n\n\nb: |+\n  kept\n\n",
        b"a:\tb\n",
        b"a: [1,\t2]\n",
        b"a: {}\nb: []\nc:\n- 1\n-\n- {d: }\n",
        b"'quoted': \"x\ty\"\r\nb: 1 # c\r\n",
        b"<<: &b {a: 1}\nc: {<<: *b}\n",
        b"a: 1\na: 2\n",
    ],
)
def test_both_parsers_agree_on_odd_texts(data: bytes) -> None:
    assert reading(data, pure=False) == reading(data, pure=True)


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_file_is_a_problem_or_a_tree_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - it decides what is damaged, and keeps no secret
    good = EXAMPLES[0].read_bytes()
    for _ in range(40):
        data = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(data))
            data[place] = chance.choice(b"\t\n :-[]{}&*!|>'\"%@`#,?\x00\xff\xc3ab1$")
        read = reading(bytes(data), pure=False)
        assert isinstance(read, tuple)
