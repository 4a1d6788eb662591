"""Print what reading and checking cost, next to the limits that the project sets itself.

Run it by hand: `python -m tests.perf.measure [RUNS]`. Every step is a process of its own; the
figures are the least CPU seconds (user and system) and the least peak memory of the runs. Most
limits are ratios, which a machine's speed does not change; those of a network of 1,000 nodes are
CPU seconds. It needs Linux or macOS, 5 GB of memory for the comparison with onnx.load, and some
minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[2]
EXPORTS = sorted((ROOT / "tests" / "truth" / "training").glob("*.onnx"))
ARCHITECTURES = sorted((ROOT / "examples").glob("*.arch.yaml"))

MAKE = """
from pathlib import Path
from tests.perf.synthetic_models import big_weights, many_layers, many_nodes
big_weights(Path({folder!r}, "big.onnx"))
big_weights(Path({folder!r}, "small.onnx"), width=40)
many_nodes(Path({folder!r}, "nodes.onnx"))
many_layers(Path({folder!r}, "layers.onnx"))
many_layers(Path({folder!r}, "thousand.onnx"), pairs=13)
"""
READ = """
from pathlib import Path
from archlint.sources.onnx_file import read_onnx
read_onnx(Path({path!r}))
"""
LOAD = "import onnx; onnx.load_model({path!r}, load_external_data=False)"
INFER = """
import onnx
onnx.shape_inference.infer_shapes(onnx.load_model({path!r}), data_prop=True)
"""
STATISTICS = """
from pathlib import Path
from archlint.sources.onnx_file import read_onnx
from archlint.sources.statistics import statistics
document = read_onnx(Path({path!r}))
for payload in document.payloads.values():
    statistics(document.path, payload, exact={exact})
"""
BYTES = """
buffer = bytearray(1 << 20)
with open({path!r}, "rb", buffering=0) as file:
    while file.readinto(buffer):
        pass
"""
ARCHLINT = """
import sys
from archlint.cli import main
sys.argv = ["archlint", *{arguments!r}]
main()
"""
ON_DEVICE = ("--device", "nvidia-a100-40gb", "--optimizer", "adam")
BATCH = ("--batch-size", "2")


@dataclass(frozen=True)
class Cost:
    """CPU seconds and peak memory in MiB of one process."""

    cpu: float
    memory: float


def archlint(*arguments: str) -> str:
    """Return the code of a run of the command line."""
    return ARCHLINT.format(arguments=arguments)


def run(code: str) -> Cost:
    """Run code in a fresh interpreter.

    This process stays small: on Linux a child begins with the peak memory of its parent.
    """
    folders = (ROOT, ROOT / "rules", ROOT / "schemas")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in {0, 1}:  # 1: the model has findings
        sys.exit(f"this step failed:\n{code}")
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale)


def measure(code_of: dict[str, str], runs: int) -> dict[str, Cost]:
    """Run all steps in turn, `runs` times, and take the least: what others do only adds."""
    costs: dict[str, list[Cost]] = {name: [] for name in code_of}
    for _ in range(runs):
        for name, code in code_of.items():
            costs[name].append(run(code))
    return {
        name: Cost(
            min(cost.cpu for cost in several),
            min(cost.memory for cost in several),
        )
        for name, several in costs.items()
    }


def tell(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def compare(title: str, value: float, limit: float) -> None:
    """Print a figure next to its limit."""
    tell(f"{title:46} {value:8.3f}   at most {limit:g}{'' if value <= limit else '   EXCEEDED'}")


def steps(folder: str) -> dict[str, str]:
    """Return the code of every step by its name; the models in `folder` are made already."""
    big, small, nodes, layers, thousand = (
        str(Path(folder, f"{name}.onnx"))
        for name in ("big", "small", "nodes", "layers", "thousand")
    )
    return {
        "python": "pass",
        "import onnx": "import onnx",
        "read small": READ.format(path=small),
        "read big": READ.format(path=big),
        "read nodes": READ.format(path=nodes),
        "onnx.load big": LOAD.format(path=big),
        "onnx.load nodes": LOAD.format(path=nodes),
        "infer_shapes nodes": INFER.format(path=nodes),
        "infer_shapes layers": INFER.format(path=layers),
        "bytes of big": BYTES.format(path=big),
        "sampled statistics of big": STATISTICS.format(path=big, exact=False),
        "exact statistics of big": STATISTICS.format(path=big, exact=True),
        "check small": archlint("check", small),
        "check big": archlint("check", big),
        "check nodes": archlint("check", nodes),
        "check layers": archlint("check", layers),
        "check layers, batch": archlint("check", layers, *BATCH),
        "inspect": archlint("inspect", thousand, *BATCH),
        "check --device": archlint("check", thousand, *ON_DEVICE, *BATCH),
        "inspect, open": archlint("inspect", thousand),
        "check --device, open": archlint("check", thousand, *ON_DEVICE),
    } | {str(path): archlint("check", str(path)) for path in (*EXPORTS, *ARCHITECTURES)}


def compare_all(costs: dict[str, Cost]) -> None:
    """Print every figure that has a limit."""

    def ratio(title: str, over: str, under: str, limit: float) -> None:
        compare(title, costs[over].cpu / costs[under].cpu, limit)

    def more(title: str, over: str, under: str, limit: float) -> None:
        compare(title, costs[over].memory - costs[under].memory, limit)

    ratio("reader / onnx.load, CPU, 1.9 GB", "read big", "onnx.load big", 0.15)
    ratio("reader / onnx.load, CPU, 52,000 nodes", "read nodes", "onnx.load nodes", 1.6)
    ratio("reader on big / on small weights, CPU", "read big", "read small", 1.10)
    more("reader on big - on small weights, MiB", "read big", "read small", 8)
    ratio("check of big / of small weights, CPU", "check big", "check small", 1.10)
    more("check of big - of small weights, MiB", "check big", "check small", 8)
    ratio("check of 52,000 nodes / infer_shapes, CPU", "check nodes", "infer_shapes nodes", 3)
    ratio("the same of a realistic graph", "check layers", "infer_shapes layers", 3)
    ratio("the same with a batch size", "check layers, batch", "infer_shapes layers", 3)
    for kind, paths in (("ONNX file", EXPORTS), ("YAML file", ARCHITECTURES)):
        small = [costs[str(path)].cpu / costs["import onnx"].cpu for path in paths]
        compare(f"check of a small {kind} / import onnx, mean", mean(small), 1.5)
        compare("the same of the one that takes longest", max(small), 1.5)
    ratio("exact statistics / reading the bytes, CPU", "exact statistics of big", "bytes of big", 5)
    for batch, ending in (("bound", ""), ("open", ", open")):
        for command in ("inspect", "check --device"):
            title = f"{command} of 1,000 nodes, {batch} batch, CPU s"
            compare(title, costs[command + ending].cpu, 1)


def main(runs: int) -> None:
    """Make the models, run the steps, print the table and the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        run(MAKE.format(folder=folder))
        costs = measure(steps(folder), runs)
    for name, cost in costs.items():
        tell(f"{name:28} {cost.cpu:8.3f} CPU s {cost.memory:9.1f} MiB")
    tell("")
    compare_all(costs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
