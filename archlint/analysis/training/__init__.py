"""The setup of training: gradients, number formats, optimizers, frozen parts, sharding."""
