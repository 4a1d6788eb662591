"""Measure the peak of a training step in which one operator's backward pass is the worst instant.

Needs the extra `truth`. Run it in this folder: python measure_operators.py. Writes operators.json,
against which the tests hold the same networks in ONNX.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import torch
from measure_training import peak, saved
from torch import nn
from torch.nn import functional

HERE = Path(__file__).parent
ROWS = (2, 256, 16)


def index(x: torch.Tensor) -> torch.Tensor:
    """Return the largest column of each row."""
    return x.argmax(-1).flatten()


# What is done between two linear layers to p of the shape ROWS: few weights, large activations. The
# input is x, and what else a program takes is stored.
PROGRAMS = {
    "ReduceL1": lambda p: p.norm(p=1, dim=1),
    "ReduceL2": lambda p: p.norm(dim=1),
    "ReduceProd": lambda p: p.prod(1),
    "ReduceMax": lambda p: p.amax((1, 2), keepdim=True),
    "ReduceLogSumExp": lambda p: p.logsumexp(1),
    "Deviation": lambda p: p.std(1),
    "CumSum": lambda p: p.cumsum(1),
    "Max": lambda p: torch.maximum(p, -p),
    "Pow": lambda p, exponent: (p.abs() + 1) ** exponent,
    "Clip": lambda p: p.clamp(-0.5, 2.0),
    "ClipOnce": lambda p: p.clamp(min=0.5),
    "ReLU6": lambda p: functional.hardtanh(p, 0.0, 6.0),
    "Dropout": lambda p: functional.dropout(p, 0.2),
    "IndexSelect": lambda p, even: p.index_select(1, even),
    "Gather": lambda p, zeros: p.gather(1, zeros),
    "Broadcast": lambda x, p: x[:, :12].reshape(2, 4, 3, 16) @ p[:, None].transpose(-1, -2),
    "ReduceSum": lambda p: p.sum(1, keepdim=True),
    "Roll": lambda p: p.roll(-3, 1),
    "CrossEntropy": lambda x, p: functional.cross_entropy(p.flatten(0, 1), index(x))[None],
    "GridSample": lambda x, p: functional.grid_sample(
        p[:, None], x[:, None, :, :2], align_corners=False
    ),
    "Patches": lambda p: functional.unfold(p[:, None], (2, 16), stride=(2, 16)),
    # What torch.export alone tells from its parts.
    "Log1p": lambda p: p.log1p(),
    "Log2": lambda p: p.log2(),
    "Expm1": lambda p: p.expm1(),
    "Lerp": lambda x, p: torch.lerp(p, x, 0.3),
    "Atan2": lambda x, p: torch.atan2(p, x),
    "Clamp": lambda p: p.clamp(-1, 1),
    "Baddbmm": lambda x, p: torch.baddbmm(p, x @ x.transpose(1, 2), p),
    "Unfold": lambda p: p.unfold(1, 4, 4),
    "Pooled": lambda p: functional.adaptive_max_pool2d(p[:, None], 1),
}


STORED = {
    "even": torch.arange(0, 256, 2),
    "zeros": torch.zeros(2, 4, 16, dtype=torch.int64),
    "exponent": nn.Parameter(torch.ones(16)),
}


class Between(nn.Module):
    """A program between two linear layers."""

    def __init__(self, program: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.program, self.names = program, tuple(signature(program).parameters)
        for name in STORED.keys() & set(self.names):
            is_weight = isinstance(STORED[name], nn.Parameter)
            (self.register_parameter if is_weight else self.register_buffer)(name, STORED[name])
        self.first = nn.Linear(16, 16)
        columns = self.run(torch.zeros(ROWS), torch.zeros(ROWS)).shape[-1]
        self.last = nn.Linear(columns, 2)

    def run(self, x: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        known = STORED | {"x": x, "p": p}
        return self.program(*(known[name] for name in self.names))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.run(x, self.first(x)))


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = {
        name: {
            "saved_bytes": saved(Between(program), torch.randn(ROWS)),
            "peak_bytes": peak(Between(program), torch.randn(ROWS), "sgd", foreach=False),
        }
        for name, program in PROGRAMS.items()
    }
    about = {"torch": torch.__version__, "operators": found}
    (HERE / "operators.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
