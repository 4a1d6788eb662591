"""Sample Keras' own initializers and layers, and write what their deviations are.

Needs keras and a backend of it; the tests read what it wrote:
KERAS_BACKEND=torch python tests/truth/keras_initializers.py
"""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path

import keras
import numpy as np
from keras import initializers, layers

DRAWS = 6_000_000  # numbers in all, so that the standard error is below 0.03 %

CASES = {
    "glorot_normal()": ([300, 500], initializers.GlorotNormal),
    "glorot_uniform()": ([3, 3, 64, 96], initializers.GlorotUniform),
    "he_normal()": ([3, 3, 64, 96], initializers.HeNormal),
    "he_uniform()": ([300, 500], initializers.HeUniform),
    "lecun_normal()": ([300, 500], initializers.LecunNormal),
    "lecun_uniform()": ([5, 32, 64], initializers.LecunUniform),
    "random_normal(mean=0, stddev=0.05)": ([300, 500], initializers.RandomNormal),
    "random_uniform(minval=-0.05, maxval=0.05)": ([300, 500], initializers.RandomUniform),
    "truncated_normal(mean=0, stddev=0.05)": ([300, 500], initializers.TruncatedNormal),
    "truncated_normal(mean=0, stddev=0.02)": (
        [300, 500],
        lambda: initializers.TruncatedNormal(stddev=0.02),
    ),
    "variance_scaling(scale=1, mode=fan_in, distribution=truncated_normal)": (
        [300, 500],
        initializers.VarianceScaling,
    ),
    "variance_scaling(scale=2, mode=fan_out, distribution=untruncated_normal)": (
        [3, 3, 64, 96],
        lambda: initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"),
    ),
    "variance_scaling(scale=0.1, mode=fan_avg, distribution=uniform)": (
        [300, 500],
        lambda: initializers.VarianceScaling(0.1, "fan_avg", "uniform"),
    ),
}

# Each layer of an architecture file, its input, Keras' layer, and the place of each weight there.
LAYERS = {
    "Linear: {out_features: 500}": (
        [2, 300],
        lambda: layers.Dense(500),
        {"weight": 0, "bias": 1},
    ),
    "Conv2d: {out_channels: 96, kernel_size: 3}": (
        [1, 9, 9, 64],
        lambda: layers.Conv2D(96, 3),
        {"weight": 0, "bias": 1},
    ),
    "Conv2d: {out_channels: 64, kernel_size: 5, groups: 64}": (
        [1, 9, 9, 64],
        lambda: layers.DepthwiseConv2D(5),
        {"weight": 0, "bias": 1},
    ),
    "Conv2d: {out_channels: 64, kernel_size: 3, groups: 4}": (
        [1, 9, 9, 64],
        lambda: layers.Conv2D(64, 3, groups=4),
        {"weight": 0, "bias": 1},
    ),
    "ConvTranspose2d: {out_channels: 32, kernel_size: 4}": (
        [1, 9, 9, 64],
        lambda: layers.Conv2DTranspose(32, 4),
        {"weight": 0, "bias": 1},
    ),
    "MultiheadAttention: {num_heads: 8}": (
        [2, 5, 64],
        lambda: layers.MultiHeadAttention(8, 8),
        {"in_proj.weight": 0, "in_proj.bias": 1, "out_proj.weight": 6, "out_proj.bias": 7},
    ),
    "LSTM: {hidden_size: 128, batch_first: true}": (
        [2, 5, 96],
        lambda: layers.LSTM(128),
        {"weight_ih_l0": 0, "weight_hh_l0": 1},
    ),
    "GRU: {hidden_size: 128, batch_first: true}": (
        [2, 5, 96],
        lambda: layers.GRU(128),
        {"weight_ih_l0": 0, "weight_hh_l0": 1, "bias_l0": 2},
    ),
    "LayerNorm": ([2, 64], layers.LayerNormalization, {"weight": 0, "bias": 1}),
}


def numbers(tensor):
    """Return the numbers of a tensor of any backend."""
    return np.asarray(keras.ops.convert_to_numpy(tensor), dtype=np.float64)


def moments(draw):
    """Return mean and deviation over many draws; one draw of what has no spread."""
    total, square, count, first = 0.0, 0.0, 0, None
    while count < DRAWS:
        values = numbers(draw())
        total += values.sum()
        square += (values * values).sum()
        count += values.size
        first = values if first is None else first
        if values.std() == 0 and count > values.size:
            break
    mean = total / count
    return {"mean": mean, "std": sqrt(max(square / count - mean * mean, 0.0))}


def fans(shape):
    """Return what Keras counts of a kernel (k..., in, out)."""
    area = int(np.prod(shape[:-2]))
    return [area * shape[-2], area * shape[-1]]


def drawn_layer(make, shape, place):
    """Return a weight of a layer that was built anew."""
    layer = make()
    given = np.zeros(shape, dtype="float32")
    if isinstance(layer, layers.MultiHeadAttention):
        layer(given, given)
    else:
        layer(given)
    return layer.weights[place].value


def main():
    """Write the truth beside this file."""
    keras.utils.set_random_seed(0)
    drawn = []
    for text, (shape, make) in CASES.items():
        found = moments(lambda s=shape, m=make: m()(s))
        drawn.append({"initializer": text, "shape": shape, "fans": fans(shape), **found})
    built = [
        {
            "layer": text,
            "input": shape,
            "weights": {
                name: moments(lambda m=make, s=shape, p=place: drawn_layer(m, s, p))
                for name, place in places.items()
            },
        }
        for text, (shape, make, places) in LAYERS.items()
    ]
    document = {"keras": keras.__version__, "initializers": drawn, "layers": built}
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
