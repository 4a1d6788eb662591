"""Compiles an architecture file to an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.errors import did_you_mean
from archlint.findings import Severity
from archlint.frontends.architecture.architecture import Architecture
from archlint.frontends.architecture.assembler import Assembler
from archlint.frontends.architecture.builder import Builder
from archlint.frontends.architecture.file import File, read_file
from archlint.frontends.architecture.importing import Importer
from archlint.frontends.architecture.inputs import read_inputs
from archlint.frontends.architecture.problems import Problems, Stop
from archlint.frontends.architecture.review import review_blocks
from archlint.frontends.architecture.scope import PREVIOUS, Scope
from archlint.frontends.architecture.value import Invalid, node_word
from archlint.sources.problem import Unreadable
from archlint.sources.yaml_node import Mapping, Sequence, resolve

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

    from archlint.frontends.architecture.tensor import Tensor
    from archlint.sources.span import Span
    from archlint.sources.yaml_document import YamlDocument


def compile_architecture(document: YamlDocument, folder: Path) -> Architecture:
    """Compile an architecture file; raises Unreadable with every problem that was found.

    `folder` is where the file is; only files in it can be imported.
    """
    problems = Problems()
    model: onnx.ModelProto | None = None
    file: File | None = None
    try:
        file = read_file(document, problems)
        Importer(folder).complete(file)
        model = _model(file)
        review_blocks(file)
    except Stop:
        pass
    except Invalid as invalid:
        problems.add_invalid(invalid)
    errors = [problem for problem in document.problems if problem.severity is Severity.ERROR]
    if model is None or file is None or len(problems) or errors:
        raise Unreadable(*document.problems, *tuple(problems))
    return Architecture(document, model, file.sections.get("target"), document.problems)


def _model(file: File) -> onnx.ModelProto | None:
    builder = Builder()
    inputs = read_inputs(file, builder)
    tensors: dict[str, Tensor | None] = dict(inputs)
    if len(inputs) <= 1:
        tensors[PREVIOUS] = next(iter(inputs.values()), None)
    scope = Scope(file, dict(file.names), tensors)
    for name in file.required:
        file.problems.add(
            file.sections["parameters"].span, f"the parameter {name} has no value",
            "give it one; only an imported file can leave it to its user",
        )  # fmt: skip
    layers = file.sections.get("layers")
    if layers is None:
        file.problems.add(_start(file), "no layers", "add layers: with a list of layers")
        return None
    Assembler(builder).layers(layers, ("layers",), scope)
    wanted = _wanted(file, scope)
    if len(file.problems):
        return None
    outputs = _outputs(file, scope, builder, wanted)
    made = [tensor for tensor in inputs.values() if tensor is not None]
    return builder.model(_name(file), made, outputs)


def _start(file: File) -> Span | None:
    root = file.document.root
    return None if root is None else root.span


def _name(file: File) -> str:
    node = file.sections.get("name")
    return "architecture" if node is None else node_word(node, "the name of an architecture")


def _wanted(file: File, scope: Scope) -> list[tuple[str, str]]:
    """Return the names of the outputs and of their layers; records unknown layers."""
    node = file.sections.get("outputs")
    if node is None:
        return []
    inside = resolve(node)
    if isinstance(inside, Mapping):
        wanted = [(entry.key.text, entry.value) for entry in inside.merged()]
    elif isinstance(inside, Sequence):
        wanted = [(node_word(item, "an output"), item) for item in inside.items]
    else:
        wanted = [(node_word(node, "an output"), node)]
    known = []
    for name, reference in wanted:
        word = node_word(reference, "an output")
        if word in scope.tensors:
            known.append((name, word))
        elif not scope.is_broken(word):
            near = did_you_mean(word, scope.tensors)
            file.problems.add(reference.span, f"no layer is called {word!r}{near}")
    return known


def _outputs(
    file: File, scope: Scope, builder: Builder, wanted: list[tuple[str, str]]
) -> list[tuple[str, Tensor]]:
    """Return the outputs by their names; the last layer where the file names none."""
    if "outputs" not in file.sections:
        wanted = [] if (last := scope.tensors.get(PREVIOUS)) is None else [(last.name, PREVIOUS)]
    outputs: list[tuple[str, Tensor]] = []
    for name, word in wanted:
        tensor = scope.tensors[word]
        if tensor is None:
            continue
        if any(other.name == tensor.name for _, other in outputs) or tensor.name in _inputs(file):
            (tensor,) = builder.node("Identity", [tensor], name, {})
        free = tensor.name == name or builder.is_free(name)
        outputs.append((name if free else tensor.name, tensor))
    return outputs


def _inputs(file: File) -> set[str]:
    inside = file.section("inputs")
    return {entry.key.text for entry in inside.merged()} if isinstance(inside, Mapping) else set()
