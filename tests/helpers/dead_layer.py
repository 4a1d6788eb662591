"""An architecture with one finding: its second layer, in lines 8 and 9, reaches no output."""

DEAD = """\
archlint: 1
name: net
inputs:
  x: [1, 3, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3}
    name: stem
  - Conv2d: {out_channels: 2, kernel_size: 1}
    name: dead
  - Sigmoid:
    name: head
    from: stem
outputs: [head]
"""
