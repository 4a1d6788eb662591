"""What each rule on initialization writes into a file fixes its finding, and touches no more."""

from __future__ import annotations

import difflib

import pytest

CHAIN = """\
archlint: 1
name: chain
inputs:
  x: [N, 64]          # a comment stays
layers:
  - Linear: {out_features: 64}
    init: {kaiming_normal: {nonlinearity: relu}}
  - ACTIVATION
  - Linear: {out_features: 64}
    init: INIT
    name: middle
  - ACTIVATION
  - Linear: {out_features: 10}
    init: {normal: {std: 0.01}}
    name: head
outputs: [head]
"""


def chain(activation: str, init: str) -> str:
    return CHAIN.replace("ACTIVATION", activation).replace("INIT", init)


CONVOLUTIONS = """\
archlint: 1
name: convolutions
inputs:
  x: [N, 32, 16, 16]
layers:
  - Conv2d: {out_channels: 32, kernel_size: 3, padding: 1}
    init: {kaiming_normal: {nonlinearity: relu}}
  - ReLU
  - Conv2d: {out_channels: 32, kernel_size: 3, padding: 1}
    init: {normal: {std: 0.25}}
  - ReLU
  - GlobalAvgPool
"""

DEEP = """\
archlint: 1
name: deep
inputs:
  x: [N, 64]
layers:
  - Sequential:
      - Linear: {out_features: 64}
      - ReLU
    repeat: 7
  - Linear: {out_features: 10}
"""

TRUNCATED = chain("ReLU", "{trunc_normal: {std: 0.1767767, a: -0.3535534, b: 0.3535534}}")

DECODER = """\
archlint: 1
name: decoder
inputs:
  tokens: {shape: [N, 32], dtype: int64}
blocks:
  block:
    layers:
      - LayerNorm
      - MultiheadAttention: {num_heads: 4, is_causal: true}
        init: {in_proj: {normal: {std: 0.02}}, out_proj: {normal: {std: 0.02}}}
        name: attention
      - Add:
        from: [attention, input]
        name: attended
      - LayerNorm
      - Linear: {out_features: 256}
        init: {normal: {std: 0.02}}
      - GELU
      - Linear: {out_features: 64}
        init: {normal: {std: 0.02}}
        name: down
      - Add:
        from: [down, attended]
layers:
  - Embedding: {num_embeddings: 100, embedding_dim: 64}
    init: {normal: {std: 0.02}}
  - block:
    repeat: 6
  - LayerNorm
  - Linear: {out_features: 100}
    init: {normal: {std: 0.02}}
"""

NORMALIZED = """\
archlint: 1
name: normalized
inputs:
  x: [N, 8, 16, 16]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
    bias_init: {constant: 0.1}
  - BatchNorm2d:
    init: {constant: 0.5}
    bias_init: {constant: 1}
  - ReLU
"""

HE = "{kaiming_normal: {nonlinearity: relu}}"

CASES = {
    "INIT001": (chain("ReLU", "{normal: {std: 0.9}}"), [f"    init: {HE}"]),
    "INIT002 GELU": (
        chain("GELU", "{normal: {std: 0.02}}"),
        ["    init: {variance_scaling: {scale: 2.352}}"],
    ),
    "INIT002 Tanh": (
        chain("Tanh", "{normal: {std: 0.9}}"),
        ["    init: {kaiming_normal: {nonlinearity: tanh}}"],
    ),
    "INIT002 SELU": (chain("SELU", "{normal: {std: 0.9}}"), ["    init: lecun_normal"]),
    "INIT002 LeakyReLU": (
        chain("LeakyReLU: {negative_slope: 0.2}", "{normal: {std: 0.01}}"),
        ["    init: {kaiming_normal: {a: 0.2}}"],
    ),
    "INIT003": (DEEP, [f"        init: {HE}"]),
    "INIT004": (
        DECODER,
        [
            "        init: {in_proj: {normal: {std: 0.02}}, out_proj: {normal: {std: 0.0057735}}}",
            "        init: {normal: {std: 0.0057735}}",
        ],
    ),
    "INIT007": (chain("ReLU", "zeros"), [f"    init: {HE}"]),
    "INIT008": (TRUNCATED, ["    init: he_normal"]),
    "INIT009": (CONVOLUTIONS, [f"    init: {HE}"]),
    "INIT010": (NORMALIZED, ["    bias_init: zeros", "    init: ones", "    bias_init: zeros"]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_fix_of_a_rule_leaves_it_nothing_to_find(case, folder, archlint):
    code = case.partition(" ")[0]
    before, added = CASES[case]
    path = folder / "net.arch.yaml"
    path.write_text(before, encoding="utf-8")
    command = ("check", str(path), "--select", code)
    assert f"[{code}]" in archlint(*command).out
    result = archlint(*command, "--fix")
    assert result.code == 0
    assert f"[{code}]" not in result.out
    after = path.read_text(encoding="utf-8")
    changes = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0))[2:]
    assert [line[1:] for line in changes if line.startswith("+")] == added
    archlint(*command, "--fix")
    assert path.read_text(encoding="utf-8") == after


UNSURE = {
    # One line stands behind two activations.
    "INIT001": """\
archlint: 1
name: unsure
inputs:
  x: [N, 64]
blocks:
  layer:
    parameters: {smooth: required}
    layers:
      - ReLU:
        if: "${not smooth}"
      - Tanh:
        if: $smooth
      - Linear: {out_features: 64}
        init: {normal: {std: 0.9}}
layers:
  - Linear: {out_features: 64}
  - layer: {smooth: false}
  - layer: {smooth: true}
  - layer: {smooth: false}
  - ReLU
""",
    # The deviation is nobody's.
    "INIT008": chain("ReLU", "{trunc_normal: {std: 0.19, a: -0.38, b: 0.38}}"),
    # It may be meant for the gradient.
    "INIT009": chain("ReLU", HE).replace("64}\n    init: {kaiming_normal: {nonlinearity: relu}}\n"
                                         "    name", "16}\n    init: {normal: {std: 0.3535534}}\n"
                                         "    name"),
    # Embeddings and attention: what is written for the one weight would be of the other too.
    "INIT004": DECODER.replace(
        "{in_proj: {normal: {std: 0.02}}, out_proj: {normal: {std: 0.02}}}",
        "{normal: {std: 0.02}}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", UNSURE)
def test_what_is_not_sure_is_left_to_people(code, folder, archlint):
    path = folder / "net.arch.yaml"
    path.write_text(UNSURE[code], encoding="utf-8")
    command = ("check", str(path), "--select", code)
    assert f"[{code}]" in archlint(*command).out
    result = archlint(*command, "--fix")
    assert f"[{code}]" in result.out
    changed = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in UNSURE[code].splitlines() if "proj" in line or "MultiheadA" in line]
    assert all(line in changed for line in kept)


def test_a_change_that_would_reach_the_bias_is_not_made(folder, archlint):
    text = chain("ReLU", "keras_default").replace("inputs:", "description: d\ninputs:")
    text = text.replace("out_features: 64", "out_features: 640")
    path = folder / "net.arch.yaml"
    path.write_text(text, encoding="utf-8")
    archlint("check", str(path), "--select", "INIT001,INIT003", "--fix")
    assert path.read_text(encoding="utf-8") == text
