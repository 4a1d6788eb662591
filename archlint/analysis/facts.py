"""All facts of one model, each computed once, when it is first asked for.

So are the analyses loaded that not every check asks for.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from archlint.analysis.amount import Amount
from archlint.analysis.compute.compute import Compute
from archlint.analysis.initialization.initialization import Initialization
from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.receptive_field.receptive_fields import ReceptiveFields
from archlint.analysis.structure.flow import Flow
from archlint.analysis.structure_facts import StructureFacts
from archlint.analysis.training.gradients import GradientFlow
from archlint.analysis.training.trained_part import unmatched_patterns
from archlint.graph.graph import Graph

if TYPE_CHECKING:
    from archlint.analysis.compute.roofline import StepTime
    from archlint.analysis.compute.traffic import Traffic
    from archlint.analysis.memory.attention import AttentionMemory
    from archlint.analysis.memory.deployment import Deployment
    from archlint.analysis.memory.device import DeviceMemory
    from archlint.analysis.memory.inference import InferenceMemory
    from archlint.analysis.memory.layouts import Layouts
    from archlint.analysis.memory.saved import Saved
    from archlint.analysis.memory.training import TrainingMemory
    from archlint.analysis.signal.gradient import GradientSignal
    from archlint.analysis.signal.propagation import Propagation
    from archlint.analysis.signal.saturation import Saturation
    from archlint.analysis.signal.segments import Segments
    from archlint.analysis.structure.blocks import Blocks
    from archlint.analysis.structure.partition import Partition
    from archlint.analysis.training_step import TrainingStep


class Facts(StructureFacts, frozen=True, dict=True):
    """The facts of one graph for one target: what it computes, needs and does in training."""

    def inside(self, graph: Graph) -> Facts:
        """Return the facts of a branch or of the body of a loop, as of a graph of its own."""
        return Facts(graph, self.target, self.operators, self.numbers.inside)

    @cached_property
    def partition(self) -> Partition | None:
        """What the runtime of the target gives to its accelerator; None where none is stated."""
        if self.target.runtime is None and not self.target.runtime_operators:
            return None
        from archlint.analysis.structure.partition import partition

        return partition(Flow(self.graph, self.operators, self.parameters), self.target)

    @cached_property
    def gradients(self) -> GradientFlow:
        """Which tensors need a gradient in training."""
        training = self.target.training
        stated = training.dropout_mask
        return GradientFlow(
            self.graph,
            self.operators,
            self.parameters,
            input_gradient=training.input_gradient,
            bool_masks=self.target.on_gpu if stated is None else stated == "bool",
            on_gpu=self.target.on_gpu,
            in_place=training.in_place,
        )

    @cached_property
    def compute(self) -> Compute:
        """Multiply-accumulates and FLOP of the graph of the file, as inference runs it."""
        return self._computed(self.graph, self.gradients)

    @cached_property
    def training_compute(self) -> Compute:
        """Multiply-accumulates and FLOP of the passes of training.

        They are of the network before an exporter merged its calls and folded its parameters.
        """
        networks = self.training_step.networks
        program, frozen = networks.program, networks.frozen
        if program.graph is self.graph and frozen is None:
            return self.compute
        least = None if frozen is None else frozen.program.gradients
        return self._computed(program.graph, program.gradients, least)

    @property
    def compute_note(self) -> str | None:
        """What training computes that the file does not show; None where it shows all."""
        from archlint.analysis.compute.restored_work import restored_work

        file, training = self.compute, self.training_compute
        return None if training is file else restored_work(file, training)

    def _computed(
        self, graph: Graph, gradients: GradientFlow, least: GradientFlow | None = None
    ) -> Compute:
        training, again = self.target.training, frozenset[str]()
        if training.checkpointing is not None:
            from archlint.analysis.compute.recomputed import recomputed

            again = recomputed(graph, self.saved)
        return Compute(graph, self.operators, gradients, again, training.accumulation_steps, least)

    @cached_property
    def receptive_fields(self) -> ReceptiveFields:
        """What every tensor reads of every input axis."""
        return ReceptiveFields(self.graph, self.operators)

    @cached_property
    def layouts(self) -> Layouts:
        """How the tensors of the file lie in memory."""
        from archlint.analysis.memory.layouts import Layouts

        return Layouts(self.graph, self.operators)

    @cached_property
    def inference_memory(self) -> InferenceMemory:
        """Liveness of the activations of a forward pass."""
        from archlint.analysis.memory.inference import InferenceMemory
        from archlint.analysis.memory.storage import Storages

        return InferenceMemory(self.graph, Storages(self.layouts), self.gradients)

    @cached_property
    def deployment(self) -> Deployment:
        """Weights and activations of inference, in the number format of the device."""
        from archlint.analysis.memory.deployment import Deployment

        deployed = self.target.deployed_format
        return Deployment(self.layouts, self.parameters, self.gradients, deployed)

    @cached_property
    def training_step(self) -> TrainingStep:
        """One step of training, as the framework runs it."""
        from archlint.analysis.training.possible_networks import PossibleNetworks
        from archlint.analysis.training_step import TrainingStep

        networks = PossibleNetworks(self.gradients, self.target, self.numbers)
        return TrainingStep(self.layouts, networks)

    @property
    def trained_parameters(self) -> Parameters:
        """The parameters of the network as it is trained, before an exporter rewrote them."""
        return self.training_step.program.parameters

    @property
    def trained_count(self) -> Amount:
        """The parameters of that network: the most where a file does not tell of biases."""
        low, upper = self.trained_parameters.count, self.saved.upper
        return Amount(low, low if upper is None else max(low, upper.gradients.parameters.count))

    @property
    def blocks(self) -> Blocks:
        """The repeated parts of the network."""
        return self.training_step.blocks

    @property
    def saved(self) -> Saved:
        """The tensors that autograd saves for the backward pass."""
        return self.training_step.saved

    @property
    def training_memory(self) -> TrainingMemory:
        """Weights, gradients, optimizer state, saved activations and their peak."""
        return self.training_step.memory

    @property
    def training_note(self) -> str | None:
        """Why the memory of training is an interval; None where it is exact."""
        return self.training_step.note

    @property
    def unmatched_patterns(self) -> tuple[tuple[str, str], ...]:
        """The names in the training settings that match nothing, with their settings."""
        return tuple(unmatched_patterns(self.graph, self.target.training))

    @cached_property
    def device_memory(self) -> DeviceMemory | None:
        """What a training step takes of the device; None where no device is given."""
        from archlint.analysis.memory.device import DeviceMemory

        device, peak = self.target.device, self.training_memory.peak
        if device is None:
            return None
        moved = self._traffic.convolved_bytes
        return DeviceMemory(peak, moved, device, self.target.reserve)

    @cached_property
    def step_time(self) -> StepTime:
        """How long a step takes on the device, by the roofline model."""
        from archlint.analysis.compute.roofline import StepTime

        return StepTime(self._traffic, self.target.training.precision, self.target.device)

    @cached_property
    def _traffic(self) -> Traffic:
        """What each operator of a step computes and moves."""
        from archlint.analysis.compute.traffic import Traffic

        trains = self.target.training.optimizer is not None
        compute = self.training_compute if trains else self.compute
        return Traffic(compute, self.saved, self.training_memory, trains)

    @cached_property
    def attention_memory(self) -> AttentionMemory:
        """Saved attention scores, and the KV cache."""
        from archlint.analysis.memory.attention import AttentionMemory

        return AttentionMemory(self.saved)

    @cached_property
    def initialization(self) -> Initialization:
        """How weights are initialized."""
        may_fold = self.target.training.batch_norm != "absent"
        return Initialization(self.flow, self.numbers.describe, self.target.weights, may_fold)

    @cached_property
    def propagation(self) -> Propagation:
        """The signal in every tensor at initialization, batch normalizations as in training."""
        from archlint.analysis.signal.propagation import Propagation

        return Propagation(self.initialization)

    @cached_property
    def segments(self) -> Segments:
        """Segments between normalizations, and residual branches."""
        from archlint.analysis.signal.segments import Segments

        return Segments(self.propagation)

    @cached_property
    def gradient_signal(self) -> GradientSignal:
        """The gradient in every tensor at initialization."""
        from archlint.analysis.signal.gradient import GradientSignal

        return GradientSignal(self.propagation)

    @cached_property
    def saturation(self) -> Saturation:
        """Chains of layers with saturating functions between them."""
        from archlint.analysis.signal.saturation import Saturation

        return Saturation(self.gradient_signal)
