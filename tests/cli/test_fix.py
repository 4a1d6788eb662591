"""`--fix` changes what a finding is about, and nothing else."""

import json

import pytest

HEAD = """\
archlint: 1
name: net          # a comment
inputs:
  x: [1, 64]
defaults:
  - Linear:
    init: {normal: {std: 0.01}}
layers:
  - Linear: {out_features: 64}
  - ReLU
"""

TAIL = "  - ReLU"  # without a newline at the end

HE = "{kaiming_normal: {nonlinearity: relu}}"

LAYERS = {
    "flow arguments": (
        "  - Linear: {out_features: 64}   # the second\n",
        f"  - Linear: {{out_features: 64}}   # the second\n    init: {HE}\n",
    ),
    "block arguments": (
        "  - Linear:\n      out_features: 64\n    name: second\n",
        f"  - Linear:\n      out_features: 64\n    init: {HE}\n    name: second\n",
    ),
    "flow layer": (
        "  - {Linear: {out_features: 64}, name: second}\n",
        f"  - {{Linear: {{out_features: 64}}, name: second, init: {HE}}}\n",
    ),
    "its own initializer": (
        "  - Linear: {out_features: 64}\n    init:\n      normal: {std: 0.5}\n",
        f"  - Linear: {{out_features: 64}}\n    init:\n      {HE}\n",
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_initializer_is_written_where_it_belongs(name, folder, archlint):
    before, after = LAYERS[name]
    path = folder / "net.arch.yaml"
    path.write_bytes((HEAD + before + TAIL).encode())
    result = archlint("check", str(path), "--fix")
    assert result.code == 0, result.out
    assert result.err.startswith("archlint: fixed 1 place\n")
    assert path.read_bytes().decode() == HEAD + after + TAIL


def test_line_ends_and_the_byte_order_mark_stay(folder, archlint):
    before, after = LAYERS["flow arguments"]
    path = folder / "net.arch.yaml"
    path.write_bytes(("\ufeff" + (HEAD + before + TAIL).replace("\n", "\r\n")).encode())
    archlint("check", str(path), "--fix")
    assert path.read_bytes() == ("\ufeff" + (HEAD + after + TAIL).replace("\n", "\r\n")).encode()


def test_fixing_twice_changes_nothing_more(folder, archlint):
    path = folder / "net.arch.yaml"
    path.write_text(HEAD + LAYERS["flow arguments"][0] + TAIL, encoding="utf-8")
    archlint("check", str(path), "--fix")
    once = path.read_bytes()
    assert not archlint("check", str(path), "--diff").out
    archlint("check", str(path), "--fix")
    assert path.read_bytes() == once


def test_a_diff_changes_nothing(folder, archlint):
    path = folder / "net.arch.yaml"
    text = HEAD + LAYERS["flow arguments"][0] + TAIL
    path.write_text(text, encoding="utf-8")
    result = archlint("check", str(path), "--diff")
    assert result.code == 1
    assert "+    init: {kaiming_normal: {nonlinearity: relu}}" in result.out.splitlines()
    assert path.read_text(encoding="utf-8") == text


def test_what_another_file_says_is_left_alone(folder, archlint):
    block = folder / "block.arch.yaml"
    text = (
        "archlint: 1\nname: block\ninputs: {x: [1, 64]}\n"
        "layers:\n  - Linear: {out_features: 64}\n    init: {normal: {std: 0.01}}\n"
    )
    block.write_text(text, encoding="utf-8")
    path = folder / "net.arch.yaml"
    layers = HEAD.replace("inputs:", "imports: {block: block.arch.yaml}\ninputs:") + "  - block\n"
    path.write_text(layers + TAIL, encoding="utf-8")
    assert archlint("check", str(path)).code == 1
    archlint("check", str(path), "--fix")
    assert block.read_text(encoding="utf-8") == text
    assert path.read_text(encoding="utf-8") == layers + TAIL


def test_the_message_of_a_fix_says_the_whole_initializer(folder, archlint):
    path = folder / "net.arch.yaml"
    path.write_text(HEAD + LAYERS["flow arguments"][0] + TAIL, encoding="utf-8")
    found = json.loads(archlint("check", str(path), "--format", "json").out)
    (message,) = {each["fix"]["message"] for each in found["findings"] if each.get("fix")}
    assert message == "draw the weight from kaiming_normal: {nonlinearity: relu}"


@pytest.mark.parametrize(("times", "end"), [(2, "and 1 more layer"), (3, "and 2 more layers")])
def test_a_line_that_makes_several_layers_is_one_finding(times, end, folder, archlint):
    path = folder / "net.arch.yaml"
    block = "  - Sequential:\n      - Linear: {out_features: 64}\n      - ReLU\n"
    path.write_text(HEAD + block + f"    repeat: {times}\n", encoding="utf-8")
    lines = archlint("check", str(path), "--select", "INIT001").out.splitlines()
    (line,) = [line for line in lines if "[INIT001]" in line]
    assert line.endswith(f"{end} from this line")


def test_a_fix_that_cannot_be_made_is_not_offered_again(folder, archlint):
    """The initializer of all parts of an attention stands in `defaults`, the fix is for one."""
    path = folder / "net.arch.yaml"
    path.write_text(
        """\
archlint: 1
inputs: {tokens: {shape: [4, 32], dtype: int64}}
defaults:
  - Linear:
    init: {normal: {std: 0.02}}
  - MultiheadAttention:
    init: {normal: {std: 0.02}}
blocks:
  block:
    layers:
      - LayerNorm
      - MultiheadAttention: {num_heads: 8, is_causal: true}
        name: attention
      - Add:
        from: [input, attention]
        name: middle
      - LayerNorm
      - Linear: {out_features: 256}
      - GELU
      - Linear: {out_features: 64}
        name: second
      - Add:
        from: [middle, second]
layers:
  - Embedding: {num_embeddings: 500, embedding_dim: 64}
    init: {normal: {std: 0.02}}
  - block:
    repeat: 12
  - LayerNorm
  - Linear: {out_features: 8}
""",
        encoding="utf-8",
    )
    assert "1 fixable with --fix" in archlint("check").err
    result = archlint("check", "--fix")
    assert result.err == (
        "archlint: nothing here can be fixed safely\narchlint: found 1 warning in 1 file\n"
    )


def test_an_exported_model_is_not_fixable(folder, archlint):
    (folder / "net.arch.yaml").write_text(HEAD + LAYERS["flow layer"][0] + TAIL, encoding="utf-8")
    assert "1 fixable with --fix" in archlint("check").err
    assert archlint("export", "net.arch.yaml", "-o", "net.onnx").code == 0
    assert archlint("check", "net.onnx").err == "archlint: found 1 warning in 1 file\n"
