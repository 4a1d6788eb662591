"""What a file records of the program that it was exported from.

torch.export leaves these records:

* on a node, its call in the exported program, as text (`call_record`, and in parts `calls`):
  `%linear_1 : [num_users=1] = call_function[target=torch.ops.aten.linear.default](args = (%relu,
  %p_fc_weight, %p_fc_bias), kwargs = {})`. An operator that ONNX lacks becomes several nodes with
  the same call; `numbering` tells from the numbers in the names which calls are gone,
  `replaced_tensors` what is read instead, and `left_out` what the nodes lack of the call;
* on a node, the traceback of the call (`frames`), with a line of source code for each function on
  it (`line`, `in_place`);
* on a node, the modules that it was called in (`modules`); the TorchScript exporter writes them
  into the names of nodes, with the number of the call (`call_numbers`);
* on a stored tensor, what it was computed from during export (`origin`);
* on the graph, the parameters and buffers of the program by name (`signature`).
"""
