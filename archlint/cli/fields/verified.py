"""`--verify`: compares the derived receptive fields with a run in onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archlint.engine.verification import Compared
    from archlint.model import Model


def document(model: Model, *, every: bool) -> dict[str, Any]:
    """Return what agreed and what did not, for the last maps and outputs or for `every` tensor.

    Raises `CannotRun` where the model cannot be run.
    """
    from archlint.engine.running import Running
    from archlint.engine.verification import check_runnable, verify

    check_runnable(model)
    fields = model.facts.receptive_fields
    tensors = list(fields.maps)
    if every:
        tensors = [
            name for node in model.graph.nodes for name in node.outputs if name in fields.data
        ]
    compared = list(verify(model, Running(model, tensors), tensors))
    wrong = [each for each in compared if each.outside is not None]
    return {
        "agreements": len(compared) - len(wrong),
        "disagreements": [_entry(each) for each in wrong],
        "predicted": sum(each.predicted for each in compared),
        "seen": sum(each.seen for each in compared),
    }


def text(found: dict[str, Any]) -> str:
    """Return a line of totals, and one for each disagreement."""
    total = found["agreements"] + len(found["disagreements"])
    share = 100 * found["seen"] / max(found["predicted"], 1)
    summary = f"{found['agreements']} of {total} fields agree with onnxruntime"
    lines = [f"{summary}; of what is predicted to change, {share:.0f} % did"]
    lines += [_told(entry) for entry in found["disagreements"]]
    return "".join(f"{line}\n" for line in lines)


def _told(entry: dict[str, Any]) -> str:
    element = f"{entry['tensor']} at {entry['position']} of axis {entry['axis']}"
    place = f"place {entry['place']} of axis {entry['input_axis']} of {entry['input']}"
    return f"{element} changed with {place}, which is not in its field"


def _entry(compared: Compared) -> dict[str, Any]:
    position, place = compared.outside or (None, None)
    return {
        "tensor": compared.tensor,
        "axis": compared.axis,
        "position": position,
        "input": compared.extent.input,
        "input_axis": compared.extent.axis,
        "place": place,
    }
