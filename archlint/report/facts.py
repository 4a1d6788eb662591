"""The facts of a model as a JSON document, `archlint-facts/1`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archlint.analysis.amount import Amount
from archlint.report.amounts import both_ends, certainty
from archlint.report.fields import fields_document, join_document
from archlint.report.formulas import formulas_document
from archlint.report.memory import memory_document
from archlint.report.signal import signal_document

if TYPE_CHECKING:
    from archlint.analysis.facts import Facts
    from archlint.graph.node import Node
    from archlint.model import Model
    from archlint.target import Target


def facts_document(
    model: Model, *, tensors: Sequence[str] = (), all_tensors: bool = False
) -> dict[str, Any]:
    """Return the facts of `model` in the shape of schemas/facts.schema.json.

    `receptive_fields` holds the last feature maps and the outputs, and the `tensors` named, or
    all tensors that depend on an extent of the input.
    """
    facts, graph = model.facts, model.graph
    return {
        "schema": "archlint-facts/1",
        "file": model.path.as_posix(),
        "name": graph.name,
        "target": _target(model.target),
        "inputs": [_value(model, name) for name in graph.inputs],
        "outputs": [_value(model, name) for name in graph.outputs],
        "parameters": _parameters(facts),
        "compute": _compute(facts),
        "memory": memory_document(facts),
        "receptive_fields": fields_document(facts, tensors, all_tensors=all_tensors),
        "joins": [join_document(join) for join in facts.receptive_fields.joins],
        "nodes": [_node(facts, node) for node in graph.nodes],
        "signal": signal_document(facts),
        "formulas": formulas_document(model),
    }


def _target(target: Target) -> dict[str, Any]:
    return {
        "device": target.device.name if target.device else None,
        "batch-size": target.batch_size,
        "training": {
            "optimizer": target.training.optimizer,
            "precision": target.training.precision,
            "loss": target.training.loss,
            "input-gradient": target.training.input_gradient,
        },
    }


def _value(model: Model, name: str) -> dict[str, Any]:
    value = model.graph.values[name]
    return {
        "name": name,
        "dtype": None if value.dtype is None else str(value.dtype),
        "shape": None if value.shape is None else list(value.shape),
    }


def _parameters(facts: Facts) -> dict[str, Any]:
    parameters = facts.parameters
    return {
        "count": parameters.count,
        "bytes": parameters.nbytes,
        "buffer_count": parameters.buffer_count,
        "buffer_bytes": parameters.buffer_bytes,
    }


def _compute(facts: Facts) -> dict[str, Any]:
    compute, training = facts.compute, facts.training_compute
    totals = {
        "forward_macs": compute.forward_macs,
        "forward_flops": compute.forward_flops,
        "training_forward_flops": training.forward_flops,
        "backward_flops": training.backward_flops,
        "recomputed_flops": training.recomputed_flops,
        "training_flops": training.training_flops,
        "step_flops": training.step_flops,
        "elementwise_flops": compute.elementwise_flops,
    }
    known = certainty(compute.forward_macs, compute.elementwise_flops)
    bounded = [
        {"node": node.name, "op": node.op, "reason": f"{measured.depends_on} is not known"}
        for node in facts.graph.nodes
        if (measured := compute.of_node[node.name]).is_bounded
    ]
    return {
        **{name: amount.low for name, amount in totals.items()},
        "range": {name: both_ends(amount) for name, amount in totals.items()},
        "complete": known["complete"] and not bounded and _is_exact(training.step_flops),
        "unknown": known["unknown"],
        "bounded": bounded,
        "note": facts.compute_note,
    }


def _is_exact(amount: Amount) -> bool:
    return amount.low == amount.high


def _node(facts: Facts, node: Node) -> dict[str, Any]:
    measured = facts.compute.of_node[node.name]
    saved = facts.saved.bytes_of(node.name)
    value = facts.graph.values.get(node.output)
    return {
        "name": node.name,
        "op": node.op,
        "output": node.output,
        "shape": None if value is None or value.shape is None else list(value.shape),
        "macs": measured.macs.value,
        "parameters": facts.parameters.of_node.get(node.name, 0),
        "saved_bytes": saved.low if saved.complete else None,
    }
