"""Measure what PyTorch keeps and holds in a training step under autocast, on a CPU and on a GPU.

Needs the extra `truth` and a C++ compiler. Run it in this folder: python measure_autocast.py.
Writes autocast/NAME.EXPORTER.onnx and autocast/truth.json; the tests need neither PyTorch nor this.
No GPU is needed: its part is played with tensors that have a type, a shape and a device, but no
numbers. Which kernel attention runs on is then said here, since PyTorch asks the GPU.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from autocast_models import HELD_OUT, NETWORKS
from deep_models import DEEP
from measure_settings import cases
from measure_training import BATCH, Network, build, export, peak, saved
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils import cpp_extension
from training_models import NETWORKS as PLAIN

HERE = Path(__file__).parent / "autocast"
GPU_KERNELS = {"recurrent", "rms"}  # a GPU has kernels for these that cannot be played
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Shapes(FakeTensorMode):
    """Tensors without numbers, which modules may copy."""

    def __deepcopy__(self, _: object) -> Shapes:
        return self


@contextlib.contextmanager
def autocast(device: str, dtype: torch.dtype) -> Iterator[None]:
    """torch.autocast, which refuses to work for a GPU where there is none."""
    before = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    torch.set_autocast_enabled(device, True)
    torch.set_autocast_dtype(device, dtype)
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if torch.autocast_decrement_nesting() == 0:
            torch.clear_autocast_cache()
        torch.set_autocast_enabled(device, before[0])
        torch.set_autocast_dtype(device, before[1])


def flash(  # noqa: PLR0913, PLR0917 - called as the function that it stands in for
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
) -> torch.Tensor:
    """Attention as a GPU runs it where there is no mask to add."""
    if attn_mask is not None:
        raise NotImplementedError
    run = torch.ops.aten._scaled_dot_product_flash_attention
    return run(q, k, v, dropout_p, is_causal)[0]


@contextlib.contextmanager
def stage(device: str) -> Iterator[None]:
    """Where models are built and run: for a GPU, tensors without numbers."""
    if device == "cpu":
        yield
        return
    attention = functional.scaled_dot_product_attention
    functional.scaled_dot_product_attention = flash
    try:
        with Shapes(), torch.device(device):
            yield
    finally:
        functional.scaled_dot_product_attention = attention


def measured(network: Network, *, on_gpu: bool) -> dict[str, object]:
    """Bytes kept on each device, and the peaks on the CPU: a GPU's backward pass needs the GPU."""
    kept = {}
    places = [("cpu", "bf16"), *((("cuda", "bf16"), ("cuda", "fp16")) if on_gpu else ())]
    for device, half in places:
        with stage(device):
            model, x = build(network)
            with autocast(device, HALF[half]):
                kept[f"{half} {device}"] = saved(model, x)
    within = partial(autocast, "cpu", torch.bfloat16)
    most = {
        f"{optimizer}{' foreach' if foreach else ''}": peak(
            *build(network), optimizer, foreach=foreach, autocast=within
        )
        for optimizer in ("sgd", "adam")
        for foreach in (False, True)
    }
    losses = {
        f"{kind} {precision}": peak(
            *build(network), "sgd", foreach=False, kind=kind, autocast=around
        )
        for kind in ("mse", "cross-entropy")
        for precision, around in (("fp32", contextlib.nullcontext), ("bf16-mixed", within))
    }
    return {"saved_bytes": kept, "peak_bytes": most, "loss_peak_bytes": losses}


def settings() -> list[dict[str, object]]:
    """Bytes kept and the peak on the CPU where parts are checkpointed, frozen or adapted."""
    within = partial(autocast, "cpu", torch.bfloat16)
    entries = []
    for name in DEEP:
        for how, change in cases(name):
            if not how.keys() <= {"checkpointing", "frozen", "lora_rank", "lora_targets"}:
                continue
            if {"checkpointing", "frozen"} <= how.keys():
                continue  # what then is packed is dropped before the backward pass
            figures = []
            for measure in (saved, partial(peak, optimizer="sgd", foreach=False, autocast=within)):
                model, x = build(DEEP[name], how.get("checkpointing", 0))
                change(model)
                with within() if measure is saved else contextlib.nullcontext():
                    figures.append(measure(model, x))
            told = {"network": name, "training": how}
            entries.append({**told, "saved_bytes": figures[0], "peak_bytes": figures[1]})
    return entries


def load_guard() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(__file__).parent / "cuda_guard.cpp"
        cpp_extension.load(
            "cuda_guard", str(source), build_directory=folder, is_python_module=False
        )


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    load_guard()
    HERE.mkdir(exist_ok=True)
    asked = sys.argv[1:] or list(NETWORKS)
    path = HERE / "truth.json"
    truth = json.loads(path.read_text())["networks"] if path.exists() else {}
    new = [name for name in NETWORKS if name not in PLAIN]  # the others are exported already
    for name in asked:
        truth[name] = measured(NETWORKS[name], on_gpu=name not in GPU_KERNELS)
        if name in new:
            exporter = ("dynamo", "torchscript")[new.index(name) % 2]
            export(NETWORKS[name], exporter, HERE / f"{name}.{exporter}.onnx")
    about = {
        "torch": torch.__version__,
        "batch": BATCH,
        "held_out": list(HELD_OUT),
        "networks": truth,
        "settings": settings(),
    }
    path.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
