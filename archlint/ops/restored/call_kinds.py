"""PyTorch's operators, grouped by what they do to a size and by what autograd saves for them.

The record of a folded tensor (`archlint.graph.program.origin`) has the names of the calls that
made it, but neither their order nor any shape. What can be told must follow from the names.
"""

from __future__ import annotations

VIEWS = frozenset(
    {"view", "reshape", "flatten", "unflatten", "permute", "transpose", "t", "movedim", "swapaxes"}
    | {"unsqueeze", "squeeze", "alias", "detach", "lift_fresh", "numpy_t", "mT", "matrix_h"}
)
"""The result is the input in other axes."""

CUTTING_VIEWS = frozenset(
    {"slice", "select", "narrow", "split", "split_with_sizes", "chunk", "unbind", "getitem"}
    | {"diagonal", "unfold", "as_strided"}
)
"""The result is a part of the input."""

EXPANDING_VIEWS = frozenset({"expand", "expand_as", "broadcast_to", "broadcast_in_dim"})
"""The result repeats the input without copying it."""

ALL_VIEWS = VIEWS | CUTTING_VIEWS | EXPANDING_VIEWS

COPIES = frozenset({"clone", "contiguous", "flip", "roll", "rot90", "tril", "triu", "_to_copy"})
LOOKUPS = frozenset({"index", "index_select", "gather", "embedding", "take", "take_along_dim"})
REPEATS = frozenset({"repeat", "tile", "repeat_interleave"})
JOINS = frozenset({"cat", "stack", "concat", "hstack", "vstack"})

_LINEAR = frozenset({"neg", "convert_element_type_default", "to", "type_as"})
OF_OUTPUT = frozenset(
    {"exp", "sigmoid", "tanh", "sqrt", "rsqrt", "reciprocal", "relu", "softmax", "_softmax"}
    | {"log_softmax", "_log_softmax", "expm1", "elu"}
)
"""Functions of each element, or along an axis, whose derivative needs the result."""

OF_INPUT = frozenset(
    {"log", "log1p", "log2", "softplus", "sin", "cos", "pow", "square", "abs", "clamp"}
    | {"clamp_min", "clamp_max", "silu", "gelu", "leaky_relu", "hardtanh", "logsigmoid"}
    | {"log_sigmoid_forward", "erf", "atan", "softsign"}
)
"""Functions of each element whose derivative needs the input."""

SUMS = frozenset({"add", "sub", "rsub", "where", "masked_fill", "minimum", "maximum"})
PRODUCTS = frozenset({"mul", "div"})
ARITHMETIC = SUMS | PRODUCTS
CONVOLUTIONS = frozenset(
    {"conv1d", "conv2d", "conv3d", "convolution"}
    | {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
)
MATRIX_PRODUCTS = frozenset({"matmul", "mm", "bmm"})
ADDING_PRODUCTS = frozenset({"linear", "addmm", "baddbmm"})
"""What adds to a product."""

PRODUCT_CALLS = (
    MATRIX_PRODUCTS | ADDING_PRODUCTS | CONVOLUTIONS | {"einsum", "scaled_dot_product_attention"}
)
"""What multiplies matrices, whatever it is called."""

TRANSPOSITIONS = frozenset({"t", "transpose", "numpy_t", "mT", "alias", "detach"})
COMPARISONS = frozenset({"gt", "lt", "ge", "le", "eq", "ne", "logical_and", "logical_or"})

NORMS = frozenset({"linalg_vector_norm", "norm", "linalg_norm", "var", "std", "var_mean"})
"""What a tensor is divided by to normalize it."""

REDUCTIONS = frozenset({"mean", "sum"})
OF_VECTORS = frozenset({"mv", "dot", "vdot"})

CREATIONS = frozenset(
    {"arange", "zeros", "ones", "full", "linspace", "eye", "zeros_like", "ones_like", "full_like"}
    | {"new_zeros", "new_ones", "new_full"}
)
NUMBERS = frozenset({"scalar_tensor_default", "beta", "threshold", "tmp", "self_scaled"})
"""Scalars, and names inside functions that the exporter decomposes."""

KEEPING_SIZE = VIEWS | COPIES | _LINEAR | OF_OUTPUT | OF_INPUT | NUMBERS
SAVING_NOTHING = (
    ALL_VIEWS | COPIES | LOOKUPS | REPEATS | JOINS | _LINEAR | SUMS | NUMBERS | CREATIONS
    | REDUCTIONS
)  # fmt: skip
