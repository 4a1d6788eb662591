"""What a training step is run with: gradients, number formats, optimizers, frozen parts."""
