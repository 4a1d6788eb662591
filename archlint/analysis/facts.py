"""All facts of one model, each worked out once and only when it is asked for.

So are the analyses loaded: most runs ask for few of them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from archlint.analysis.flow import Flow
from archlint.analysis.initialization import Describe, Initialization, read_nothing
from archlint.analysis.parameters import Parameters
from archlint.graph.graph import Graph
from archlint.ops.registry import Operators
from archlint.record import record
from archlint.target import Target

if TYPE_CHECKING:
    from archlint.analysis.attention_memory import AttentionMemory
    from archlint.analysis.blocks import Blocks
    from archlint.analysis.compute import Compute
    from archlint.analysis.deployment import Deployment
    from archlint.analysis.device_memory import DeviceMemory
    from archlint.analysis.gradient_signal import GradientSignal
    from archlint.analysis.gradients import GradientFlow
    from archlint.analysis.hidden_layers import HiddenLayers
    from archlint.analysis.inference_memory import InferenceMemory
    from archlint.analysis.misfits import Misfits
    from archlint.analysis.precision import Formatted
    from archlint.analysis.propagation import Propagation
    from archlint.analysis.receptive_field import ReceptiveFields
    from archlint.analysis.roofline import StepTime
    from archlint.analysis.saved import Saved
    from archlint.analysis.segments import Segments
    from archlint.analysis.traffic import Traffic
    from archlint.analysis.training_memory import TrainingMemory
    from archlint.sources.statistics import Statistics


@record(slots=False)
class Facts:
    """The facts of one graph for one target.

    `describe` reads what the numbers of a stored tensor look like; no fact asks for it unless it
    is about the numbers.
    """

    graph: Graph
    target: Target
    operators: Operators
    describe: Describe = read_nothing

    @cached_property
    def parameters(self) -> Parameters:
        """Which stored tensors are parameters and which are running statistics."""
        return Parameters(self.graph, self.operators)

    @cached_property
    def gradients(self) -> GradientFlow:
        """Which tensors need a gradient in training."""
        from archlint.analysis.gradients import GradientFlow

        stated = self.target.training.dropout_mask
        return GradientFlow(
            self.graph,
            self.operators,
            self.parameters,
            input_gradient=self.target.training.input_gradient,
            bool_masks=self._on_gpu if stated is None else stated == "bool",
            on_gpu=self._on_gpu,
        )

    @cached_property
    def compute(self) -> Compute:
        """Multiply-accumulates and FLOP of the passes."""
        from archlint.analysis.compute import Compute

        passes = self.target.training.accumulation_steps
        return Compute(self.graph, self.operators, self.gradients, self._run_again, passes)

    @property
    def _run_again(self) -> frozenset[str]:
        """The nodes of checkpointed parts that the backward pass runs once more."""
        if self.target.training.checkpointing is None:
            return frozenset()
        from archlint.analysis.owners import owners

        again = {
            node.name for segment in self.saved.segments for node in self.saved.run_again(segment)
        }
        owned = owners(self.graph, self.saved.graph)
        return frozenset(name for name, owner in owned.items() if owner in again)

    @cached_property
    def misfits(self) -> Misfits:
        """The calls that contradict their operator."""
        from archlint.analysis.misfits import Misfits

        return Misfits(self.graph, self.operators)

    @cached_property
    def receptive_fields(self) -> ReceptiveFields:
        """What every tensor reads of every input axis."""
        from archlint.analysis.receptive_field import ReceptiveFields

        return ReceptiveFields(self.graph, self.operators)

    @cached_property
    def inference_memory(self) -> InferenceMemory:
        """Liveness of the activations of a forward pass."""
        from archlint.analysis.inference_memory import InferenceMemory
        from archlint.analysis.storage import Storages

        return InferenceMemory(self.graph, Storages(self.graph, self.operators), self.gradients)

    @cached_property
    def deployment(self) -> Deployment:
        """Weights and activations of inference, as they stand on the device."""
        from archlint.analysis.deployment import Deployment

        device, stated = self.target.device, self.target.deploy_dtype
        # Some accelerators run nothing but integers, whatever the file holds before it is compiled.
        only_int8 = device is not None and device.kind == "npu" and set(device.peak_ops) == {"int8"}
        number_format = stated or ("int8" if only_int8 else None)
        return Deployment(
            self.graph, self.operators, self.parameters, self.gradients, number_format
        )

    @cached_property
    def hidden_layers(self) -> HiddenLayers:
        """The layers that an export for inference leaves out, as far as the file tells."""
        from archlint.analysis.hidden_layers import HiddenLayers
        from archlint.analysis.recognize import framework_graph
        from archlint.ops.composite.registry import composites

        kernel = self.target.training.attention or "flash"
        known = composites(attention_kernel=kernel, drops_fused=self._on_gpu)
        return HiddenLayers(framework_graph(self.graph, known), self._on_gpu)

    @cached_property
    def framework(self) -> Graph:
        """The graph of the operators that the framework ran, with the layers that it surely had."""
        hidden, said = self.hidden_layers, self.target.training
        norms = hidden.certain_norms if said.batch_norm != "absent" else ()
        if said.batch_norm == "present":
            norms += hidden.possible_norms
        dropouts = hidden.possible_dropouts if said.dropout == "present" else ()
        return hidden.shown(norms, dropouts)

    @property
    def unmatched_patterns(self) -> tuple[tuple[str, str], ...]:
        """The names in the training that nothing goes by, behind the settings they stand in."""
        from archlint.analysis.trained_part import unmatched_patterns

        training = self.target.training
        unmatched = tuple(unmatched_patterns(self.graph, training))
        how = training.checkpointing
        if how is not None and not how.modules and not self.blocks.found:
            return (*unmatched, ("training.checkpointing", "blocks"))
        return unmatched

    @cached_property
    def saved(self) -> Saved:
        """What the backward pass keeps."""
        return self._saved(self.framework, more=True)

    @property
    def training_note(self) -> str | None:
        """Why the memory of training is an interval, None where it is exact."""
        notes = []
        if self._fullest is not None and self.hidden_layers.note:
            notes.append(self.hidden_layers.note)
        return "; ".join((*notes, *self.saved.reasons)) or None

    @cached_property
    def training_memory(self) -> TrainingMemory:
        """Weights, gradients, optimizer state, saved activations and their peak."""
        return self._training_memory(self.saved)

    @cached_property
    def device_memory(self) -> DeviceMemory | None:
        """What a training step takes of the device; None where none is given."""
        from archlint.analysis.device_memory import DeviceMemory

        device, peak = self.target.device, self.training_memory.peak
        if device is None:
            return None
        convolutions = [
            work for work in self._traffic.works if work.slides and work.stage == "forward"
        ]
        moved = sum(work.nbytes for work in convolutions)
        return DeviceMemory(peak, moved if convolutions else None, device, self.target.reserve)

    def _saved(self, graph: Graph, *, more: bool) -> Saved:
        """Return what `graph` keeps; with `more`, what it may keep besides is the upper end."""
        from archlint.analysis.blocks import Blocks
        from archlint.analysis.checkpointing import segments
        from archlint.analysis.saved import Saved
        from archlint.analysis.storage import Storages

        shown = self._formatted(graph, is_low=more)
        largest = self._fullest or (graph if shown.reasons else None) if more else None
        return Saved(
            shown.graph,
            self.operators,
            replace(self.gradients, graph=shown.graph),
            Storages(shown.graph, self.operators),
            None if largest is None else self._saved(largest, more=False),
            shown.cached,
            shown.reasons,
            segments(
                shown.graph, Blocks(shown.graph, self.graph), self.target.training.checkpointing
            ),
        )

    def _formatted(self, graph: Graph, *, is_low: bool) -> Formatted:
        """Return `graph` in the training's number formats; half precision in doubt if `is_low`."""
        from archlint.analysis.precision import HALF, MIXED, Formatted, half_format, halved

        precision = self.target.training.precision
        if precision not in MIXED:
            return Formatted(halved(graph, precision) if precision in HALF else graph)
        from archlint.analysis.autocast import autocast
        from archlint.graph.dtype import DType
        from archlint.ops.autocast import Lists

        half = half_format(precision)
        lists = Lists.CUDA if self._on_gpu else Lists.CPU
        return autocast(
            graph, self.gradients, half, lists, unsettled=half if is_low else DType.FLOAT32
        )

    @cached_property
    def blocks(self) -> Blocks:
        """The repeated parts of the network."""
        from archlint.analysis.blocks import Blocks

        return Blocks(self.framework, self.graph)

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

    def _training_memory(self, saved: Saved) -> TrainingMemory:
        from archlint.analysis.blocks import Blocks
        from archlint.analysis.training_memory import TrainingMemory

        stated = self.target.training.foreach
        return TrainingMemory(
            saved.graph,
            self.parameters,
            saved,
            self.target.training,
            foreach=self._on_gpu if stated is None else stated,
            more=None if saved.more is None else self._training_memory(saved.more),
            blocks=Blocks(saved.graph, self.graph),
        )

    @cached_property
    def step_time(self) -> StepTime:
        """How long a step takes on the device, by the roofline model."""
        from archlint.analysis.roofline import StepTime

        return StepTime(self._traffic, self.target.training.precision, self.target.device)

    @cached_property
    def _traffic(self) -> Traffic:
        """What each operator of a step computes and moves."""
        from archlint.analysis.traffic import Traffic

        trains = self.target.training.optimizer is not None
        return Traffic(self.compute, self.saved, self.training_memory, trains)

    @cached_property
    def attention_memory(self) -> AttentionMemory:
        """Scores that are kept whole, and keys and values of earlier tokens."""
        from archlint.analysis.attention_memory import AttentionMemory

        return AttentionMemory(self.saved)

    @cached_property
    def flow(self) -> Flow:
        """What every tensor comes from and runs into."""
        return Flow(self.meaning, self.operators, self.parameters)

    @cached_property
    def meaning(self) -> Graph:
        """The graph as a signal sees it: masks are known, and steps are what they compute."""
        from archlint.analysis.recognize import meaning_graph
        from archlint.analysis.stored_masks import stored_masks
        from archlint.ops.composite.registry import meanings

        masks = stored_masks(self.graph, self._describe_mask)
        graph = self.graph  # what it has worked out about itself is kept where it is the same
        if masks:
            graph = replace(graph, constants={**graph.constants, **masks})
        return meaning_graph(graph, meanings())

    def _describe_mask(self, name: str) -> Statistics | None:
        """Read the numbers of a stored tensor that is no factor of a product, which no mask is."""
        for use in self.parameters.lineage.uses.get(name, ()):
            entry = self.operators.of(use.node)
            if entry is None or (use.slot in entry.weights and not entry.scalars_are_constants):
                return None
        return self.describe(name)

    @cached_property
    def initialization(self) -> Initialization:
        """How weights are drawn before training."""
        return Initialization(self.flow, self.describe, self.target.weights)

    @cached_property
    def propagation(self) -> Propagation:
        """The signal in every tensor at initialization, batch normalizations as in training."""
        from archlint.analysis.propagation import Propagation

        return Propagation(self.initialization)

    @cached_property
    def segments(self) -> Segments:
        """Stretches without a normalization, and residual branches."""
        from archlint.analysis.segments import Segments

        return Segments(self.propagation)

    @cached_property
    def gradient_signal(self) -> GradientSignal:
        """The gradient in every tensor at initialization."""
        from archlint.analysis.gradient_signal import GradientSignal

        return GradientSignal(self.propagation)

    @property
    def _on_gpu(self) -> bool:
        return self.target.device is not None and self.target.device.kind == "gpu"
