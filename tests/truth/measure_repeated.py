"""Measure the FLOP of training of networks whose calls the default export merges or folds.

Needs the extra `truth`. Run it in this folder: python measure_repeated.py. Writes
repeated/truth.json with the parameters and what PyTorch's counter says of both passes of training,
and the networks as torch.export writes them by default, in training and in evaluation mode.
Attention is counted as the products that it stands for. Numbers are kept: they tell the length of
some sums. Under `called` are networks that TorchScript's exporter merges calls of, with the
bytes that autograd saves; their files are repeated/NAME.torchscript.onnx.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from called_models import CALLED
from measure_folded import export
from measure_training import STACK, TELLING, Network, build, saved, write_truth
from measure_training import export as export_as
from repeated_models import NETWORKS
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).parent / "repeated"
CALLS = tuple(key for key in TELLING if key != STACK)


def flops_of(network: Network) -> dict[str, int]:
    model, x = build(network)
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as forward:
            found = model(x)
        found = found if isinstance(found, tuple) else (found,)
        loss = sum(each.sum() for each in found if each.requires_grad)
        with FlopCounterMode(display=False) as backward:
            loss.backward()
    return {
        "parameters": sum(each.numel() for each in model.parameters()),
        "forward": forward.get_total_flops(),
        "backward": backward.get_total_flops(),
    }


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    truth = {name: flops_of(network) for name, network in NETWORKS.items()}
    for name, network in NETWORKS.items():
        for mode in ("training", "inference"):
            export(
                network, HERE / f"{name}.{mode}.onnx", training=mode == "training", telling=CALLS
            )
    called = {}
    for name, network in CALLED.items():
        called[name] = {**flops_of(network), "saved_bytes": saved(*build(network))}
        export_as(network, "torchscript", HERE / f"{name}.torchscript.onnx")
    write_truth(HERE, truth, called=called)


if __name__ == "__main__":
    main()
