"""Arrays to give to operators, the same in every run."""

import numpy as np

_RANDOM = np.random.default_rng(0)


def floats(*shape):
    return _RANDOM.normal(0, 1, shape).astype(np.float32)


def integers(*shape, below=3, dtype=np.int32):
    return _RANDOM.integers(0, below, shape).astype(dtype)


def unsigned(*shape):
    return integers(*shape, below=200, dtype=np.uint8)


def number(value, dtype):
    return np.array(value, dtype)
