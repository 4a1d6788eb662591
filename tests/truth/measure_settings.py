"""Measure a training step under settings: checkpointing, accumulation, adapters, DDP and others.

Needs the extra `truth`. Run it in this folder: python measure_settings.py. Writes
training/settings.json and the two networks that it is about. An entry says what archlint is told
of the training and what PyTorch held; the FLOP of attention are added by hand, since PyTorch's
counter has none for the fused kernel on a CPU.
"""

from __future__ import annotations

import json
import os
import warnings
import weakref
from collections.abc import Callable, Iterator

import torch
import torch.distributed as dist
from deep_models import DEEP
from measure_training import BATCH, HERE, Watch, build, export, saved
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.flop_counter import FlopCounterMode
from training_models import Adapted

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
Change = Callable[[nn.Module], object]
ATTENTION = 4 * 4 * BATCH * 10 * 10 * 24  # FLOP of a forward pass of "layers"


def peak(model: nn.Module, x: torch.Tensor, optimizer: str, how: dict[str, object]) -> int:
    """Most live bytes of a step whose loss is the sum of the output."""
    trained = [each for each in model.parameters() if each.requires_grad]
    steps = OPTIMIZERS[optimizer](trained, 1e-4, foreach=bool(how.get("foreach")))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9)) if "ema" in how else None

    def step() -> None:
        for _ in range(how.get("accumulation_steps", 1)):
            out = model(x)
            out.sum().backward()
        if "clip_norm" in how:
            nn.utils.clip_grad_norm_(trained, how["clip_norm"])
        steps.step()
        if average is not None:
            average.update_parameters(model)

    for _ in range(2):  # the buckets of DDP are made anew after the first
        step()
        steps.zero_grad()
    # The buckets of DDP are counted from the first gradient on that is copied into them.
    states = [t for each in steps.state.values() for t in each.values() if torch.is_tensor(t)]
    copies = [] if average is None else [*average.parameters(), *average.buffers()]
    with Watch([*model.parameters(), *model.buffers(), x, *states, *copies]) as watch:
        step()
    return watch.most


def freeze(*names: str) -> Change:
    def change(model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if name.startswith(names):
                parameter.requires_grad_(False)

    return change


def adapt(rank: int, *ends: str) -> Change:
    def change(model: nn.Module) -> None:
        model.requires_grad_(False)
        layers = [name for name, each in model.named_modules() if isinstance(each, nn.Linear)]
        for name in layers:
            if name.endswith(ends):
                holder, _, own = name.rpartition(".")
                parent = model.get_submodule(holder)
                setattr(parent, own, Adapted(parent.get_submodule(own), rank))

    return change


def nothing(_: nn.Module) -> None:
    """Leave the model as it is."""


def cases(name: str) -> Iterator[tuple[dict[str, object], Change]]:
    yield {"accumulation_steps": 2}, nothing
    yield {"clip_norm": 1.0}, nothing
    yield {"ema": True}, nothing
    yield {"accumulation_steps": 3, "clip_norm": 1.0, "ema": True}, nothing
    yield {"checkpointing": 1}, nothing
    yield {"checkpointing": 1, "accumulation_steps": 2}, nothing
    if name == "layers":
        yield {"checkpointing": 2}, nothing
        yield {"lora_rank": 3, "lora_targets": ["project"]}, adapt(3, "project")
        every = adapt(3, "project", "merge", "mlp.0", "mlp.2")
        yield {"lora_rank": 3}, every
        yield {"lora_rank": 3, "checkpointing": 1}, every
        yield (
            {"frozen": ["words*", "layers.0", "layers.1"]},
            freeze("words", "layers.0", "layers.1"),
        )
    else:
        yield {"frozen": ["stem", "blocks.*"]}, freeze("stem", "blocks")
        first = freeze("stem", "blocks.0", "blocks.1")
        yield {"frozen": ["stem", "blocks.0", "blocks.1"], "checkpointing": 1}, first
    yield {"sharding": "ddp"}, nothing
    yield {"sharding": "ddp", "bucket_views": True}, nothing


def measure(name: str, how: dict[str, object], change: Change) -> dict[str, object]:
    """Return what archlint is told, and what was measured."""
    model, x = build(DEEP[name], how.get("checkpointing", 0))
    change(model)
    with FlopCounterMode(display=False) as counter:
        model(x).sum().backward()
    model.zero_grad()
    # Of attention: two of the four blocks have no backward pass where they are frozen.
    passes = 2 if "frozen" in how else 3 + ("checkpointing" in how)
    entry = {
        "network": name,
        "training": how,
        "saved_bytes": saved(model, x),
        "training_flops": counter.get_total_flops() + passes * ATTENTION * (name == "layers"),
        "peak_bytes": {},
    }
    if how.get("sharding") == "ddp":
        views = bool(how.get("bucket_views"))
        model = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=views)
    for optimizer in OPTIMIZERS:
        for foreach in (False, True):
            key = f"{optimizer}{' foreach' if foreach else ''}"
            entry["peak_bytes"][key] = peak(model, x, optimizer, {**how, "foreach": foreach})
    return entry


class LocalWatch(Watch):
    """Follows storages that are emptied and filled again, as those of gathered weights.

    Tensors that only stand for the parts of all processes hold no memory and are left out.
    """

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        self.storages = weakref.WeakSet()
        super().__init__(tensors)

    def add(self, tensor: torch.Tensor) -> None:
        if not isinstance(tensor, DTensor):
            self.storages.add(tensor.untyped_storage())
        self.now = sum(each.nbytes() for each in self.storages)


def spread(rank: int, figures: dict[str, dict[str, int]]) -> None:
    """Measure one of two processes that share all weights, block by block."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    for optimizer, make in OPTIMIZERS.items():
        model, x = build(DEEP["layers"])
        for part in (*model.layers, model):
            fully_shard(part, mesh=mesh)
        steps = make(model.parameters(), 1e-4, foreach=True)
        for _ in range(2):
            model(x).sum().backward()
            steps.step()
            steps.zero_grad()
        held = [each.to_local() for each in model.parameters()]
        for each in steps.state.values():
            held += [t.to_local() if isinstance(t, DTensor) else t for t in each.values()]
        with LocalWatch([*held, x]) as watch:
            before = watch.now
            out = model(x)
            out.sum().backward()
            steps.step()
        if rank == 0:
            figures[f"{optimizer} foreach"] = {"before": before, "peak": watch.most}
    dist.destroy_process_group()


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29533")
    dist.init_process_group("gloo", rank=0, world_size=1)
    entries = [measure(name, how, change) for name in DEEP for how, change in cases(name)]
    for name in DEEP:
        for exporter in ("torchscript", "dynamo"):
            export(DEEP[name], exporter, HERE / f"{name}.{exporter}.onnx")
    dist.destroy_process_group()
    figures = torch.multiprocessing.Manager().dict()
    torch.multiprocessing.spawn(spread, (figures,), nprocs=2)
    about = {
        "torch": torch.__version__,
        "batch": BATCH,
        "settings": entries,
        "fully_sharded": {
            "network": "layers",
            "training": {"sharding": "fsdp", "world_size": 2},
            "bytes": dict(figures),
        },
    }
    (HERE / "settings.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
