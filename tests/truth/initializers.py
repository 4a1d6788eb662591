"""Sample PyTorch's own initializers and write what their deviations are.

Needs torch; the tests read what it wrote: python tests/truth/initializers.py
"""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path

import torch
from torch import nn

DRAWS = 24_000_000  # numbers in all, so that the standard error is below 0.015 %

CASES = {
    "normal(mean=0.0, std=0.02)": ([512, 512], lambda w: nn.init.normal_(w, 0.0, 0.02)),
    "uniform(a=-0.3, b=0.3)": ([512, 512], lambda w: nn.init.uniform_(w, -0.3, 0.3)),
    "uniform(a=0, b=1)": ([512, 512], nn.init.uniform_),
    "trunc_normal(mean=0, std=1, a=-2, b=2)": ([512, 512], nn.init.trunc_normal_),
    "trunc_normal(mean=0, std=0.02, a=-2, b=2)": (
        [512, 512],
        lambda w: nn.init.trunc_normal_(w, std=0.02),
    ),
    "trunc_normal(mean=0.1, std=0.5, a=-0.5, b=1)": (
        [512, 512],
        lambda w: nn.init.trunc_normal_(w, 0.1, 0.5, -0.5, 1.0),
    ),
    "kaiming_normal(a=0, mode=fan_in, nonlinearity=relu)": (
        [256, 128, 3, 3],
        lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    ),
    "kaiming_normal(a=0, mode=fan_out, nonlinearity=relu)": (
        [256, 128, 3, 3],
        lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    ),
    "kaiming_uniform(a=0.1, mode=fan_in, nonlinearity=leaky_relu)": (
        [256, 128, 5],
        lambda w: nn.init.kaiming_uniform_(w, a=0.1),
    ),
    "kaiming_normal(a=0, mode=fan_in, nonlinearity=tanh)": (
        [300, 500],
        lambda w: nn.init.kaiming_normal_(w, nonlinearity="tanh"),
    ),
    "kaiming_normal(a=0, mode=fan_in, nonlinearity=selu)": (
        [300, 500],
        lambda w: nn.init.kaiming_normal_(w, nonlinearity="selu"),
    ),
    "kaiming_uniform(a=0, mode=fan_in, nonlinearity=linear)": (
        [64, 1, 3, 3],
        lambda w: nn.init.kaiming_uniform_(w, nonlinearity="linear"),
    ),
    "xavier_normal(gain=1)": ([300, 500], nn.init.xavier_normal_),
    "xavier_uniform(gain=2)": ([96, 32, 3, 3, 3], lambda w: nn.init.xavier_uniform_(w, 2.0)),
    "orthogonal(gain=1)": ([256, 512], nn.init.orthogonal_),
    "orthogonal(gain=1.4142135623730951)": (
        [512, 32, 3, 3],
        lambda w: nn.init.orthogonal_(w, sqrt(2)),
    ),
    "constant(value=0.3)": ([64, 64], lambda w: nn.init.constant_(w, 0.3)),
    "zeros()": ([64, 64], nn.init.zeros_),
    "ones()": ([64, 64], nn.init.ones_),
    "eye()": ([64, 48], nn.init.eye_),
    "dirac()": ([16, 8, 3, 3], nn.init.dirac_),
}

LAYERS = {
    "Linear(300, 500)": lambda: nn.Linear(300, 500).weight,
    "Conv2d(64, 128, 3)": lambda: nn.Conv2d(64, 128, 3).weight,
    "Conv2d(64, 64, 3, groups=64)": lambda: nn.Conv2d(64, 64, 3, groups=64).weight,
    "ConvTranspose2d(64, 32, 4, stride=2)": lambda: nn.ConvTranspose2d(64, 32, 4, stride=2).weight,
    "Embedding(1000, 64)": lambda: nn.Embedding(1000, 64).weight,
    "LSTM(96, 128).weight_ih_l0": lambda: nn.LSTM(96, 128).weight_ih_l0,
    "GRU(96, 128).weight_hh_l0": lambda: nn.GRU(96, 128).weight_hh_l0,
    "MultiheadAttention(128, 4).in_proj_weight": lambda: (
        nn.MultiheadAttention(128, 4).in_proj_weight
    ),
}


def moments(draw, numbers):
    """Return mean and deviation over as many draws as `numbers` takes."""
    total, square, count = 0.0, 0.0, 0
    while count < numbers:
        values = draw().detach().double()
        total += values.sum().item()
        square += (values * values).sum().item()
        count += values.numel()
    mean = total / count
    return {"mean": mean, "std": sqrt(max(square / count - mean * mean, 0.0))}


def main():
    """Write the truth beside this file."""
    torch.manual_seed(0)
    drawn = []
    for text, (shape, draw) in CASES.items():
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
        numbers = 4_000_000 if text.startswith("orthogonal") else DRAWS
        fixed = text.startswith(("constant", "zeros", "ones", "eye", "dirac"))
        found = moments(lambda s=shape, d=draw: d(torch.empty(s)), 1 if fixed else numbers)
        fans = [fan_in, fan_out]
        drawn.append({"initializer": text, "shape": shape, "fans": fans, **found})
    layers = [{"layer": name, **moments(make, DRAWS)} for name, make in LAYERS.items()]
    document = {"torch": torch.__version__, "initializers": drawn, "layers": layers}
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
