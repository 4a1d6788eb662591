"""Measure what PyTorch keeps and holds when it trains the network of an architecture file.

Needs the extra `truth`. Run it in this folder: python measure_documents.py. Writes documents.json,
which holds the files and what was measured.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from document_network import Network
from documents import Layer, Shape, documents
from measure_training import peak, saved
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).parent


def measured(shape: Shape, layers: list[Layer]) -> dict[str, int] | None:
    """Return what is measured of a network, None where PyTorch refuses to train it."""
    torch.manual_seed(0)
    x = torch.randn(shape)
    network = Network(layers, x).train()
    try:
        kept = saved(network, x)
        held = {
            f"{optimizer}_bytes": peak(Network(layers, x), x, optimizer, foreach=False, kind="mse")
            for optimizer in ("sgd", "adam")
        }
    except RuntimeError:  # as where a tensor is overwritten that the backward pass needs
        return None
    with (  # of the kernels that the counter sees into
        torch.backends.mkldnn.flags(enabled=False),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        network(x)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    flops = counter.get_total_flops()
    return {"parameters": parameters, "forward_flops": flops, "saved_bytes": kept, **held}


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    found = [
        {"input": list(shape), "layers": layers, **figures}
        for shape, layers in documents()
        if (figures := measured(shape, layers)) is not None
    ]
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in found)
    text = f'{{"torch": "{torch.__version__}", "documents": [\n{lines}\n]}}\n'
    (HERE / "documents.json").write_text(text)


if __name__ == "__main__":
    main()
