"""Composes YAML events to a tree without recursion, so that hostile files are reported.

PyYAML's own composer recurses, and its C version crashes the interpreter on 40 KB of brackets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from archlint.sources.problem import Problem
from archlint.sources.problem_kind import AMBIGUOUS_VALUE, DUPLICATE_KEY, INVALID_YAML
from archlint.sources.yaml_node import MERGE, Alias, Entry, Mapping, Node, Scalar, Sequence, resolve
from archlint.sources.yaml_scalar import is_yaml_1_1_boolean, is_yaml_1_1_number
from archlint.sources.yaml_syntax import syntax_error
from archlint.sources.yaml_text import Text, invalid_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

    from archlint.sources.span import Span

DEEPEST = 200
LARGEST = 500_000
_MOST_TABS = 200
_TOO_DEEP = "nesting depth"  # what libyaml says of a thousand brackets, from 0.2.6 on


def compose(text: Text, *, pure: bool = False) -> tuple[Node | None, list[Problem]]:
    """Return the tree of a document and its warnings; raises Unreadable.

    `pure` reads with PyYAML's Python parser even where the C parser is there.
    """
    import yaml

    source = text.text
    for _ in range(_MOST_TABS):
        composer = _Composer(text)
        try:
            for event in _events(source, pure=pure):
                composer.take(event)
        except yaml.MarkedYAMLError as error:
            if not pure and _TOO_DEEP in (error.problem or ""):
                # libyaml reads ahead, and stops before the place where it is too deep for us.
                return compose(text, pure=True)
            tab = _separating_tab(error, source)
            if tab is None:
                raise syntax_error(text, error) from error
            source = f"{source[:tab]} {source[tab + 1 :]}"
        except yaml.YAMLError as error:
            raise invalid_yaml(str(error)) from error
        else:
            return composer.root, composer.problems
    raise invalid_yaml(f"more than {_MOST_TABS} tabs between values", "use spaces")


def _events(source: str, *, pure: bool) -> Iterator[yaml.Event]:
    import yaml

    loader = yaml.SafeLoader if pure or not yaml.__with_libyaml__ else yaml.CSafeLoader
    return yaml.parse(source, Loader=loader)


def _separating_tab(error: yaml.MarkedYAMLError, source: str) -> int | None:
    """Return the tab that the Python parser rejects and the C parser accepts, as YAML allows.

    A tab may separate the parts of a line, but not precede its first part.
    """
    index = len(source) if error.problem_mark is None else error.problem_mark.index
    line = source[:index].rpartition("\n")[2]
    return index if source[index : index + 1] == "\t" and line.strip() else None


class _Open(Struct):
    """A collection that has started and not ended."""

    is_mapping: bool
    start: int
    anchor: str | None
    is_flow: bool
    children: list[Node] = field(default_factory=list)


class _Composer:
    """Builds nodes from events, with a stack of open collections."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._documents = 0
        self._count = 0

    def take(self, event: yaml.Event) -> None:
        """Process one event of the stream."""
        import yaml

        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._start(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._end(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                place = self.text.span(_index(event.start_mark), _index(event.start_mark) + 3)
                raise invalid_yaml("a second document starts here", "keep one in a file", place)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        start, end = _index(event.start_mark), _index(event.end_mark)
        if event.style in {"|", ">"}:
            # The end mark of a block scalar is where the next token starts.
            end = start + len(self.text.text[start:end].rstrip())
        is_plain = not event.style
        if is_plain and start == end:
            start = end = self._back_over_spaces(start)
        scalar = Scalar(event.value, is_plain, self.text.span(start, end))
        self._refuse_tag(event.tag, scalar.span)
        self._warn(scalar)
        self._add(scalar, event.anchor)

    def _back_over_spaces(self, index: int) -> int:
        """Return the end of the text before `index`; the parsers disagree on trailing space."""
        while index and self.text.text[index - 1].isspace():
            index -= 1
        return index

    def _start(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        import yaml

        start = _index(event.start_mark)
        if len(self._open) >= DEEPEST:
            place = self.text.span(start, start + 1)
            raise invalid_yaml(f"more than {DEEPEST} collections inside each other", span=place)
        self._refuse_tag(event.tag, self.text.span(start, start + 1))
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Open(is_mapping, start, event.anchor, bool(event.flow_style)))

    def _end(self, event: yaml.MappingEndEvent | yaml.SequenceEndEvent) -> None:
        collection = self._open.pop()
        children = collection.children
        end = _index(event.end_mark)
        if not collection.is_flow:
            # The end mark of a block collection is where the next token starts.
            end = children[-1].span.end if children else collection.start
            end = max(end, self._last_key_end(collection))
        span = self.text.span(collection.start, end)
        size = 1 + sum(child.size for child in children)
        if size > LARGEST:
            raise invalid_yaml(f"aliases expand this to more than {LARGEST:,} values", span=span)
        depth = 1 + max((child.depth for child in children), default=0)
        if depth > DEEPEST:
            raise invalid_yaml(f"aliases make more than {DEEPEST} collections of it", span=span)
        node: Node
        if collection.is_mapping:
            node = Mapping(self._entries(children), span, size, depth)
        else:
            node = Sequence(tuple(children), span, size, depth)
        self._add(node, collection.anchor)

    def _last_key_end(self, collection: _Open) -> int:
        """Return the end of the last key, since an empty value has no end of its own."""
        if collection.is_mapping and collection.children:
            return collection.children[-2].span.end
        return collection.start

    def _entries(self, children: list[Node]) -> tuple[Entry, ...]:
        first: dict[str, Scalar] = {}
        entries = []
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise invalid_yaml("a key is a word, not a list, mapping or alias", span=key.span)
            earlier = first.setdefault(key.text, key)
            if earlier is not key and key.text != MERGE:
                line = earlier.span.start_line
                message = f"the key {key.text!r} appears twice, first in line {line}"
                self.problems.append(Problem(DUPLICATE_KEY, message, span=key.span))
            if key.plain and key.text == MERGE and not _can_be_merged(value):
                message = "<< takes a mapping, or a list of mappings"
                self.problems.append(Problem(INVALID_YAML, message, span=value.span))
            entries.append(Entry(key, value))
        return tuple(entries)

    def _alias(self, event: yaml.AliasEvent) -> None:
        span = self.text.span(_index(event.start_mark), _index(event.end_mark))
        name = event.anchor
        if name not in self._anchors:
            raise invalid_yaml(f"the alias *{name} has no anchor &{name} before it", span=span)
        target = self._anchors[name]
        if target is None:
            raise invalid_yaml(f"the alias *{name} is inside its own anchor", span=span)
        self._add(Alias(name, target, span), None)

    def _add(self, node: Node, anchor: str | None) -> None:
        self._count += 1
        if self._count > LARGEST:
            raise invalid_yaml(f"the file holds more than {LARGEST:,} values", span=node.span)
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node

    def _refuse_tag(self, tag: str | None, span: Span) -> None:
        if tag in {None, "!"}:
            return
        message = f"the tag {tag} is not taken"
        self.problems.append(Problem(INVALID_YAML, message, "remove it", span))

    def _warn(self, scalar: Scalar) -> None:
        text = scalar.text
        if is_yaml_1_1_boolean(scalar):
            message = f"{text} is a boolean in YAML 1.1 and a word in YAML 1.2"
            meaning = "true" if text.lower() in {"yes", "on"} else "false"
            remedy = f'write {meaning}, or "{text}" in quotes'
        elif is_yaml_1_1_number(scalar):
            message = f"{text} is another number in YAML 1.1 than in YAML 1.2"
            remedy = f'write it without leading zeros or colons, or "{text}" in quotes'
        else:
            return
        self.problems.append(Problem(AMBIGUOUS_VALUE, message, remedy, scalar.span))


def _can_be_merged(node: Node) -> bool:
    inside = resolve(node)
    if isinstance(inside, Sequence):
        return all(isinstance(resolve(item), Mapping) for item in inside.items)
    return isinstance(inside, Mapping)


def _index(mark: Any) -> int:  # noqa: ANN401 - the C and the Python parser have their own marks
    """Return the code point that a mark stands at."""
    return int(mark.index)
