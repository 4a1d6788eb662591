"""Measure what PyTorch keeps and holds in a training step, and export what was measured.

Needs the extra `truth`. Run it in this folder: python measure_training.py. Writes
training/NAME.EXPORTER.onnx and training/truth.json; the tests need neither PyTorch nor this.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import warnings
import weakref
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import onnx
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.onnx import TrainingMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from training_models import EXPORTED, NETWORKS

HERE = Path(__file__).parent / "training"
BATCH = 3
Network: TypeAlias = tuple[Callable[..., torch.nn.Module], Callable[[int], torch.Tensor]]
# What is kept of what torch.export notes: the rest is long, or tells of the machine.
STACK = "pkg.torch.onnx.stack_trace"
TELLING = ("pkg.torch.onnx.fx_node", "pkg.torch.onnx.name_scopes", STACK)
FOLDERS = re.compile(r'(?<=File ")(?:[^"\n]*/site-packages/|[^"\n]*/)')
CLASSES, BROKEN_UP = "pkg.torch.onnx.class_hierarchy", "torch.nn.modules.normalization.RMSNorm"


def build(network: Network, *arguments: int) -> tuple[torch.nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    make, inputs = network
    return make(*arguments).train(), inputs(BATCH)


def storage(tensor: torch.Tensor) -> tuple[int, int]:
    whole = tensor.untyped_storage()
    return whole._cdata, whole.nbytes()


class Packed:
    """What autograd holds in place of a tensor that it saves: no graph, which would hold this."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor.detach()


def saved(model: torch.nn.Module, x: torch.Tensor) -> int:
    """Bytes of the storages that autograd keeps, parameters and buffers apart.

    What it saves for results that no gradient comes back to goes before the forward pass is over.
    """
    own = {storage(tensor)[0] for tensor in (*model.parameters(), *model.buffers())}
    kept: weakref.WeakSet[Packed] = weakref.WeakSet()

    def keep(tensor: torch.Tensor) -> Packed:
        packed = Packed(tensor)
        kept.add(packed)
        return packed

    with saved_tensors_hooks(keep, lambda packed: packed.tensor):
        out = model(x)
    sizes = dict(storage(packed.tensor) for packed in kept)
    del out
    return sum(nbytes for key, nbytes in sizes.items() if key not in own)


class Watch(TorchDispatchMode):
    """The most bytes of live storages after any operator."""

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        super().__init__()
        self.now = self.most = 0
        self.seen: set[int] = set()
        for tensor in tensors:
            self.add(tensor)

    def add(self, tensor: torch.Tensor) -> None:
        key, nbytes = storage(tensor)
        if key not in self.seen:
            self.seen.add(key)
            self.now += nbytes
            weakref.finalize(tensor.untyped_storage(), self.drop, key, nbytes)

    def drop(self, key: int, nbytes: int) -> None:
        self.seen.discard(key)
        self.now -= nbytes

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_flatten(out)[0]:
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        self.most = max(self.most, self.now)
        return out


def loss_of(kind: str, out: torch.Tensor, target: torch.Tensor | None) -> torch.Tensor:
    if target is None:
        return out.sum()
    if kind == "mse":
        return functional.mse_loss(out, target)
    return functional.cross_entropy(out.reshape(-1, out.shape[-1]), target.reshape(-1))


def target_of(kind: str, out: torch.Tensor) -> torch.Tensor | None:
    if kind == "none":
        return None
    return torch.zeros(out.shape if kind == "mse" else out.shape[:-1]).to(
        torch.float32 if kind == "mse" else torch.int64
    )


def peak(  # noqa: PLR0913 - a setting of the step each
    model: torch.nn.Module,
    x: torch.Tensor,
    optimizer: str,
    *,
    foreach: bool,
    kind: str = "none",
    autocast: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
) -> int:
    """Most live bytes of a step; the caller holds the output, and the loss's target."""
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    steps = make(model.parameters(), 1e-4, foreach=foreach)
    with autocast():
        out = model(x)
        target = target_of(kind, out)
        loss = loss_of(kind, out, target)
    loss.backward()
    steps.step()
    steps.zero_grad()
    del out, loss
    states = [t for each in steps.state.values() for t in each.values() if torch.is_tensor(t)]
    held = [*model.parameters(), *model.buffers(), x, *states]
    with Watch(held if target is None else [*held, target]) as watch:
        with autocast():
            out = model(x)
            loss = loss_of(kind, out, target)
        loss.backward()
        steps.step()
    return watch.most


def export(network: Network, exporter: str, path: Path) -> None:
    model, x = build(network)
    how = (
        {"dynamo": True, "optimize": False, "external_data": False}
        if exporter == "dynamo"
        else {
            "dynamo": False,
            "opset_version": 17,
            "training": TrainingMode.PRESERVE,
            "do_constant_folding": False,
        }
    )
    proto = exported(model, x, path, TELLING, input_names=["x"], **how)
    for stored in proto.graph.initializer:  # the numbers do not matter, only that they are there
        if stored.raw_data and stored.data_type == onnx.TensorProto.FLOAT:
            stored.raw_data = bytes(len(stored.raw_data))
    onnx.save(proto, path)


def exported(
    model: torch.nn.Module, x: torch.Tensor, path: Path, telling: Collection[str], **how: object
) -> onnx.ModelProto:
    """Write the network to `path` with PyTorch's exporter, and return it with a trimmed record."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.onnx.export(model, (x,), str(path), **how)
    proto = onnx.load(path)
    trim(proto, telling)
    return proto


def trim(proto: onnx.ModelProto, telling: Collection[str]) -> None:
    """Leave of the record of torch.export what archlint reads: the rest tells of the machine."""
    for node in proto.graph.node:
        kept = [
            entry
            for entry in node.metadata_props
            if entry.key in telling or (entry.key == CLASSES and BROKEN_UP in entry.value)
        ]
        for entry in kept:
            if entry.key == STACK:
                entry.value = FOLDERS.sub("", entry.value)
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    for info in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        kept = [entry for entry in info.metadata_props if entry.key in telling]
        del info.metadata_props[:]
        info.metadata_props.extend(kept)


def truth_of(network: Network, ways: Collection[bool] = (False, True)) -> dict[str, object]:
    """Return what training takes, with the optimizer's updates one by one or all at once."""
    model, _ = build(network)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "saved_bytes": saved(*build(network)),
        "peak_bytes": {
            f"{optimizer}{' foreach' if foreach else ''}": peak(
                *build(network), optimizer, foreach=foreach
            )
            for optimizer in ("sgd", "adam")
            for foreach in ways
        },
    }


def write_truth(folder: Path, networks: Mapping[str, object], **more: object) -> None:
    """Write what was measured of each network."""
    about = {"torch": torch.__version__, "batch": BATCH, "networks": networks, **more}
    (folder / "truth.json").write_text(json.dumps(about, indent=1) + "\n")


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    truth = {}
    for name, network in (NETWORKS | EXPORTED).items():
        truth[name] = truth_of(network)
        for exporter in ("dynamo",) if name in EXPORTED else ("torchscript", "dynamo"):
            export(network, exporter, HERE / f"{name}.{exporter}.onnx")
    write_truth(HERE, truth)


if __name__ == "__main__":
    main()
