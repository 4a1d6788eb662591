"""Let PyTorch go back through attention, and write what gradients its three inputs get.

Needs torch; the tests read what it wrote: python tests/truth/attention_gradients.py
"""

from __future__ import annotations

import json
from itertools import product
from math import sqrt
from pathlib import Path

import torch

HEADS, WIDTH = 4, 32
PLACES = 60_000  # queries in all of a case, over the samples of a batch
LENGTHS, SCALES = (16, 64, 256), (0.2, 1.0, 1.5)


def measure(length: int, causal: bool, scale: float) -> dict[str, float]:
    """Return the mean square of the gradient of each input, for one of 1 in the output.

    Inputs are standard normal, and queries are multiplied by `scale`.
    """
    total: dict[str, float] = dict.fromkeys("qkv", 0.0)
    batches = max(PLACES // (8 * length), 1)
    for _ in range(batches):
        inputs = {name: torch.randn(8, HEADS, length, WIDTH, requires_grad=True) for name in "qkv"}
        scores = scale * inputs["q"] @ inputs["k"].transpose(2, 3) / sqrt(WIDTH)
        if causal:
            later = torch.ones(length, length, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        averaged = scores.softmax(-1) @ inputs["v"]
        averaged.backward(torch.randn_like(averaged))
        for name, each in inputs.items():
            total[name] += float(each.grad.square().mean()) / batches
    return {name: float(f"{value:.4g}") for name, value in total.items()}


def main() -> None:
    """Measure all cases."""
    torch.manual_seed(0)
    found = [
        {"length": length, "causal": causal, "scale": scale} | measure(length, causal, scale)
        for length, causal, scale in product(LENGTHS, (False, True), SCALES)
    ]
    path = Path(__file__).with_suffix(".json")
    document = {"torch": torch.__version__, "heads": HEADS, "width": WIDTH, "attention": found}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
