"""Outputs of a program that torch.export's optimizer merged with an equal call.

The node that is left has the record of the first of the calls, `linear_2`, while its tensor has the
name of the output, `linear_3`. It becomes the call of that name, so that calls which name
`linear_2` are seen to read one that is gone.
"""

from __future__ import annotations

from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.program.call_record import as_call, base_name
from archlint.graph.program.calls import exported_calls
from archlint.graph.program.signature import Signature
from archlint.ops.restored.graph_edit import GraphEdit


def with_named_outputs(graph: Graph, named: Signature) -> Graph:
    """Return `graph` with the calls that make outputs named as these."""
    edit, calls = GraphEdit(graph), exported_calls(graph)
    gone = {name for call in calls for name in call.takes} - graph.values.keys()
    for call in calls:
        output = call.nodes[-1].output
        is_alike = output != call.name and base_name(output) == base_name(call.name)
        if is_alike and output in named.outputs and call.name in gone:
            for node in call.nodes:
                edit.change(node, replace(node, metadata=as_call(node, output)))
    return edit.edited()
