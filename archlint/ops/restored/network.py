"""The network before an export for inference: all restorations, in their order.

A step that undoes what only one exporter does leaves files of the other one alone.

Calls come first, since later steps ask which calls read a tensor. Those that were removed are put
back before those that were merged, as the readers of a removed copy would otherwise be taken for
readers of a merged call; only a `detach`, which makes no tensor, comes behind. Then each call reads
the parameters that it names, and tensors that were computed during export are computed from their
parameters. Batch norms come last: each is put behind a layer that is complete.
"""

from __future__ import annotations

from msgspec.structs import replace

from archlint.graph.generated_names import is_folded_name
from archlint.graph.graph import Graph
from archlint.graph.program.signature import signature
from archlint.graph.value import Role
from archlint.ops.restored.called_again import with_whole_calls
from archlint.ops.restored.distinct_numbers import NO_NUMBERS, DistinctNumbers
from archlint.ops.restored.exported_weights import as_in_program
from archlint.ops.restored.folded_norms import unfolded
from archlint.ops.restored.folded_weights import with_folded
from archlint.ops.restored.merged_calls import with_twins
from archlint.ops.restored.merged_foldings import with_own_foldings
from archlint.ops.restored.merged_pads import with_pads
from archlint.ops.restored.merged_weights import separated
from archlint.ops.restored.perhaps_merged import with_doubts
from archlint.ops.restored.removed_arithmetic import with_arithmetic
from archlint.ops.restored.removed_copies import with_copies
from archlint.ops.restored.removed_detaches import with_detaches
from archlint.ops.restored.repeated_calls import with_own_calls
from archlint.ops.restored.repeated_literals import with_single_literals
from archlint.ops.restored.single_precision import with_single_precision


def restored(
    graph: Graph,
    *,
    has_norms: bool = True,
    with_biases: bool = False,
    most: bool = False,
    numbers: DistinctNumbers = NO_NUMBERS,
) -> Graph:
    """Return `graph` with the calls, the weights and the batch norms of the program.

    Without `has_norms`, no batch norm was folded into a layer. `with_biases` means that layers in
    front of a batch norm had a bias where no file tells. With `most`, parameters are as large as
    they may have been, and operators run as often. `numbers` are those of stored tensors. A graph
    that hides nothing is returned as it is.
    """
    whole = _with_calls(graph, numbers, most=most)
    whole = with_folded(with_own_foldings(as_in_program(whole)), numbers, most=most)
    if has_norms:
        whole = unfolded(whole, with_biases=with_biases)
    return whole if whole is graph and not _is_mixed(graph) else _ordered(whole)


def _with_calls(graph: Graph, numbers: DistinctNumbers, *, most: bool) -> Graph:
    """Return `graph` with the calls of the program, which read the tensors that the file has."""
    # What the TorchScript exporter made up: literals, doubles, and weights that were merged.
    whole = separated(with_single_precision(with_single_literals(graph, numbers)))
    # What torch.export's optimizer removed and merged.
    whole = with_arithmetic(with_copies(whole))
    whole = with_detaches(with_twins(whole, most=most))
    # What the TorchScript exporter merged: within a module, perhaps, and between modules.
    whole = with_own_calls(with_doubts(with_whole_calls(whole), most=most))
    return with_pads(whole)


def _is_mixed(graph: Graph) -> bool:
    """Whether some stored tensors are separate copies, made by the exporter."""
    return graph.is_from_pytorch and any(map(is_folded_name, graph.weights))


def _ordered(graph: Graph) -> Graph:
    """Return `graph` with its stored tensors in the order in which an optimizer takes them.

    That is the order of the modules, which torch.export records, and nearly that of their use.
    """
    named = signature(graph)
    places = {name: place for place, name in enumerate(named.kinds if named is not None else ())}
    uses: dict[str, int] = {}
    for node in graph.nodes:
        for name in node.inputs:
            if name in graph.weights:
                uses.setdefault(name, len(uses))
    stored = sorted(
        (name for name, value in graph.values.items() if value.role is Role.STORED),
        key=lambda name: (places.get(name, len(places)), uses.get(name, len(uses))),
    )
    first = {name: graph.values[name] for name in stored}
    return replace(graph, values=first | dict(graph.values))
