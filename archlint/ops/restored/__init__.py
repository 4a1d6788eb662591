"""Undoes what exporters change, so that a file is seen as the network that is trained.

Exporters optimize a network for inference: they fold constants, merge what is equal, fuse layers,
and leave out what does nothing. A training step runs the original network, which has other FLOP,
other parameters and other saved tensors. Each module here undoes one such change, where the file
bears a sign of it:

* the record of torch.export (`archlint.graph.program`), which names the calls and the tensors of
  the program. A name that nothing in the file bears is `gone`: its call was merged or removed;
* names: parameters keep their keys of the state dictionary, while exporters make up names such as
  `onnx::MatMul_123` for what they compute;
* the numbers of a stored tensor, which are read through a function that the caller provides.

A graph without the sign is returned as it is. Where a sign leaves several networks possible, the
module can build the smallest and the largest of them.

Names of modules say what happened: `folded` was computed during export, `merged` was equal to
something else and is in the file once, `removed` has no effect in inference, `repeated` served
several modules or is there several times, and `perhaps` is in doubt. `network` applies the
restorations of calls, weights and norms in their order. What may be there or not, such as dropout
(`removed_dropouts`), is for `archlint.analysis.training.possible_networks` to decide.
"""
