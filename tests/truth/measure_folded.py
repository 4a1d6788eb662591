"""Measure the training of networks of which the default export folds, merges or removes parts.

Needs the extra `truth`. Run it in this folder: python measure_folded.py. Writes folded/truth.json
and the networks as torch.export writes them by default, in training and in evaluation mode, with
their numbers: these tell how large some of the parameters are.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from folded_models import NETWORKS as FOLDED
from measure_training import TELLING, Network, build, exported, truth_of, write_truth
from optimized_models import OPTIMIZED

HERE = Path(__file__).parent / "folded"
NETWORKS = FOLDED | OPTIMIZED
FOLDED_FROM = "pkg.onnxscript.optimizer.folded_from"
RULES = "pkg.onnxscript.rewriter.rule_name"


def export(
    network: Network, path: Path, *, training: bool, telling: Sequence[str] = TELLING
) -> None:
    model, x = build(network)
    kept = (*telling, FOLDED_FROM, RULES)
    proto = exported(model.train(training), x, path, kept, dynamo=True, external_data=False)
    onnx.save(proto, path)


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    truth = {}
    for name, network in NETWORKS.items():
        truth[name] = truth_of(network, ways=(False,))
        for mode in ("training", "inference"):
            export(network, HERE / f"{name}.{mode}.onnx", training=mode == "training")
    write_truth(HERE, truth)


if __name__ == "__main__":
    main()
