"""One step of training, as the framework runs it: its graph, what it keeps, and its memory."""

from __future__ import annotations

from functools import cached_property

from archlint.analysis.blocks import Blocks
from archlint.analysis.checkpointing import segments
from archlint.analysis.gradients import GradientFlow
from archlint.analysis.hidden_layers import HiddenLayers
from archlint.analysis.parameters import Parameters
from archlint.analysis.precision import HALF, MIXED, Formatted, half_format, halved
from archlint.analysis.recognize import framework_graph
from archlint.analysis.saved import Saved
from archlint.analysis.storage import Storages
from archlint.analysis.training_memory import TrainingMemory
from archlint.graph.graph import Graph
from archlint.ops.composite.registry import composites
from archlint.ops.registry import Operators
from archlint.record import record, replace
from archlint.target import Target


@record(slots=False)
class TrainingStep:
    """A step of training of one graph for one target.

    The graph of the file is taken back to the operators that the framework ran. Where the file may
    hide layers, and where the number format of a tensor cannot be told, answers are intervals, from
    what there surely is to the most that there may be.
    """

    graph: Graph
    operators: Operators
    parameters: Parameters
    gradients: GradientFlow
    target: Target

    @cached_property
    def hidden_layers(self) -> HiddenLayers:
        """The layers that an export for inference leaves out, as far as the file tells."""
        kernel, on_gpu = self.target.training.attention or "flash", self.target.on_gpu
        known = composites(attention_kernel=kernel, drops_fused=on_gpu)
        return HiddenLayers(framework_graph(self.graph, known), on_gpu)

    @cached_property
    def framework(self) -> Graph:
        """The graph of the operators that the framework ran, with the layers that it surely had."""
        hidden, said = self.hidden_layers, self.target.training
        norms = hidden.certain_norms if said.batch_norm != "absent" else ()
        if said.batch_norm == "present":
            norms += hidden.possible_norms
        dropouts = hidden.possible_dropouts if said.dropout == "present" else ()
        return hidden.shown(norms, dropouts)

    @cached_property
    def blocks(self) -> Blocks:
        """The repeated parts of the network."""
        return Blocks(self.framework, self.graph)

    @property
    def module_names(self) -> list[str]:
        """The names of the modules of the network, those nearest to its root first."""
        return [".".join(path) for path in sorted(self.blocks.modules, key=len)]

    @cached_property
    def saved(self) -> Saved:
        """What the backward pass keeps."""
        return self._saved(self.framework, more=True)

    @cached_property
    def memory(self) -> TrainingMemory:
        """Weights, gradients, optimizer state, saved activations and their peak."""
        return self._memory(self.saved)

    @property
    def note(self) -> str | None:
        """Why the memory is an interval, None where it is exact."""
        hides = self._fullest is not None and self.hidden_layers.note
        notes = [self.hidden_layers.note] if hides else []
        notes += [f"what {op} keeps depends on {what}" for op, what in self.saved.bounded]
        peak = self.memory.peak
        if self.saved.total.value is not None and peak.low < peak.high:
            notes.append("variables of the program may hold tensors until a module returns")
        return "; ".join(filter(None, (*notes, *self.saved.reasons))) or None

    @cached_property
    def _fullest(self) -> Graph | None:
        """The graph with all layers that it may have had, None where that is what is shown."""
        hidden, said = self.hidden_layers, self.target.training
        norms = hidden.certain_norms + hidden.possible_norms if said.batch_norm != "absent" else ()
        # One who says that there are batch norms speaks of a network that has nothing else hidden.
        silent = said.dropout is None and said.batch_norm is None
        dropouts = hidden.possible_dropouts if silent or said.dropout == "present" else ()
        fullest = hidden.shown(norms, dropouts)
        return fullest if len(fullest.nodes) != len(self.framework.nodes) else None

    def _saved(self, graph: Graph, *, more: bool) -> Saved:
        """Return what `graph` keeps; with `more`, what it may keep besides is the upper end."""
        shown = self._formatted(graph, is_low=more)
        largest = self._fullest or (graph if shown.reasons else None) if more else None
        checkpointing = self.target.training.checkpointing
        return Saved(
            shown.graph,
            self.operators,
            replace(self.gradients, graph=shown.graph),
            Storages(shown.graph, self.operators),
            None if largest is None else self._saved(largest, more=False),
            shown.cached,
            shown.reasons,
            segments(shown.graph, Blocks(shown.graph, self.graph), checkpointing),
        )

    def _formatted(self, graph: Graph, *, is_low: bool) -> Formatted:
        """Return `graph` in the training's number formats; half precision in doubt if `is_low`."""
        precision = self.target.training.precision
        if precision not in MIXED:
            return Formatted(halved(graph, precision) if precision in HALF else graph)
        from archlint.analysis.autocast import autocast
        from archlint.graph.dtype import DType
        from archlint.ops.autocast import Lists

        half = half_format(precision)
        lists = Lists.CUDA if self.target.on_gpu else Lists.CPU
        return autocast(
            graph, self.gradients, half, lists, unsettled=half if is_low else DType.FLOAT32
        )

    def _memory(self, saved: Saved) -> TrainingMemory:
        stated = self.target.training.foreach
        return TrainingMemory(
            saved.graph,
            self.parameters,
            saved,
            self.target.training,
            foreach=self.target.on_gpu if stated is None else stated,
            more=None if saved.more is None else self._memory(saved.more),
            blocks=Blocks(saved.graph, self.graph),
        )
