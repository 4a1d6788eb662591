"""One training step as the framework runs it: its graph, what it saves, and its memory."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from archlint.analysis.memory.layouts import Layouts
from archlint.analysis.memory.saved import Saved
from archlint.analysis.memory.storage import Storages
from archlint.analysis.memory.training import TrainingMemory
from archlint.analysis.structure.blocks import Blocks
from archlint.analysis.training.checkpointing import segments
from archlint.analysis.training.possible_networks import PossibleNetworks
from archlint.analysis.training.precision import HALF, MIXED, Formatted, half_format, halved
from archlint.analysis.training.program import Network, Program
from archlint.graph.graph import Graph
from archlint.target import Target

# The part of all bytes that is in no such file: seeds, counters, numbers that formulas make.
_UNSEEN = 0.005


class TrainingStep(Struct, frozen=True, dict=True):
    """A step of training of one graph for one target.

    The graph of the file is taken back to the operators that the framework ran. Where the file may
    hide layers, and where the number format of a tensor cannot be told, answers are intervals, from
    what there surely is to the most that there may be. `layouts` are those of the file.
    """

    layouts: Layouts
    networks: PossibleNetworks

    @property
    def program(self) -> Program:
        """The network with the weights and the batch norms that it surely had."""
        return self.networks.program

    @property
    def framework(self) -> Graph:
        """The graph of the operators that the framework ran, with the layers that it surely had."""
        return self.networks.surely.framework

    @property
    def folded_norms(self) -> tuple[str, ...]:
        """The nodes that batch norms were folded into, as far as the file records it."""
        return self.networks.folded_norms

    @cached_property
    def blocks(self) -> Blocks:
        """The repeated parts of the network."""
        return self._blocks(self.framework)

    @property
    def module_names(self) -> list[str]:
        """The names of the modules of the network, those nearest to its root first."""
        return [".".join(path) for path in sorted(self.blocks.modules, key=len)]

    @cached_property
    def saved(self) -> Saved:
        """The tensors that autograd saves for the backward pass."""
        surely, frozen = self.networks.surely, self.networks.frozen
        formatted = self._formatted(surely, is_low=True)
        fullest = self.networks.fullest
        if fullest is None and formatted.reasons:
            fullest = surely  # of which the formats alone are in doubt
        return self._saved(
            surely.program,
            formatted,
            upper=None if fullest is None else self._most_saved(fullest),
            lower=None if frozen is None else self._most_saved(frozen),
        )

    @cached_property
    def memory(self) -> TrainingMemory:
        """Weights, gradients, optimizer state, saved activations and their peak."""
        return self._memory(self.saved)

    @property
    def note(self) -> str | None:
        """Why the memory is an interval, or why the file shows another network; else None."""
        from archlint.analysis.memory.training_note import training_note

        return training_note(self.networks, self.memory)

    @property
    def unseen(self) -> float:
        """The fraction of all bytes by which the file may be incomplete or wrong."""
        return _UNSEEN if self.networks.is_open else 0.0

    @property
    def _target(self) -> Target:
        return self.networks.target

    def _blocks(self, graph: Graph) -> Blocks:
        return Blocks(graph, self.layouts.graph)

    def _most_saved(self, network: Network) -> Saved:
        return self._saved(network.program, self._formatted(network, is_low=False))

    def _saved(
        self,
        program: Program,
        formatted: Formatted,
        *,
        upper: Saved | None = None,
        lower: Saved | None = None,
    ) -> Saved:
        graph = formatted.graph
        return Saved(
            graph,
            self.layouts.operators,
            program.gradients.on(graph),
            Storages(self.layouts.on(graph)),
            upper=upper,
            lower=lower,
            cached=formatted.cached,
            reasons=formatted.reasons,
            segments=segments(graph, self._blocks(graph), self._target.training.checkpointing),
        )

    def _formatted(self, network: Network, *, is_low: bool) -> Formatted:
        """Return a network in the training's number formats; the smaller ones of those in doubt.

        With `is_low` false, the larger ones.
        """
        graph, precision = network.framework, self._target.training.precision
        if precision not in MIXED:
            return Formatted(halved(graph, precision) if precision in HALF else graph)
        from archlint.analysis.training.autocast import autocast
        from archlint.graph.dtype import DType
        from archlint.ops.autocast import Lists

        half = half_format(precision)
        lists = Lists.CUDA if self._target.on_gpu else Lists.CPU
        unsettled = half if is_low else DType.FLOAT32
        return autocast(graph, network.program.gradients, half, lists, unsettled=unsettled)

    def _memory(self, saved: Saved) -> TrainingMemory:
        stated = self._target.training.foreach
        return TrainingMemory(
            saved,
            self._target.training,
            self._blocks(saved.graph),
            self._target.on_gpu if stated is None else stated,
            upper=None if saved.upper is None else self._memory(saved.upper),
            lower=None if saved.lower is None else self._memory(saved.lower),
        )
