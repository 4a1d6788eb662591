"""The facts of a model as a JSON document, `archlint-facts/1`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from archlint.analysis.amount import Amount, merged
from archlint.report.formulas import formulas_document
from archlint.report.signal import signal_document

if TYPE_CHECKING:
    from archlint.analysis.facts import Facts
    from archlint.analysis.receptive_field.field import Field
    from archlint.analysis.receptive_field.joins import Join
    from archlint.analysis.receptive_field.receptive_fields import Extent
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
        "memory": _memory(facts),
        "receptive_fields": _fields(facts, tensors, all_tensors=all_tensors),
        "joins": [_join(join) for join in facts.receptive_fields.joins],
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
    certainty = _certainty(compute.forward_macs, compute.elementwise_flops)
    bounded = [
        {"node": node.name, "op": node.op, "reason": f"{measured.depends_on} is not known"}
        for node in facts.graph.nodes
        if (measured := compute.of_node[node.name]).is_bounded
    ]
    return {
        **{name: amount.low for name, amount in totals.items()},
        "range": {name: _range(amount) for name, amount in totals.items()},
        "complete": certainty["complete"] and not bounded and _is_exact(training.step_flops),
        "unknown": certainty["unknown"],
        "bounded": bounded,
        "note": facts.compute_note,
    }


def _is_exact(amount: Amount) -> bool:
    return amount.low == amount.high


def _memory(facts: Facts) -> dict[str, Any]:
    inference, training = facts.inference_memory.peak, facts.training_memory
    weights = facts.parameters.nbytes + facts.parameters.buffer_bytes
    state = training.state_bytes
    return {
        "weight_bytes": weights,
        "inference_activation_peak_bytes": inference.low,
        "inference_peak_bytes": weights + inference.low,
        "inference_complete": inference.complete,
        "training": {
            "parameters": facts.trained_parameters.count,
            "parameter_range": _range(facts.trained_count),
            "weight_bytes": training.weight_bytes,
            "gradient_bytes": training.gradient_bytes,
            "optimizer_state_bytes": state.low if state.complete else None,
            "copies": training.weights.copies,
            "communication_bytes": _range(training.weights.communication),
            "saved_activation_bytes": _range(facts.saved.total.widened(facts.training_step.unseen)),
            "passing_bytes": training.passing,
            "peak_bytes": _range(training.peak.widened(facts.training_step.unseen)),
            "moment": training.moment,
            "note": facts.training_note,
        },
        "device": _device(facts),
        "deployment": _deployment(facts),
        **_certainty(inference, training.peak),
    }


def _deployment(facts: Facts) -> dict[str, Any] | None:
    """Return the memory of inference on the target's device or in its number format, if given.

    On a microcontroller the weights stay in flash. A runtime that works in place needs the lower
    bound of the activations, a framework the upper bound.
    """
    device, number_format = facts.target.device, facts.target.deployed_format
    if device is None and number_format is None:
        return None
    weights, alive = facts.deployment.weights, facts.deployment.activations
    in_flash = device is not None and device.kind == "mcu"
    total = alive if in_flash else weights + Amount(alive.high, alive.high, alive.unknown)
    flash = None if device is None else device.flash_bytes
    return {
        "device": None if device is None else device.name,
        "number_format": number_format,
        "weight_bytes": _range(weights),
        "activation_bytes": _range(alive),
        "total_bytes": _range(total),
        "limit_bytes": None if device is None else device.usable_memory_bytes,
        "flash_bytes": None if flash is None else flash.value,
    }


def _device(facts: Facts) -> dict[str, Any] | None:
    """Return the device memory of a training step; None without a device."""
    memory = facts.device_memory
    if memory is None:
        return None
    return {
        "name": memory.device.name,
        "limit_bytes": memory.limit,
        "reserves": {name: _range(amount) for name, amount in memory.reserves.items()},
        "training_bytes": _range(memory.total),
    }


def _range(amount: Amount) -> dict[str, int | None]:
    """Return both bounds; without an upper one where an operator's part is unknown."""
    is_bounded = not any(part.node for part in amount.unknown)
    return {"low": amount.low, "high": amount.high if is_bounded else None}


def _certainty(*amounts: Amount) -> dict[str, Any]:
    unknown = merged(*(amount.unknown for amount in amounts))
    return {"complete": not unknown, "unknown": [asdict(part) for part in unknown]}


def _fields(facts: Facts, tensors: Sequence[str], *, all_tensors: bool) -> list[dict[str, Any]]:
    fields = facts.receptive_fields
    names: Iterable[str] = (*fields.maps, *tensors)
    if all_tensors:
        names = [
            name
            for node in facts.graph.nodes
            for name in node.outputs
            if any(fields.depends(name, extent) for extent in fields.extents)
        ]
    return [
        _field(name, extent, fields.of(name, extent))
        for name in dict.fromkeys(names)
        for extent in fields.extents
    ]


def _field(tensor: str, extent: Extent, field: Field) -> dict[str, Any]:
    reach = field.reach if field.is_local else None
    fixed = reach is not None and reach.finite
    return {
        "tensor": tensor,
        "axis": field.axis if field.is_local else None,
        "input": extent.input,
        "input_axis": extent.axis,
        "size": list(field.size) if field.is_local else None,
        "stride": _ratio(reach.stride) if reach and not fixed else None,
        "padding": _number(reach.padding) if reach and not fixed and field.is_placed else None,
        "taps": list(field.taps) if field.taps and field.is_local else None,
        "global": field.kind in {"global", "past", "future"},
        "kind": field.kind,
        "global_at": field.whole,
        "content": _content(field.content),
        "status": field.status,
        "reason": field.unknown,
    }


def _content(content: Field | None) -> dict[str, Any] | None:
    """Return the field of the content to which a gate or an attention applies, if it has a size."""
    if content is None or not content.is_local or not content.moves:
        return None
    reach = content.reach
    fixed = reach is None or reach.finite
    return {
        "axis": content.axis,
        "size": list(content.size),
        "stride": None if reach is None or fixed else _ratio(reach.stride),
        "padding": None if reach is None or fixed else _number(reach.padding),
    }


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _number(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)


def _join(join: Join) -> dict[str, Any]:
    return {
        "node": join.node,
        "tensor": join.tensor,
        "axis": join.axis,
        "input": join.input,
        "input_axis": join.input_axis,
        "offset": None if join.offset is None else _number(join.offset),
        "stride": _ratio(join.strides[0]),
        "aligned": join.aligned,
        "intended": join.intended,
        "paths": [path.tensor for path in join.paths],
    }


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
