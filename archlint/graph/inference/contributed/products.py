"""Output shapes of matrix products, packed weights, recurrent cells and mixtures of experts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archlint.graph.dtype import DType
from archlint.graph.inference.contributed.given import Given, Made, Outputs, Rule, product, quotient
from archlint.graph.value import Dim, Shape


def _batch(first: Shape, second: Shape) -> Shape:
    """Return the leading axes of a product, which broadcast."""
    rank = max(len(first), len(second))
    left = (1,) * (rank - len(first)) + first
    right = (1,) * (rank - len(second)) + second
    return tuple(b if a == 1 else a for a, b in zip(left, right, strict=True))


def factor_order(rank: int, *, transposed: bool, batch_transposed: bool) -> tuple[int, ...]:
    """Return the axes of a factor in the order (batch, rows, columns).

    For a factor with transposed batch, the first axis follows the batch: (1, ..., r-2, 0).
    """
    order = list(range(rank))
    if batch_transposed and rank > 2:
        order = [*order[1:-1], order[0], order[-1]]
    if transposed and rank > 1:
        order[-2:] = order[:-3:-1]
    return tuple(order)


def multiplied(given: Given) -> Outputs:
    """A matrix product, either factor of which may be transposed."""
    shapes = []
    for slot, letter in enumerate("AB"):
        shape = given.shape(slot)
        if shape is None or not shape:
            return ()
        order = factor_order(
            len(shape),
            transposed=bool(given.integer(f"trans{letter}", 0)),
            batch_transposed=bool(given.integer(f"transBatch{letter}", 0)),
        )
        shapes.append(tuple(shape[axis] for axis in order))
    first, second = shapes
    made: list[Dim] = list(_batch(first[:-2], second[:-2]))
    made += first[-2:-1] if len(first) > 1 else ()
    made += second[-1:] if len(second) > 1 else ()
    return (Made(tuple(made), given.dtype(0)),)


def typed(rule: Rule, dtype: DType | int) -> Rule:
    """Return a rule whose first output has another type: a known one, or that of an input."""

    def retyped(given: Given) -> Outputs:
        kind = given.dtype(dtype) if isinstance(dtype, int) else dtype
        return tuple(Made(made.shape, kind) for made in rule(given))

    return retyped


def columns(attribute: str) -> Rule:
    """Return the rule of a product with a packed matrix, whose columns an attribute counts."""

    def rule(given: Given) -> Outputs:
        return (_with_columns(given, given.integer(attribute)),)

    return rule


def _with_columns(given: Given, count: Dim) -> Made:
    shape = given.shape(0)
    return Made(None if shape is None else (*shape[:-1], count), given.dtype(0))


def weight_rows(given: Given) -> Outputs:
    """A product with a matrix that is stored as (columns, ...)."""
    return (_with_columns(given, given.dim(1, 0)),)


def normal_floats(given: Given) -> Outputs:
    """A product with a 4-bit matrix (N, K), transposed unless an attribute says otherwise."""
    name = "N" if given.integer("transB", 1) else "K"
    return (_with_columns(given, given.integer(name)),)


def float_blocks(given: Given) -> Outputs:
    """A product with a packed matrix whose shape is an input of its own."""
    shape = given.numbers(2)
    return (_with_columns(given, shape[-1] if shape else None),)


def queries_keys_values(given: Given) -> Outputs:
    """Three products at once, and the sum before them."""
    kv = _with_columns(given, given.integer("Nkv"))
    whole = Made(given.shape(0), given.dtype(0))
    return _with_columns(given, given.integer("Nq")), kv, kv, whole


def two_outputs(given: Given) -> Outputs:
    """A gated pair of products, and the sum before them."""
    return (_with_columns(given, given.integer("N")), Made(given.shape(0), given.dtype(0)))


def router_and_gate(given: Given) -> Outputs:
    """One product, cut into the router's logits and a gated half of the rest."""
    routed = given.integer("router_size")
    width = given.dim(1, -1)
    rest = width - routed if isinstance(width, int) and routed is not None else None
    return _with_columns(given, routed), _with_columns(given, quotient(rest, 2))


def recurrent(given: Given) -> Outputs:
    """The states of an LSTM: (T, D, B, H) of all steps, (D, B, H) of the last one."""
    steps, batch, _ = given.of_rank(0, 3) or (None, None, None)
    hidden = given.integer("hidden_size")
    ways = 2 if given.node.attributes.get("direction") == "bidirectional" else 1
    last = Made((ways, batch, hidden), given.dtype(0))
    return Made((steps, ways, batch, hidden), given.dtype(0)), last, last


def distances(given: Given) -> Outputs:
    """A distance for each pair of rows."""
    return (Made((given.dim(0, 0), given.dim(1, 0)), given.dtype(0)),)


def looked_up(given: Given) -> Outputs:
    """Rows of a table of quantized blocks; bytes hold several numbers of the last axis."""
    data, indices = given.shape(0), given.shape(1)
    if not data or indices is None:
        return (Made(None, given.dtype(2)),)
    axis = (given.integer("gather_axis", 0) or 0) % len(data)
    packed = 8 // (given.integer("bits", 4) or 4) if given.dtype(0) is DType.UINT8 else 1
    whole = (*data[:-1], product(data[-1], packed))
    return (Made((*whole[:axis], *indices, *whole[axis + 1 :]), given.dtype(2)),)


def looked_up_packed(given: Given) -> Outputs:
    """Rows of a packed table, whose width is an attribute."""
    indices = given.shape(1)
    shape = None if indices is None else (*indices, given.integer("K"))
    return (Made(shape, DType.from_onnx(given.integer("output_dtype", 16) or 16)),)


def words_convolved(given: Given) -> Outputs:
    """A vector for each word, made of its characters."""
    width = given.integer("embedding_size") or given.dim(1, 0)
    return (Made((given.dim(0, 0), width), given.dtype(1)),)


PRODUCTS: Mapping[str, Rule] = MappingProxyType(
    {
        "CDist": distances,
        "DynamicQuantizeLSTM": recurrent,
        "DynamicQuantizeMatMul": multiplied,
        "FusedMatMul": multiplied,
        "FusedMatMulActivation": multiplied,
        "GatherBlockQuantized": looked_up,
        "GatherPacked": looked_up_packed,
        "GemmFastGelu": multiplied,
        "MatMulBlockQuantizedFp4Weight": weight_rows,
        "MatMulBlockQuantizedFp8Weight": weight_rows,
        "MatMulBnb4": normal_floats,
        "MatMulFpQ4": float_blocks,
        "MatMulInteger16": typed(multiplied, DType.INT32),
        "MatMulIntegerToFloat": typed(multiplied, 2),
        "MatMulNBits": columns("N"),
        "MatMulNBitsMlp": two_outputs,
        "MatMulNBitsQLoRA": columns("N"),
        "MatMulNBitsQkv": queries_keys_values,
        "MatMulPacked": columns("N"),
        "MoE": lambda given: (Made(given.shape(0), given.dtype(0)),),
        "MoEPacked": lambda given: (Made(given.shape(0), given.dtype(0)),),
        "QMoE": lambda given: (Made(given.shape(0), given.dtype(0)),),
        "RouterGateUpProj": router_and_gate,
        "SparseToDenseMatMul": typed(multiplied, 1),
        "TransposeMatMul": multiplied,
        "WordConvEmbedding": words_convolved,
    }
)
"""The rules of com.microsoft operators by name."""
