"""Mutated ONNX files: the reader refuses them or agrees with protobuf, and nothing else happens."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError, Message
from onnx import TensorProto, helper, numpy_helper

from archlint.sources.limits import Limits
from archlint.sources.onnx_file import read_onnx
from archlint.sources.problem import Unreadable
from archlint.sources.utf8 import repair
from onnx_messages import clear_data, tensors_of

if TYPE_CHECKING:
    from pathlib import Path

MUTANTS = 1500
REFUSED_ON_PURPOSE = (
    "has a group",
    "has two of its one",
    "more than one way",
    "no graph is in it",
    "not an ONNX",
)


def seed_model() -> bytes:
    """Return a small model that has everything the reader looks at."""
    weight = numpy_helper.from_array(np.arange(100, dtype=np.float32), "w")
    typed = helper.make_tensor("typed", TensorProto.INT64, [80], range(80))
    outside = TensorProto(name="outside", data_type=TensorProto.FLOAT, dims=[4])
    outside.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", "16")):
        entry = outside.external_data.add()
        entry.key, entry.value = key, value
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=weight)],
        "branch",
        [],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [100])],
        [typed],
    )
    nodes = [
        helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch),
        helper.make_node("Own", ["y"], ["z"], domain="own", floats=[0.5] * 30, ints=range(40)),
    ]
    indices = numpy_helper.from_array(np.arange(100), "i")
    sparse = helper.make_sparse_tensor(weight, indices, [200])
    graph = helper.make_graph(
        nodes,
        "seed",
        [helper.make_tensor_value_info("flag", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n"])],
        [weight, typed, outside],
        sparse_initializer=[sparse],
    )
    data: bytes = helper.make_model(graph).SerializeToString()
    return data


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change a few bytes, or cut out, repeat or exchange stretches."""
    mutant = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not mutant:
            break
        start = rng.randrange(len(mutant))
        size = rng.randint(1, 40)
        match rng.randrange(6):
            case 0:
                mutant[start] = rng.randrange(256)
            case 1:
                mutant[start] ^= 1 << rng.randrange(8)
            case 2:
                del mutant[start : start + size]
            case 3:
                mutant[start:start] = mutant[start : start + size]
            case 4:
                mutant[start : start + 1] = rng.choice(
                    [b"\xff" * 10, b"\x80" * 3, b"\x00", b"\x0b"]
                )
            case _:
                del mutant[max(start, 1) :]
    return bytes(mutant)


def without_data(message: Message) -> Message:
    """Clear the data of every tensor, and the numbers that have two forms on the wire."""
    for tensor in tensors_of(message):
        clear_data(tensor)
    return message


@pytest.mark.parametrize("seed", range(3))
def test_mutants_are_refused_or_read_like_protobuf_reads_them(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - mutants must be the same in every run
    original = seed_model()
    path = tmp_path / "mutant.onnx"
    refused = 0
    for _ in range(MUTANTS // 3):
        mutant = mutate(original, rng)
        path.write_bytes(mutant)
        try:
            whole = onnx.ModelProto.FromString(mutant)
        except DecodeError:
            whole = None
        try:
            document = read_onnx(path, Limits(payload=rng.choice([1, 64, 4096])))
        except Unreadable as error:
            refused += 1
            message = str(error)
            on_purpose = any(words in message for words in REFUSED_ON_PURPOSE)
            assert whole is None or on_purpose or not mutant, (message, mutant)
            continue
        if whole is None:  # only bytes that the reader passed over can be the reason
            fields = {payload.field for payload in document.payloads.values()}
            assert "int64_data" in fields, mutant
            continue
        if any(problem.code == "FILE005" for problem in document.problems):
            assert list(repair(whole))
        skeleton = without_data(document.model)
        assert skeleton.SerializeToString(deterministic=True) == without_data(
            whole
        ).SerializeToString(deterministic=True), mutant
    assert 0 < refused < MUTANTS // 3
