"""Imports go in one direction, and a command imports no more than it needs."""

import ast
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import helper

from archlint.ops.registry import operators

ROOT = Path(__file__).parents[2]

# A room may import those that come after it, and the leaves.
ORDER = (
    "testing",
    "cli",
    "engine",
    "report",
    "analysis",
    "ops",
    "graph",
    "frontends",
    "sources",
)
# The engine's registry and Facts' home are named by the façade for plugins alone.
FACADES = {"api", "model", "hookspecs", "plugins", "registry", "rule", "manual"}
LEAVES = {"findings", "target", "quantity", "errors", "devices", "config"}


def imported_modules(path):
    """Return the archlint modules that a file imports when it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("archlint."):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("archlint."))


def room_of(module):
    return module.split(".")[1]


ROOMS = [
    (room, path) for room in ORDER for path in sorted((ROOT / "archlint" / room).rglob("*.py"))
]


@pytest.mark.parametrize(("room", "path"), ROOMS, ids=lambda value: getattr(value, "name", value))
def test_rooms_import_in_one_direction(room, path):
    allowed = {*ORDER[ORDER.index(room) :], *LEAVES}
    if room in {"testing", "cli", "engine", "report"}:
        allowed |= FACADES
    assert {room_of(module) for module in imported_modules(path)} <= allowed


# A package of analyses may import those that come after it, and amounts, which all share.
ANALYSES = (
    "formulas",
    "facts",
    "structure_facts",
    "training_step",
    "compute",
    "memory",
    "training",
    "recognition",
    "receptive_field",
    "signal",
    "initialization",
    "structure",
    "parameters",
    "amount",
)


@pytest.mark.parametrize("package", ANALYSES)
def test_analyses_import_in_one_direction(package):
    home = ROOT / "archlint" / "analysis"
    files = sorted((home / package).rglob("*.py")) or [home / f"{package}.py"]
    allowed = set(ANALYSES[ANALYSES.index(package) :])
    for path in files:
        imported = [name.split(".") for name in imported_modules(path)]
        used = {name[2] for name in imported if name[1] == "analysis" and len(name) > 2}
        assert used <= allowed, path


def test_rules_import_the_api_alone():
    for path in (ROOT / "rules" / "archlint_rules").rglob("*.py"):
        assert set(imported_modules(path)) <= {"archlint.api"}, path


@pytest.mark.parametrize("room", ["graph", "ops", "analysis"])
def test_analyses_do_no_input_or_output(room):
    for path in (ROOT / "archlint" / room).rglob("*.py"):
        names = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert names.isdisjoint({"open", "print", "input", "exec", "eval"}), path


def operator_names():
    """Return the names of ONNX's operators, and of all others that archlint knows."""
    standard = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    return standard | {name for _, name in operators().entries}


@pytest.mark.parametrize("room", ["archlint/analysis", "rules/archlint_rules"])
def test_analyses_and_rules_know_no_operator_by_name(room):
    known = operator_names()
    for path in (ROOT / room).rglob("*.py"):
        quoted = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert quoted.isdisjoint(known), (path, quoted & known)


def loaded_by(*arguments):
    """Return the modules that a run of the program has loaded in the end."""
    code = (
        "import sys, archlint.cli\n"
        f"sys.argv = ['archlint', *{list(map(str, arguments))!r}]\n"
        "try:\n    archlint.cli.main()\nexcept SystemExit:\n    pass\n"
        "print(','.join(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.strip().splitlines()[-1].split(","))


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_a_quick_answer_imports_nothing_heavy(flag):
    loaded = {name.split(".")[0] for name in loaded_by(flag)}
    assert loaded.isdisjoint({"yaml", "pluggy", "jsonschema", "onnx", "numpy"})


def test_a_check_without_a_target_loads_no_more_than_it_asks_for(tmp_path):
    model = tmp_path / "model.onnx"
    value = helper.make_tensor_value_info("x", 1, ["N", 4])
    made = helper.make_tensor_value_info("y", 1, ["N", 4])
    relu = helper.make_node("Relu", ["x"], ["y"])
    graph = helper.make_graph([relu], "relu", [value], [made])
    model.write_bytes(helper.make_model(graph).SerializeToString())
    loaded = loaded_by("check", "--no-config", model)
    unused = {
        "yaml",
        "jsonschema",
        "archlint.cli.inspect",
        "archlint.config.settings",
        "archlint.frontends.architecture",
        "archlint.ops.contributed",
        "archlint.ops.standard.convolution",
        "archlint.ops.standard.recurrent",
        "archlint_rules.budget.largest_size",
        "archlint_rules.budget.trials",
        "archlint.analysis.memory.training",
        "archlint.analysis.memory.inference",
        "archlint.analysis.compute.roofline",
    }
    assert "archlint.analysis.receptive_field.receptive_fields" in loaded
    assert loaded.isdisjoint(unused)
