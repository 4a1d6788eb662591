"""Write the exports with open dimensions: `python tests/corpus/export_open.py` (needs torch 2.13).

Small networks, each from both exporters. Their closed forms are in `test_open.py`.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).parent / "open"


class SelfAttention(nn.Module):
    """Attention of all positions to all, 8 wide, in two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Linear(8, 24)
        self.outside = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        heads = self.inside(x).view(batch, length, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(heads[0], heads[1], heads[2])
        return self.outside(mixed.transpose(1, 2).reshape(batch, length, 8))


class Encoder(nn.Module):
    """Two pre-norm transformer layers of width 8 over 16, and 3 classes a token."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(50, 8)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(4))
        self.attention = nn.ModuleList(SelfAttention() for _ in range(2))
        self.widen = nn.ModuleList(nn.Linear(8, 16) for _ in range(2))
        self.narrow = nn.ModuleList(nn.Linear(16, 8) for _ in range(2))
        self.classes = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.tokens(x)
        for layer in range(2):
            y = y + self.attention[layer](self.norms[2 * layer](y))
            inside = functional.gelu(self.widen[layer](self.norms[2 * layer + 1](y)))
            y = y + self.narrow[layer](inside)
        return self.classes(y)


class UNet(nn.Module):
    """Two levels down and up again; sides have to be multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in ((3, 4), (4, 6), (6, 8))
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in ((8, 6), (6, 4)))
        self.merge = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in ((12, 6), (8, 4)))
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = torch.relu(self.down[0](x))
        second = torch.relu(self.down[1](functional.max_pool2d(first, 2)))
        y = torch.relu(self.down[2](functional.max_pool2d(second, 2)))
        y = torch.relu(self.merge[0](torch.cat([self.up[0](y), second], 1)))
        y = torch.relu(self.merge[1](torch.cat([self.up[1](y), first], 1)))
        return self.out(y)


class Recurrent(nn.Module):
    """A convolution of stride 2, and an LSTM of 5 units over what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = nn.Conv1d(4, 6, 3, stride=2, padding=1)
        self.lstm = nn.LSTM(6, 5, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(self.frames(x).transpose(1, 2))[0]


def strip(path: Path) -> None:
    """Leave out what tells of the machine, and the numbers of the weights."""
    model = onnx.load(path)
    del model.metadata_props[:], model.graph.metadata_props[:]
    graph = model.graph
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for stored in graph.initializer:
        if stored.raw_data and stored.data_type == onnx.TensorProto.FLOAT:
            stored.raw_data = bytes(len(stored.raw_data))
    onnx.save(model, path)


def main() -> None:
    """Write every network with both exporters."""
    image, signal = torch.randn(2, 3, 16, 24), torch.randn(2, 4, 12)
    networks = {
        "encoder": (Encoder(), torch.randint(0, 50, (2, 7)), {0: "N", 1: "T"}),
        "unet": (UNet(), image, {0: "N", 2: "H", 3: "W"}),
        "recurrent": (Recurrent(), signal, {0: "N", 2: "T"}),
    }
    FOLDER.mkdir(exist_ok=True)
    for name, (network, example, axes) in networks.items():
        network.eval()
        torch.onnx.export(
            network,
            (example,),
            str(FOLDER / f"{name}.torchscript.onnx"),
            input_names=["x"],
            dynamic_axes={"x": axes},
            opset_version=17,
            dynamo=False,
        )
        torch.onnx.export(
            network,
            (example,),
            str(FOLDER / f"{name}.dynamo.onnx"),
            dynamic_shapes=(dict.fromkeys(axes, torch.export.Dim.DYNAMIC),),
            dynamo=True,
            external_data=False,
        )
        for exporter in ("torchscript", "dynamo"):
            strip(FOLDER / f"{name}.{exporter}.onnx")


if __name__ == "__main__":
    main()
