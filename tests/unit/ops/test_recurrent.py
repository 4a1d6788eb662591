"""What recurrent layers keep, against what PyTorch 2.13 keeps on the CPU."""

import pytest

from archlint.ops.recurrent import workspace_bytes

# The bytes of the workspace that oneDNN asks for, by steps, sequences, inputs and hidden units.
WORKSPACES = {
    (1, 7, 64, 128): 102400,
    (1, 16, 200, 1): 176128,
    (1, 32, 100, 48): 253952,
    (2, 20, 200, 48): 397312,
    (3, 1, 64, 17): 28672,
    (3, 32, 1, 300): 2129920,
    (5, 4, 128, 128): 180224,
    (9, 1, 31, 17): 28672,
    (9, 1, 32, 300): 180224,
    (9, 7, 31, 3): 77824,
    (9, 16, 48, 1): 217088,
    (9, 20, 1, 1): 118784,
    (14, 7, 1, 128): 815104,
    (14, 20, 100, 48): 1323008,
    (20, 4, 32, 32): 176128,
}


@pytest.mark.parametrize(("sizes", "nbytes"), WORKSPACES.items())
def test_workspace_of_an_lstm(sizes, nbytes):
    assert workspace_bytes(*sizes) == nbytes
