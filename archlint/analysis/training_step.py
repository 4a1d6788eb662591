"""One training step as the framework runs it: its graph, what it saves, and its memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from archlint.analysis.memory.layouts import Layouts
from archlint.analysis.memory.saved import Saved
from archlint.analysis.memory.storage import Storages
from archlint.analysis.memory.training import TrainingMemory
from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.recognition.recognize import framework_graph
from archlint.analysis.structure.blocks import Blocks
from archlint.analysis.training.checkpointing import segments
from archlint.analysis.training.gradients import GradientFlow
from archlint.analysis.training.precision import HALF, MIXED, Formatted, half_format, halved
from archlint.analysis.training.program import Program
from archlint.analysis.training.trained_part import frozen_part, with_frozen
from archlint.graph.graph import Graph
from archlint.graph.program.calls import signature
from archlint.ops.composite.registry import composites
from archlint.ops.overwriting import DEPENDS_ON
from archlint.ops.registry import Operators
from archlint.ops.restored.copied_weights import copied_weights
from archlint.ops.restored.distinct_numbers import DistinctNumbers
from archlint.ops.restored.exported_weights import folded_parameters
from archlint.ops.restored.folded_norms import folded_norms
from archlint.ops.restored.folded_weights import Undecided, undecided_parameters
from archlint.ops.restored.formula_tables import ReadFirst, formula_like, reads_nothing
from archlint.ops.restored.network import restored
from archlint.ops.restored.optional_masks import OptionalMasks
from archlint.ops.restored.perhaps_frozen import PerhapsFrozen
from archlint.ops.restored.recomputed_constants import with_recomputed_constants
from archlint.ops.restored.removed_dropouts import HiddenDropouts
from archlint.ops.restored.shared_heads import with_shared_heads
from archlint.ops.restored.tied_weights import IsTransposed, cannot_tell, tied
from archlint.ops.restored.twins import MAY_REPEAT
from archlint.record import record, replace
from archlint.target import Target

# The part of all bytes that is in no such file: seeds, counters, numbers that formulas make.
_UNSEEN = 0.005
_SHOWN = 3
_HIDES = (
    "an export for inference, with {}: training may keep more than the file shows; export in "
    "training mode, or set training.batch-norm and training.dropout (present or absent)"
)
_MASKS = (
    "masks of attention that depend on sizes alone may be left to the kernel in training, with "
    "keys and values that are not repeated"
)
_MERGED = "the exporter may have merged products, each of which would save tensors"
_FROZEN = "{}: state in training.frozen what is not trained ([] for nothing)"


@record(slots=False)
class TrainingStep:
    """A step of training of one graph for one target.

    The graph of the file is taken back to the operators that the framework ran. Where the file may
    hide layers, and where the number format of a tensor cannot be told, answers are intervals, from
    what there surely is to the most that there may be.
    """

    layouts: Layouts
    parameters: Parameters
    gradients: GradientFlow
    target: Target
    is_transposed: IsTransposed = cannot_tell
    first: ReadFirst = reads_nothing

    @property
    def graph(self) -> Graph:
        """The graph of the file."""
        return self.layouts.graph

    @property
    def operators(self) -> Operators:
        """The operators that its nodes are calls of."""
        return self.layouts.operators

    @cached_property
    def program(self) -> Program:
        """The network with the weights and the batch norms that it surely had."""
        return self._program()

    @cached_property
    def framework(self) -> Graph:
        """The graph of the operators that the framework ran, with the layers that it surely had."""
        return self._masks.without

    def _with_known_layers(self, hidden: HiddenDropouts) -> Graph:
        """Return the graph of a program with the layers that the target speaks of."""
        if self._is_open:
            return with_shared_heads(hidden.graph)
        dropouts = hidden.possible_dropouts if self.target.training.dropout == "present" else ()
        return hidden.shown(dropouts)

    @cached_property
    def _with_masks(self) -> Graph:
        """The graph of the operators with all masks that the file has."""
        return self._with_known_layers(self._surely)

    @cached_property
    def _masks(self) -> OptionalMasks:
        return OptionalMasks(self._with_masks, self.operators)

    @property
    def _is_open(self) -> bool:
        """Whether a file hides layers and the target does not say which."""
        said = self.target.training
        is_silent = said.dropout is None and said.batch_norm is None
        return is_silent and self._surely.is_inference

    @property
    def folded_norms(self) -> tuple[str, ...]:
        """The nodes that batch norms were folded into, as far as the file records it."""
        return folded_norms(self.graph)

    def _program(self, *, with_biases: bool = False, most: bool = False) -> Program:
        has_norms = self.target.training.batch_norm != "absent"
        whole = tied(self.graph, self.is_transposed)
        graph = restored(
            whole, has_norms=has_norms, with_biases=with_biases, most=most, numbers=self._numbers
        )
        if graph is self.graph:
            return Program(graph, self.parameters, self.gradients)
        graph = frozen_part(graph, self.operators, self.target.training)
        parameters = replace(self.parameters, graph=graph, is_restored=True)
        return Program(
            graph, parameters, replace(self.gradients, graph=graph, parameters=parameters)
        )

    @cached_property
    def _surely(self) -> HiddenDropouts:
        return self._hidden(self.program)

    def _hidden(self, program: Program) -> HiddenDropouts:
        """Return the layers that an export for inference leaves out of a program."""
        kernel, on_gpu = self.target.training.attention or "flash", self.target.on_gpu
        known = composites(attention_kernel=kernel, drops_fused=on_gpu)
        graph = framework_graph(program.graph, known, self.operators)
        return HiddenDropouts(graph, self.graph, on_gpu)

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
        """The tensors that autograd saves for the backward pass."""
        saved = self._saved(self.program, self.framework, more=True)
        return saved if self._frozen is None else replace(saved, less=self._frozen)

    @cached_property
    def frozen(self) -> Program | None:
        """The network with all frozen that may be; None where nothing is, or somebody says it."""
        training = self.target.training
        names = self._perhaps_frozen.names
        if training.frozen is not None or training.lora_rank is not None or not names:
            return None
        graph = with_frozen(self.program.graph, names)
        parameters = replace(self.program.parameters, graph=graph)
        return Program(
            graph,
            parameters,
            replace(self.program.gradients, graph=graph, parameters=parameters),
        )

    @cached_property
    def _frozen(self) -> Saved | None:
        """What is kept with all frozen that may be."""
        if self.frozen is None:
            return None
        graph = with_frozen(self.framework, self._perhaps_frozen.names)
        return self._saved(self.frozen, graph, more=False)

    @cached_property
    def _perhaps_frozen(self) -> PerhapsFrozen:
        parameters = self.program.parameters
        made_of, origins = parameters.lineage.made_of, parameters.origins
        trainable, graph = parameters.trainable.keys(), self.program.graph
        copies = formulas = frozenset[str]()
        if self.graph.is_from_pytorch and signature(self.graph) is None:
            copies = copied_weights(trainable, graph.values, self.first)
            formulas = formula_like(graph, trainable, self.first)
        return PerhapsFrozen(self.framework, trainable, made_of, origins, copies, formulas)

    @cached_property
    def memory(self) -> TrainingMemory:
        """Weights, gradients, optimizer state, saved activations and their peak."""
        return self._memory(self.saved)

    @property
    def note(self) -> str | None:
        """Why the memory is an interval, or why the file shows another network; else None."""
        notes = self._untrained + self._folded
        if self._is_open:
            hidden = " and ".join(self._hides) or "numbers worked out beforehand"
            notes.append(_HIDES.format(hidden))
        if self.frozen is not None:
            notes.append(_FROZEN.format(self._perhaps_frozen.reason))
        notes += [_MASKS] * bool(self._masks.users)
        notes += [_MERGED] * self._may_repeat
        notes += [f"what {op} saves depends on {what}" for op, what in self.saved.bounded]
        rewriting = self.saved.rewriting
        notes += [
            f"how much the backward pass of {op} needs depends on {DEPENDS_ON}" for op in rewriting
        ]
        peak = self.memory.peak
        is_exact = self.saved.total.value is not None and not self._undecided
        if is_exact and peak.low < peak.high and not rewriting:
            notes.append("variables of the program may hold tensors until a module returns")
        return "; ".join(filter(None, (*notes, *self.saved.reasons))) or None

    @property
    def _untrained(self) -> list[str]:
        """The weights that no gradient can change: integers of a quantized model."""
        every = self.parameters.every
        whole = [each.value for each in every if each.value.dtype and not each.value.dtype.is_float]
        if not whole:
            return []
        count = sum(value.elements or 0 for value in whole)
        stored = f"{count:,} of {self.parameters.count:,} parameters are stored as integers"
        return [f"{stored}, which are not trained: export the model before it is quantized"]

    @property
    def _folded(self) -> list[str]:
        """The parameters that an exporter computed other tensors from, where that leaves doubt."""
        counted = folded_parameters(self.program.graph, self.program.parameters.trainable)
        undecided = self._undecided
        folded = (
            (counted, "the exporter folded parameters into {}"),
            (undecided.sizes, "the exporter folded {}, whose size is not recorded"),
            (undecided.saved, "the exporter folded {} in an order of calls that is not recorded"),
        )
        notes = [note.format(_shown(names)) for names, note in folded if names]
        return [f"{note}: export with optimize=False" for note in notes]

    @cached_property
    def _numbers(self) -> DistinctNumbers:
        return DistinctNumbers(self.first)

    @cached_property
    def _undecided(self) -> Undecided:
        """The folded parameters that the file does not describe completely."""
        return undecided_parameters(self.graph, self._numbers)

    @cached_property
    def _may_repeat(self) -> bool:
        """Whether the exporter may have merged products, which each save what they read."""
        return any(MAY_REPEAT in node.attributes for node in self.program.graph.nodes)

    @property
    def unseen(self) -> float:
        """The fraction of all bytes by which the file may be incomplete or wrong."""
        return _UNSEEN if self._is_open else 0.0

    @property
    def _hides(self) -> list[str]:
        """The layers that the file hides, in words."""
        norms = self.folded_norms and self.target.training.batch_norm is None
        parts = ["batch norm folded into the layers before it"] if norms else []
        return parts + ["any dropout left out"] * bool(self._surely.possible_dropouts)

    @cached_property
    def _fullest(self) -> tuple[Program, Graph] | None:
        """The network with all layers that it may have had, None if equal to the lower bound.

        A target that states batch norms implies that nothing else is hidden.
        """
        if not self._is_open:
            if not (self._undecided or self._may_repeat):
                return (self.program, self._with_masks) if self._masks.users else None
            program = self._program(most=True)
            return program, self._with_known_layers(self._hidden(program))
        program = self._program(with_biases=True, most=True)
        graph = with_recomputed_constants(
            program.graph, program.is_folded_number, program.parameters.trainable.__contains__
        )
        hidden = self._hidden(replace(program, graph=graph))
        return program, hidden.shown(hidden.possible_dropouts)

    def _saved(self, program: Program, graph: Graph, *, more: bool) -> Saved:
        """Return the saved tensors of `graph`; with `more`, with possible layers as upper bound."""
        shown = self._formatted(program, graph, is_low=more)
        fullest = self._fullest
        if fullest is None and shown.reasons:
            fullest = program, graph  # of which the formats alone are in doubt
        checkpointing = self.target.training.checkpointing
        return Saved(
            shown.graph,
            self.operators,
            program.gradients.on(shown.graph),
            Storages(self.layouts.on(shown.graph)),
            self._saved(*fullest, more=False) if more and fullest is not None else None,
            shown.cached,
            shown.reasons,
            segments(shown.graph, Blocks(shown.graph, self.graph), checkpointing),
        )

    def _formatted(self, program: Program, graph: Graph, *, is_low: bool) -> Formatted:
        """Return `graph` in the training's number formats; half precision in doubt if `is_low`."""
        precision = self.target.training.precision
        if precision not in MIXED:
            return Formatted(halved(graph, precision) if precision in HALF else graph)
        from archlint.analysis.training.autocast import autocast
        from archlint.graph.dtype import DType
        from archlint.ops.autocast import Lists

        half = half_format(precision)
        lists = Lists.CUDA if self.target.on_gpu else Lists.CPU
        return autocast(
            graph, program.gradients, half, lists, unsettled=half if is_low else DType.FLOAT32
        )

    def _memory(self, saved: Saved) -> TrainingMemory:
        stated = self.target.training.foreach
        return TrainingMemory(
            saved.graph,
            saved.gradients.parameters,
            saved,
            self.target.training,
            foreach=self.target.on_gpu if stated is None else stated,
            more=None if saved.more is None else self._memory(saved.more),
            less=None if saved.less is None else self._memory(saved.less),
            blocks=Blocks(saved.graph, self.graph),
        )


def _shown(names: Sequence[str]) -> str:
    """Return the first names of a list."""
    return ", ".join(names[:_SHOWN]) + ", ..." * (len(names) > _SHOWN)
