"""Loads a model from a file: the one place that combines sources, front ends and graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from archlint.engine.loaded import LoadedFile
from archlint.sources.problem import Problem, Unreadable, unreadable
from archlint.sources.problem_kind import INVALID_ARCHITECTURE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnx import ModelProto

    from archlint.config.error import ConfigError
    from archlint.engine.discover import Candidate
    from archlint.engine.project import Project
    from archlint.model import Model
    from archlint.sources.payload import Payload
    from archlint.sources.yaml_document import YamlDocument
    from archlint.target import Target

_YAML = (".yaml", ".yml")
_ARCHITECTURE = (".arch.yaml", ".arch.yml")


class NotOurs(Exception):
    """Raised for a file that is not meant for archlint; the text is the reason."""


def is_yaml(path: Path) -> bool:
    """Whether a file is YAML by its name."""
    return path.name.lower().endswith(_YAML)


def load(candidate: Candidate, project: Project) -> LoadedFile:
    """Return the model in a file.

    Raises `NotOurs` for YAML of other programs and for the external weight files of a model, and
    `Unreadable` for invalid files.
    """
    name = candidate.path.name.lower()
    if not candidate.path.is_file():  # a pipe would block, a device would be read endlessly
        raise unreadable("it is not a regular file, or it is a broken link")
    model = candidate.path.with_suffix("")
    if name.endswith(".onnx.data") and model.is_file():  # as torch.onnx.export calls it
        raise NotOurs(f"the weights of {model.name}")
    try:
        for frontend in project.registry.frontends:
            if name.endswith(frontend.suffixes):
                return _load_foreign(candidate, project, frontend.load(candidate.path))
        if is_yaml(candidate.path):
            return _load_yaml(candidate, project)
        return _load_onnx(candidate, project)
    except OSError as error:
        raise unreadable(f"the file cannot be read: {error.strerror or error}") from error


def _load_onnx(candidate: Candidate, project: Project) -> LoadedFile:
    from archlint.frontends.onnx import load_onnx

    read = load_onnx(candidate.path)
    target = project.target(candidate.path)
    model = _model(candidate, project, read.model, target, read.payloads)
    model = replace(model, ir_version=read.model.ir_version)
    return LoadedFile(candidate.shown, model, read.problems)


def _load_foreign(candidate: Candidate, project: Project, proto: ModelProto) -> LoadedFile:
    target = project.target(candidate.path)
    return LoadedFile(candidate.shown, _model(candidate, project, proto, target, {}))


def _load_yaml(candidate: Candidate, project: Project) -> LoadedFile:
    from archlint.config.error import ConfigError, Origin
    from archlint.frontends.architecture import compile_architecture
    from archlint.sources.yaml_document import is_architecture, plain, read_yaml

    ours = candidate.path.name.lower().endswith(_ARCHITECTURE)
    if not ours and not is_architecture(candidate.path):
        raise NotOurs("not an architecture file: its top level has no `archlint: 1`")
    document = read_yaml(candidate.path)
    stated = document.find(("target",))
    problems: list[Problem] = []
    try:
        architecture = compile_architecture(document, candidate.path.parent)
    except Unreadable as error:
        problems += error.problems
    try:
        target = project.target(candidate.path, None if stated is None else plain(stated))
    except ConfigError as error:
        if any(each.origin is not Origin.DOCUMENT for each in error.every):
            raise
        problems += [_in_target(each, document) for each in error.every]
    if problems:
        raise Unreadable(*problems)
    model = _model(candidate, project, architecture.model, target, {})
    return LoadedFile(candidate.shown, model, architecture.problems, architecture)


def _model(
    candidate: Candidate,
    project: Project,
    proto: ModelProto,
    target: Target,
    payloads: Mapping[str, Payload],
) -> Model:
    """Build the graph and the facts about it."""
    from archlint.analysis.facts import Facts
    from archlint.analysis.training.trained_part import trained_part
    from archlint.engine.stored_numbers import StoredNumbers
    from archlint.graph.build import build_graph
    from archlint.graph.dimensions.bindings import Bindings
    from archlint.graph.invalid import InvalidGraph
    from archlint.model import Model
    from archlint.ops.registry import operators
    from archlint.ops.restored.formula_tables import formula_tables, with_tables

    known = operators(project.registry.operators)
    bindings = Bindings(target.batch_size, target.dims)
    stored = StoredNumbers(candidate.path, proto, payloads)
    try:
        graph = build_graph(proto, bindings)
    except InvalidGraph as error:
        raise unreadable(f"not a valid model: {error}") from error

    tables = formula_tables(graph, stored.first)

    def retarget(other: Target) -> Facts:
        sizes = Bindings(other.batch_size, other.dims)
        bound = graph if sizes == bindings else build_graph(proto, sizes)
        trained = trained_part(with_tables(bound, tables), known, other.training)
        return Facts(trained, other, known, stored)

    facts = retarget(target)
    return Model(candidate.path, facts.graph, facts, target, payloads, retarget)


def _in_target(error: ConfigError, document: YamlDocument) -> Problem:
    """Return an error under `target:` of a document, with its line."""
    from archlint.config.error import dotted

    path = ("target", *error.key)
    span = document.locate_key(path) if error.unknown else None
    return Problem(
        INVALID_ARCHITECTURE,
        f"{dotted(path)}: {error.problem}",
        error.help,
        span=span or document.nearest(path),
    )
