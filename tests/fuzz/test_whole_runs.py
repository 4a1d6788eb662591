"""`archlint check` on damaged files: an answer in little time and memory, and never a crash."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from google.protobuf.message import DecodeError

pytest.importorskip("resource", reason="limits of a process are those of POSIX")

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "tests" / "truth" / "training").glob("*.onnx"))
ARCHITECTURES = sorted((ROOT / "examples").glob("*.arch.yaml"))
FEW, MANY = 12, 120
# The limits of the issue are those of one file: 10 seconds of CPU, and 1 GB.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
resource.setrlimit(resource.RLIMIT_DATA, (10**9, 10**9))
from archlint.cli import main
sys.argv = ["archlint", "check", *sys.argv[1:]]
sys.exit(main())
"""


def check(path: Path) -> subprocess.CompletedProcess[str]:
    target = ("--optimizer", "adam", "--device", "nvidia-t4", "--batch-size", "5")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # each maps memory
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), *target],
        capture_output=True, text=True, encoding="utf-8", check=False, cwd=path.parent,
        env={**os.environ, **threads},
    )  # fmt: skip


def damaged(good: bytes, rng: random.Random) -> bytes:
    """Change some bytes, cut a stretch out or repeat it, or cut the end off."""
    data = bytearray(good)
    for _ in range(rng.randint(1, 8)):
        start, size = rng.randrange(len(data)), rng.randint(1, 60)
        match rng.randrange(4):
            case 0:
                data[start] = rng.randrange(256)
            case 1:
                del data[start : start + size]
            case 2:
                data[start:start] = data[start : start + size]
            case _ if rng.random() < 0.2:
                del data[max(start, 1) :]
            case _:
                data[start] ^= 1 << rng.randrange(8)
        data = data or bytearray(b"\n")
    return bytes(data)


def is_onnx(data: bytes) -> bool:
    try:
        onnx.load_model_from_string(data)
    except DecodeError:
        return False
    return True


def assert_answered(seed: int, sources: list[Path], folder: Path) -> None:
    rng = random.Random(seed)  # noqa: S311 - it decides what is damaged, and keeps no secret
    source = rng.choice(sources)
    data = damaged(source.read_bytes(), rng)
    path = folder / f"damaged{''.join(source.suffixes[-2:])}"
    path.write_bytes(data)

    run = check(path)

    told = f"{source.name}, seed {seed}: {run.returncode} {run.stderr[-500:]}"
    assert run.returncode in {0, 1, 2}, told
    assert "Traceback" not in run.stderr, told
    assert "internal error" not in run.stderr + run.stdout, told
    if source.suffix == ".onnx" and not is_onnx(data):
        assert run.returncode == 1, told


@pytest.mark.parametrize("sources", [MODELS, ARCHITECTURES], ids=["onnx", "yaml"])
@pytest.mark.parametrize("seed", range(FEW))
def test_a_damaged_file_is_answered(seed: int, sources: list[Path], tmp_path: Path) -> None:
    assert_answered(seed, sources, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("sources", [MODELS, ARCHITECTURES], ids=["onnx", "yaml"])
def test_many_damaged_files_are_answered(sources: list[Path], tmp_path: Path) -> None:
    for seed in range(FEW, MANY):
        assert_answered(seed, sources, tmp_path)


def test_the_limit_of_memory_holds() -> None:
    """Else the tests above would say nothing of memory."""
    code = LIMITED.replace("from archlint", "bytearray(2 * 10**9)\nfrom archlint")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if sys.platform == "linux":
        assert "MemoryError" in run.stderr
