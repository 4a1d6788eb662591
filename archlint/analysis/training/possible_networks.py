"""The networks that a file may have been exported from."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.recognition.recognize import framework_graph
from archlint.analysis.training.gradients import GradientFlow
from archlint.analysis.training.program import Network, Program
from archlint.analysis.training.trained_part import frozen_part, with_frozen
from archlint.graph.graph import Graph
from archlint.graph.program.signature import signature
from archlint.ops.composite.composite import PERHAPS_WRITTEN
from archlint.ops.composite.registry import composites
from archlint.ops.restored.copied_weights import copied_weights
from archlint.ops.restored.distinct_numbers import DistinctNumbers
from archlint.ops.restored.folded_norms import folded_norms
from archlint.ops.restored.folded_weights import Undecided, undecided_parameters
from archlint.ops.restored.network import restored
from archlint.ops.restored.optional_masks import OptionalMasks
from archlint.ops.restored.perhaps_buffers import perhaps_buffers
from archlint.ops.restored.perhaps_frozen import PerhapsFrozen, folded_statistics
from archlint.ops.restored.recomputed_constants import with_recomputed_constants
from archlint.ops.restored.removed_dropouts import HiddenDropouts
from archlint.ops.restored.shared_heads import with_shared_heads
from archlint.ops.restored.tied_weights import tied
from archlint.ops.restored.twins import MAY_REPEAT
from archlint.sources.tensor_numbers import TensorNumbers
from archlint.target import Target


class PossibleNetworks(Struct, frozen=True, dict=True):
    """The network behind a file: one, or several where the file hides a part of it.

    `surely` has what the file shows, what its records name, and what the target states. `fullest`
    has also all that may have been left out, and `frozen` is `surely` with all weights frozen that
    may be: training `surely` keeps at most as much as `fullest`, and at least as much as `frozen`.
    """

    gradients: GradientFlow
    target: Target
    numbers: TensorNumbers

    @property
    def graph(self) -> Graph:
        """The graph of the file."""
        return self.gradients.graph

    @property
    def parameters(self) -> Parameters:
        """The parameters of the file."""
        return self.gradients.parameters

    @cached_property
    def program(self) -> Program:
        """The network with the weights and the batch norms that it surely had."""
        return self._program()

    @cached_property
    def surely(self) -> Network:
        """The network with the layers that it surely had."""
        return Network(self.program, self.optional_masks.without)

    @cached_property
    def fullest(self) -> Network | None:
        """The network with all layers that it may have had, None if equal to the lower bound.

        A target that states batch norms implies that nothing else is hidden.
        """
        if not self.is_open:
            if not (self.undecided or self.may_repeat or self.perhaps_written):
                return Network(self.program, self._masked) if self.optional_masks.users else None
            program = self._program(most=True)
            hidden = self._hidden(program, only_sure=True)
            return Network(program, self._with_stated_layers(hidden))
        program = self._program(with_biases=True, most=True)
        graph = with_recomputed_constants(
            program.graph, program.is_folded_number, program.parameters.trainable.__contains__
        )
        hidden = self._hidden(replace(program, graph=graph), only_sure=True)
        return Network(program, hidden.shown(hidden.possible_dropouts))

    @cached_property
    def frozen(self) -> Network | None:
        """The network with all weights frozen that may be; None if none may or that is stated."""
        training, names = self.target.training, self.perhaps_frozen.names
        if training.frozen is not None or training.lora_rank is not None or not names:
            return None
        program = self.program.on(with_frozen(self.program.graph, names))
        return Network(program, with_frozen(self.surely.framework, names))

    @property
    def is_open(self) -> bool:
        """Whether the file hides layers and the target does not say which."""
        stated = self.target.training
        is_silent = stated.dropout is None and stated.batch_norm is None
        return is_silent and self.hidden_dropouts.is_inference

    @property
    def folded_norms(self) -> tuple[str, ...]:
        """The nodes that batch norms were folded into, as far as the file records it."""
        return folded_norms(self.graph)

    @cached_property
    def hidden_dropouts(self) -> HiddenDropouts:
        """The dropout that an export for inference may have left out of the program."""
        return self._hidden(self.program)

    @cached_property
    def optional_masks(self) -> OptionalMasks:
        """The masks of attention that the program may not have made."""
        return OptionalMasks(self._masked, self.gradients.operators)

    @cached_property
    def perhaps_frozen(self) -> PerhapsFrozen:
        """The weights that may be frozen."""
        parameters = self.program.parameters
        made_of, origins = parameters.lineage.made_of, parameters.origins
        trainable, graph = parameters.trainable.keys(), self.program.graph
        copies = formulas = frozenset[str]()
        if self.graph.is_from_pytorch and signature(self.graph) is None:
            copies = copied_weights(trainable, graph.values, self.numbers.first)
            formulas = perhaps_buffers(graph, trainable, self.numbers.first)
        return PerhapsFrozen(
            self.surely.framework,
            trainable,
            made_of,
            origins,
            copies,
            formulas,
            folded_statistics(self.graph),
        )

    @cached_property
    def may_repeat(self) -> bool:
        """Whether the exporter may have merged products, which each save what they read."""
        return any(MAY_REPEAT in node.attributes for node in self.program.graph.nodes)

    @cached_property
    def perhaps_written(self) -> tuple[str, ...]:
        """The operators that the program may as well have written out, which saves more."""
        nodes = self.hidden_dropouts.graph.nodes
        return tuple(dict.fromkeys(node.op for node in nodes if PERHAPS_WRITTEN in node.attributes))

    @cached_property
    def undecided(self) -> Undecided:
        """The folded parameters that the file does not describe completely."""
        return undecided_parameters(self.graph, self._distinct)

    def _program(self, *, with_biases: bool = False, most: bool = False) -> Program:
        has_norms = self.target.training.batch_norm != "absent"
        whole = tied(self.graph, self.numbers.is_transposed)
        graph = restored(
            whole, has_norms=has_norms, with_biases=with_biases, most=most, numbers=self._distinct
        )
        program = Program(self.graph, self.parameters, self.gradients)
        if graph is self.graph:
            return program
        graph = frozen_part(graph, self.gradients.operators, self.target.training)
        return replace(program, parameters=replace(self.parameters, is_restored=True)).on(graph)

    def _hidden(self, program: Program, *, only_sure: bool = False) -> HiddenDropouts:
        """Return the layers that an export for inference leaves out of a program.

        With `only_sure`, what the program may have written out in steps is no single operator.
        """
        kernel, on_gpu = self.target.training.attention or "flash", self.target.on_gpu
        known = composites(attention_kernel=kernel, drops_fused=on_gpu)
        operators_ = self.gradients.operators
        graph = framework_graph(program.graph, known, operators_, only_sure=only_sure)
        return HiddenDropouts(graph, self.graph, on_gpu)

    def _with_stated_layers(self, hidden: HiddenDropouts) -> Graph:
        """Return the graph of a program with the layers that the target states."""
        if self.is_open:
            return with_shared_heads(hidden.graph)
        dropouts = hidden.possible_dropouts if self.target.training.dropout == "present" else ()
        return hidden.shown(dropouts)

    @cached_property
    def _masked(self) -> Graph:
        """The graph of the framework's operators with all masks that the file has."""
        return self._with_stated_layers(self.hidden_dropouts)

    @cached_property
    def _distinct(self) -> DistinctNumbers:
        return DistinctNumbers(self.numbers.first)
