"""Measure the training of networks that are exported for inference, with the defaults of PyTorch.

Needs the extra `truth`. Run it in this folder: python measure_inference.py. Writes
inference/truth.json and the networks as both exporters write them in evaluation mode, with their
numbers: these alone tell what is tied.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from inference_models import BY_LINES, FOLDED, ONLY_DYNAMO
from measure_training import STACK, Network, build, exported, truth_of, write_truth

HERE = Path(__file__).parent / "inference"
EXPORTERS = {
    "torchscript": {"dynamo": False},
    "dynamo": {"dynamo": True, "external_data": False},
}
TELLING = (
    "pkg.torch.onnx.class_hierarchy",
    "pkg.torch.onnx.fx_node",
    "pkg.torch.onnx.name_scopes",
    "pkg.onnxscript.rewriter.rule_name",
)


def export(network: Network, exporter: str, path: Path, *, with_lines: bool) -> None:
    model, x = build(network)
    telling = (*TELLING, STACK) if with_lines else TELLING
    how = EXPORTERS[exporter]
    onnx.save(exported(model.eval(), x, path, telling, input_names=["x"], **how), path)


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    truth = {}
    for name, network in FOLDED.items():
        truth[name] = truth_of(network, ways=(False,))
        for exporter in ("dynamo",) if name in ONLY_DYNAMO else EXPORTERS:
            path = HERE / f"{name}.{exporter}.onnx"
            export(network, exporter, path, with_lines=name in BY_LINES)
    write_truth(HERE, truth)


if __name__ == "__main__":
    main()
