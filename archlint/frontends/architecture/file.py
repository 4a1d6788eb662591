"""One architecture file during compilation: its sections, validated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from archlint.errors import did_you_mean
from archlint.frontends.architecture.block import Block, read_block, read_parameters
from archlint.frontends.architecture.default import KERAS, PYTORCH
from archlint.frontends.architecture.item import Item, read_item
from archlint.frontends.architecture.layers.table import layers
from archlint.frontends.architecture.problems import Problems, Stop
from archlint.frontends.architecture.value import Invalid
from archlint.sources.yaml_node import Mapping, Node, Scalar, Sequence, resolve
from archlint.sources.yaml_scalar import value

if TYPE_CHECKING:
    from collections.abc import Container

    from archlint.frontends.architecture.expression import Value
    from archlint.sources.span import Span
    from archlint.sources.yaml_document import YamlDocument

VERSION = 1
SEQUENTIAL = "Sequential"
# Other libraries' names of the same layers, in lower case and without dimensions.
_OTHER_NAMES = {
    "concatenate": "Concat",
    "dense": "Linear",
    "fullyconnected": "Linear",
    "gemm": "Linear",
    "globalaveragepool": "GlobalAvgPool",
    "globalaveragepooling": "GlobalAvgPool",
    "globalmaxpooling": "GlobalMaxPool",
    "swish": "SiLU",
}
WORDS = (
    "archlint",
    "name",
    "description",
    "parameters",
    "imports",
    "inputs",
    "defaults",
    "init",
    "blocks",
    "layers",
    "outputs",
    "target",
)


class File(Struct, eq=False):
    """The sections of one file; its parameters and its `framework` hold for all its layers."""

    document: YamlDocument
    sections: dict[str, Node]
    problems: Problems
    names: dict[str, Value] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    blocks: dict[str, Block] = field(default_factory=dict)
    defaults: dict[str, Item] = field(default_factory=dict)
    framework: str = PYTORCH

    @property
    def span(self) -> Span | None:
        """Where its content stands; None for an empty file."""
        return None if self.document.root is None else self.document.root.span

    def section(self, name: str) -> Scalar | Mapping | Sequence | None:
        """Return a section with its alias resolved; None where there is none."""
        node = self.sections.get(name)
        return None if node is None else resolve(node)

    def is_layer(self, word: str) -> bool:
        """Whether a word names something that can stand in a list of layers."""
        return (
            word in layers()
            or word in self.blocks
            or word == SEQUENTIAL
            or word.startswith("onnx.")
        )

    def arguments_of(self, word: str) -> Container[str]:
        """The arguments of a layer, or the parameters of a block."""
        if word in self.blocks:
            return self.blocks[word].parameters
        return layers()[word].arguments if word in layers() else ()

    def unknown_layer(self, word: Scalar) -> Invalid:
        """Return the problem for a word that names no layer, with suggestions."""
        first = word.text.partition(" ")[0]
        if first != word.text and self.is_layer(first):
            colon = f"a colon separates a layer from its arguments: {first}: {{...}}"
            return Invalid(word.span, f"unknown layer {word.text!r}", colon)
        near = _nearest_layers(word.text, [*self.blocks, SEQUENTIAL, *layers()])
        known = "" if near else "`archlint schema architecture` has all layers"
        return Invalid(word.span, f"unknown layer {word.text!r}{near}", known)


def _nearest_layers(word: str, known: list[str]) -> str:
    """Suggest layers for another library's name, or for one without dimensions (MaxPool)."""
    plain = word.casefold().replace("_", "")
    plain = _OTHER_NAMES.get(plain.rstrip("123d"), plain)
    family = [name for name in known if name.endswith("d") and name[:-2].casefold() == plain]
    if family and plain not in {name.casefold() for name in known}:
        return f": did you mean {', '.join(family[:-1])} or {family[-1]}?"
    return did_you_mean(plain, known)


def read_file(document: YamlDocument, problems: Problems) -> File:
    """Read the sections of a file that do not depend on others; collects problems."""
    file = File(document, _sections(document, problems), problems)
    file.names, file.required = read_parameters(file.sections.get("parameters"), {}, problems)
    if "init" in file.sections:
        file.framework = _framework(file.sections["init"], problems)
    return file


def _framework(node: Node, problems: Problems) -> str:
    """Return the framework whose defaults hold for the whole file."""
    inside = resolve(node)
    if isinstance(inside, Scalar) and inside.text in {PYTORCH, KERAS}:
        return inside.text
    problems.add(
        node.span, f"init of a whole file is {PYTORCH} or {KERAS}",
        "state initializers of a kind of layer under defaults:",
    )  # fmt: skip
    return PYTORCH


def read_blocks(file: File) -> None:
    """Read the blocks of a file whose imports have been read."""
    node = file.sections.get("blocks")
    if node is None:
        return
    inside = resolve(node)
    if not isinstance(inside, Mapping):
        file.problems.add(node.span, "blocks are a mapping of names to blocks")
        return
    for entry in inside.merged():
        name = entry.key.text
        if name in layers() or name == SEQUENTIAL:
            file.problems.add(entry.key.span, f"{name} is the name of a layer", "rename the block")
        block = read_block(name, entry.value, file, file.problems)
        if block is not None:
            file.blocks[name] = block


def read_defaults(file: File) -> None:
    """Read the default arguments of layers."""
    node = file.sections.get("defaults")
    if node is None:
        return
    inside = resolve(node)
    if not isinstance(inside, Sequence):
        file.problems.add(
            node.span, "defaults are a list of layers", "write - Conv2d: {bias: false}"
        )
        return
    for index, item in enumerate(inside.items):
        try:
            read = read_item(item, ("defaults", index), file)
        except Invalid as invalid:
            file.problems.add_invalid(invalid)
            continue
        if read.layer not in layers():
            file.problems.unknown(read.word.span, "layer", read.layer, layers())
        for word, entry in read.beside.items():
            if word not in {"init", "bias_init", "frozen"}:
                file.problems.add(entry.key.span, f"{word} cannot have a default")
        file.defaults[read.layer] = read


def _sections(document: YamlDocument, problems: Problems) -> dict[str, Node]:
    root = None if document.root is None else resolve(document.root)
    if not isinstance(root, Mapping):
        problems.add(
            None if root is None else root.span, "an architecture is a mapping",
            "start with archlint: 1",
        )  # fmt: skip
        raise Stop
    sections = {}
    for entry in root.merged():
        if entry.key.text in WORDS:
            sections[entry.key.text] = entry.value
        else:
            problems.unknown(entry.key.span, "section", entry.key.text, WORDS)
    _check_version(sections.get("archlint"), root, problems)
    return sections


def _check_version(node: Node | None, root: Mapping, problems: Problems) -> None:
    if node is None:
        problems.add(root.span, "no version of the language", "start with archlint: 1")
        return
    inside = resolve(node)
    version = value(inside) if isinstance(inside, Scalar) else None
    if version != VERSION or isinstance(version, bool):
        problems.add(
            node.span, f"this archlint reads version {VERSION} of the language", "write archlint: 1"
        )
