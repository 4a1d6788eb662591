"""What is installed is what is meant to be, and the hook works from a clone."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BAD = """\
archlint: 1
name: bad
inputs:
  x: [1, 4]
layers:
  - Linear: {out_features: 1024}
target:
  require: {weights: 1 KiB}
"""
GOOD = BAD.replace("1 KiB", "1 MiB")


def run(*command, cwd, check=True):
    return subprocess.run(command, cwd=cwd, check=check, capture_output=True, text=True)


@pytest.mark.slow
def test_a_wheel_has_three_packages_with_their_data(tmp_path):
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("archlint_nn-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"archlint", "archlint_rules", "archlint_schemas"}
    assert "archlint/devices/catalogue.json" in names
    assert "archlint/devices/runtimes.json" in names
    assert {"archlint/py.typed", "archlint/api.pyi"} <= set(names)
    assert "archlint/engine/manuals/unused-suppression.md" in names
    assert "archlint_schemas/architecture.schema.json" in names
    rules = {name for name in names if name.startswith("archlint_rules/")}
    manuals = {name for name in rules if name.endswith(".md")}
    assert manuals
    assert {name.replace(".md", ".py") for name in manuals} <= rules


@pytest.mark.slow
def test_the_hook_finds_a_bad_model_and_passes_a_good_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    source = tmp_path / "archlint"
    run("git", "clone", "--quiet", ROOT, source, cwd=tmp_path)
    revision = run("git", "rev-parse", "HEAD", cwd=source).stdout.strip()
    project = tmp_path / "project"
    project.mkdir()
    run("git", "init", "--quiet", cwd=project)
    (project / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {source}\n    rev: {revision}\n    hooks:\n      - id: archlint\n",
        encoding="utf-8",
    )
    model = project / "net.arch.yaml"
    (project / "other.yaml").write_text("name: not ours\n", encoding="utf-8")
    hook = (sys.executable, "-m", "pre_commit", "run", "--all-files")

    model.write_text(BAD, encoding="utf-8")
    run("git", "add", ".", cwd=project)
    failed = run(*hook, cwd=project, check=False)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "net.arch.yaml:8:22: error[MEM003] weights-exceed-flash" in failed.stdout
    assert "other.yaml" not in failed.stdout

    model.write_text(GOOD, encoding="utf-8")
    run("git", "add", ".", cwd=project)
    passed = run(*hook, cwd=project, check=False)
    assert passed.returncode == 0, passed.stdout + passed.stderr
