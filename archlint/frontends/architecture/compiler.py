"""Compiles an architecture file to an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.findings import Severity
from archlint.frontends.architecture.architecture import Architecture
from archlint.frontends.architecture.assembler import Assembler
from archlint.frontends.architecture.builder import Builder
from archlint.frontends.architecture.file import File, read_file
from archlint.frontends.architecture.importing import Importer
from archlint.frontends.architecture.inputs import read_inputs
from archlint.frontends.architecture.outputs import outputs_of, wanted_outputs
from archlint.frontends.architecture.problems import Problems, Stop
from archlint.frontends.architecture.review import review_blocks
from archlint.frontends.architecture.scope import PREVIOUS, Scope
from archlint.frontends.architecture.value import Invalid, node_word
from archlint.sources.problem import Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

    from archlint.frontends.architecture.tensor import Tensor
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
        file.problems.add(file.span, "no layers", "add layers: with a list of layers")
        return None
    Assembler(builder).layers(layers, ("layers",), scope)
    wanted = wanted_outputs(file, scope)
    if len(file.problems):
        return None
    outputs = outputs_of(file, scope, builder, wanted)
    made = [tensor for tensor in inputs.values() if tensor is not None]
    return builder.model(_name(file), made, outputs)


def _name(file: File) -> str:
    node = file.sections.get("name")
    return "architecture" if node is None else node_word(node, "the name of an architecture")
