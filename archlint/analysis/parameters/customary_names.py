"""Names that are customary for stored tensors which the graph does not tell from parameters."""

from __future__ import annotations

import re
from functools import lru_cache

from archlint.graph.program.call_record import base_name

_BUFFER = re.compile(
    r"(^|[._])(running_mean|running_var|num_batches_tracked|(cos|sin)(_cached|_table|_cache)?"
    r"|inv_freqs?|freqs?(_cis|_cos|_sin)?|rope|(attn_|causal_|attention_)?mask|tril|triu"
    r"|position_ids|token_type_ids|relative_position_index"
    r"|relative_coords_table|masked_bias|alibi_slopes|anchor_grid|dct_mat"
    r"|(mel|fourier|forward|inverse)_basis(_buffer)?"
    r"|blur_kernel|resample_filter|pos_weight)$"
    # Of these, a longer name may be learned: `log_std` is.
    r"|(^|\.)((pixel_|image_|rgb_)?(mean|std)|slopes|anchors|window)$"
)
_TABLE = re.compile(r"(^|[._])(pe|pos_enc(oding)?s?|positional_encodings?)$")
_CREATIONS = frozenset(
    {"where", "zeros", "ones", "full", "repeat", "arange", "cos", "sin", "scalar_tensor_default"}
    | {"masked_fill", "tril", "triu", "zeros_like", "ones_like", "full_like", "threshold_cast"}
)


def is_customary_buffer(name: str) -> bool:
    """Whether a tensor has a name that is customary for a buffer."""
    return _ends_as_buffer(name.rpartition(".")[2])


@lru_cache(maxsize=1024)  # most tensors of a model share a few last parts
def _ends_as_buffer(part: str) -> bool:
    return _BUFFER.search(part) is not None


def is_customary_table(name: str) -> bool:
    """Whether a tensor has a name that is customary for a table of positions, learned or not."""
    return _TABLE.search(name) is not None


def is_of_creation(name: str) -> bool:
    """Whether torch.export named a tensor after a call that makes constants, such as `arange_1`."""
    return base_name(name) in _CREATIONS
