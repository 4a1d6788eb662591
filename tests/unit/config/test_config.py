"""Configuration files: finding them, reading them, what they say about each file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archlint.config.config import Config
from archlint.config.error import ConfigError, Origin
from archlint.config.loading import load_config
from archlint.config.reading import read_command_line
from archlint.config.selection import Selection
from archlint.devices.device import Device
from archlint.target import Target


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(tmp_path: Path, text: str) -> Config:
    return load_config(write(tmp_path / "archlint.toml", text), tmp_path)


def broken(tmp_path: Path, text: str, name: str = "archlint.toml") -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path / name, text), tmp_path)
    return caught.value


class TestDiscovery:
    def test_the_nearest_file_wins_whole(self, tmp_path: Path) -> None:
        write(tmp_path / "archlint.toml", 'device = "nvidia-t4"\nbatch-size = 8')
        near = write(tmp_path / "a" / "archlint.toml", "batch-size = 4")
        config = load_config(None, tmp_path / "a" / "b")
        assert config.path == near
        assert config.target_for(tmp_path / "a" / "m.onnx") == Target(batch_size=4)

    def test_own_file_before_pyproject_in_one_folder(self, tmp_path: Path) -> None:
        write(tmp_path / "pyproject.toml", "[tool.archlint]\nbatch-size = 8")
        assert load_config(None, tmp_path).target_for(tmp_path / "m.onnx").batch_size == 8
        write(tmp_path / "archlint.toml", "batch-size = 4")
        assert load_config(None, tmp_path).target_for(tmp_path / "m.onnx").batch_size == 4

    def test_a_pyproject_without_our_table_is_passed_by(self, tmp_path: Path) -> None:
        write(tmp_path / "archlint.toml", "batch-size = 4")
        write(tmp_path / "a" / "pyproject.toml", '[project]\nkeywords = ["archlint"]')
        write(tmp_path / "a" / "b" / "pyproject.toml", "this is = = not TOML")
        assert load_config(None, tmp_path / "a" / "b").path == tmp_path / "archlint.toml"

    def test_a_file_as_start_means_its_folder(self, tmp_path: Path) -> None:
        write(tmp_path / "archlint.toml", "batch-size = 4")
        model = write(tmp_path / "m.onnx", "")
        assert load_config(None, model).path == tmp_path / "archlint.toml"

    def test_without_a_file_the_defaults_apply(self, tmp_path: Path) -> None:
        config = load_config(None, tmp_path)
        assert config == Config()
        assert config.target_for(tmp_path / "m.onnx") == Target()

    def test_a_named_file_may_have_any_name(self, tmp_path: Path) -> None:
        named = write(tmp_path / "strict.toml", "batch-size = 2")
        assert load_config(named, tmp_path).target_for(tmp_path / "m.onnx").batch_size == 2

    def test_a_named_file_that_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            load_config(tmp_path / "none.toml", tmp_path)

    def test_a_named_pyproject_without_our_table(self, tmp_path: Path) -> None:
        assert "tool.archlint" in broken(tmp_path, "[project]", "pyproject.toml").problem

    @pytest.mark.skipif(os.name == "nt", reason="Windows does not refuse to read here")
    def test_a_folder_in_place_of_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            load_config(tmp_path, tmp_path)


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "line", "column", "said"),
        [
            ("batch-size = 4\ndevise = 'x'", 2, 1, "did you mean 'device'"),
            ("[training]\n\n  optimiser = 'x'", 3, 3, "did you mean 'training.optimizer'"),
            ("training = {optimiser = 'x'}", 1, 1, "did you mean 'training.optimizer'"),
            ("training.optimiser = 'x'", 1, 1, "did you mean 'training.optimizer'"),
            ("[trainng]\nloss = 'mse'", 1, 2, "did you mean 'training'"),
            ("x = = 1", 1, 5, "not TOML"),
            ("[[per-file]]\nfiles = ['a']\n[[per-file]]\nselct = ['RF']", 4, 1, "'select'"),
            ("[[per-file]]\nselect = ['RF']", 1, 3, "needs files"),
            ("per-file = 3", 1, 1, r"\[\[per-file\]\] tables"),
            ("[devices.mine]\nmemry = 1", 2, 1, "did you mean 'memory'"),
            ("[devices.mine]\nmemory = '2 miles'", 2, 1, "unknown unit 'miles'"),
            ("devices = 3", 1, 1, "table of devices"),
            ("select = 'x,'", 1, 1, "a rule's code"),
            ("[require.receptive-field.y]\n2 = 'wide'", 2, 1, "input elements"),
            ("# 'a' = 1\n\n[require]\nweights = '2 Gb'", 4, 1, "unknown unit"),
        ],
    )
    def test_an_error_has_its_file_line_and_column(
        self, tmp_path: Path, text: str, line: int, column: int, said: str
    ) -> None:
        error = broken(tmp_path, text)
        assert (error.path, error.line, error.column) == (tmp_path / "archlint.toml", line, column)
        assert error.origin is Origin.FILE
        with pytest.raises(ConfigError, match=said):
            raise error

    def test_error_has_the_line_in_pyproject(self, tmp_path: Path) -> None:
        error = broken(
            tmp_path,
            "[project]\nname = 'x'\n[tool.archlint.training]\noptimizer = 'adm'",
            "pyproject.toml",
        )
        assert (error.line, error.column) == (4, 1)

    def test_error_names_file_line_setting_and_nearest_name(self, tmp_path: Path) -> None:
        error = broken(tmp_path, "devise = 'x'")
        where = tmp_path / "archlint.toml"
        assert str(error) == f"{where}:1:1: devise: unknown setting: did you mean 'device'?"

    def test_configuration_that_is_not_utf8(self, tmp_path: Path) -> None:
        (tmp_path / "archlint.toml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigError, match="UTF-8"):
            load_config(None, tmp_path)

    def test_a_byte_order_mark_is_no_error(self, tmp_path: Path) -> None:
        (tmp_path / "archlint.toml").write_bytes(b"\xef\xbb\xbfbatch-size = 3")
        assert load_config(None, tmp_path).target_for(tmp_path / "m.onnx").batch_size == 3


class TestTarget:
    TEXT = """
        device = "board"
        [training]
        batch-size = 32
        [devices.board]
        kind = "mcu"
        memory = "320 KiB"
        flash = "1 MiB"
        largest-contiguous-sram = "256 KiB"
        peak-ops = {int8 = "4 GOPS"}
        source = "data sheet of the board"
        [[per-file]]
        files = ["big/**"]
        device = "nvidia-t4"
        training.optimizer = "adam"
    """

    def test_devices_defined_in_the_configuration(self, tmp_path: Path) -> None:
        device = load(tmp_path, self.TEXT).target_for(tmp_path / "m.onnx").device
        assert device is not None
        assert device.memory_bytes is not None
        assert device.memory_bytes.value == 320 * 1024
        assert device.memory_bytes.source == "data sheet of the board"
        assert device.usable_memory_bytes == 320 * 1024  # all of a microcontroller's SRAM
        assert device.flash_bytes is not None
        assert device.flash_bytes.value == 2**20
        assert device.peak_ops["int8"].value == 4 * 10**9

    def test_flags_override_the_document_and_the_document_the_file(self, tmp_path: Path) -> None:
        config = load(tmp_path, self.TEXT)
        model = tmp_path / "big" / "m.arch.yaml"
        document = {"training": {"optimizer": "lion"}, "batch-size": 2}
        flags = read_command_line({"batch-size": 1})
        plain = config.target_for(model)
        assert plain.device is not None
        assert (plain.device.name, plain.training.optimizer) == ("nvidia-t4", "adam")
        assert plain.batch_size == 32
        assert config.target_for(model, document).batch_size == 2
        assert config.target_for(model, document).training.optimizer == "lion"
        assert config.target_for(model, document, flags).batch_size == 1

    def test_errors_of_a_document_are_its_own(self, tmp_path: Path) -> None:
        config = load(tmp_path, self.TEXT)
        with pytest.raises(ConfigError) as caught:
            config.target_for(tmp_path / "m.arch.yaml", {"devise": "x"})
        assert caught.value.origin is Origin.DOCUMENT
        assert caught.value.path == tmp_path / "m.arch.yaml"

    def test_an_unknown_device_is_found_in_the_file_that_names_it(self, tmp_path: Path) -> None:
        write(tmp_path / "base.toml", "\n\ndevice = 'nvidia-t5'")
        config = load(
            tmp_path,
            "extend = 'base.toml'\n[[per-file]]\nfiles = ['a']\n[[per-file]]\nfiles = ['b']\n"
            "device = 'nvidia-t6'",
        )
        with pytest.raises(ConfigError) as base:
            config.target_for(tmp_path / "m.onnx")
        with pytest.raises(ConfigError) as entry:
            config.target_for(tmp_path / "b" / "m.onnx")
        assert (base.value.path, base.value.line) == (tmp_path / "base.toml", 3)
        assert (entry.value.path, entry.value.line) == (tmp_path / "archlint.toml", 6)

    def test_devices_of_plugins_stand_behind_own_ones(self, tmp_path: Path) -> None:
        config = load(tmp_path, self.TEXT).with_devices(
            [Device("board", "gpu"), Device("acme-npu", "npu")]
        )
        own = config.target_for(tmp_path / "m.onnx").device
        given = config.target_for(
            tmp_path / "m.onnx", None, read_command_line({"device": "acme-npu"})
        ).device
        assert own is not None
        assert given is not None
        assert (own.kind, given.kind) == ("mcu", "npu")


class TestFiles:
    def test_patterns_and_paths_are_relative_to_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = load(
            tmp_path,
            'exclude = ["old", "sub/*.onnx"]\n'
            'plugins = ["tools/rules.py"]\nbaseline = "known.json"',
        )
        assert config.plugins == (tmp_path / "tools" / "rules.py",)
        assert config.baseline == tmp_path / "known.json"
        assert config.excludes(tmp_path / "a" / "old" / "m.onnx")
        assert config.excludes(tmp_path / "sub" / "m.onnx")
        assert not config.excludes(tmp_path / "sub" / "deep" / "m.onnx")
        monkeypatch.chdir(tmp_path)
        assert config.excludes(Path("old/m.onnx"))

    def test_per_file_tables_change_the_selection(self, tmp_path: Path) -> None:
        config = load(
            tmp_path,
            'select = ["RF", "MEM"]\nignore = ["RF001"]\n'
            '[[per-file]]\nfiles = ["legacy/**"]\nignore = ["MEM001"]\nextend-select = ["OPT001"]',
        )
        plain = config.selection_for(tmp_path / "m.onnx")
        legacy = config.selection_for(tmp_path / "legacy" / "m.onnx")
        assert plain == Selection(("RF", "MEM"), ("RF001",))
        assert legacy == Selection(("RF", "MEM"), ("RF001", "MEM001"), ("OPT001",))

    def test_the_command_line_selects_but_not_what_a_file_leaves_out(self, tmp_path: Path) -> None:
        config = load(
            tmp_path, 'ignore = ["RF001"]\n[[per-file]]\nfiles = ["old"]\nignore = ["RF001"]'
        )
        asked = Selection(select=("RF001",))
        somewhere = config.selection_for(tmp_path / "m.onnx", asked)
        left_out = config.selection_for(tmp_path / "old" / "m.onnx", asked)
        assert somewhere.includes("RF001", "receptive-field-too-small")
        assert not left_out.includes("RF001", "receptive-field-too-small")


class TestExtend:
    def test_single_settings_replace_and_lists_add_up(self, tmp_path: Path) -> None:
        write(
            tmp_path / "base" / "archlint.toml",
            'device = "nvidia-t4"\nbatch-size = 8\ndims = {T = 1, S = 1}\n'
            'ignore = ["RF"]\nexclude = ["old"]\nplugins = ["rules.py"]\n'
            '[devices.mine]\nkind = "mcu"\n'
            '[[per-file]]\nfiles = ["small/**"]\nbatch-size = 1',
        )
        path = write(
            tmp_path / "archlint.toml",
            'extend = "base/archlint.toml"\nbatch-size = 4\ndims = {T = 2}\n'
            'ignore = ["MEM"]\nexclude = ["new"]',
        )
        config = load_config(None, tmp_path)
        target = config.target_for(tmp_path / "m.onnx")
        assert config.path == path
        assert target.device is not None
        assert (target.device.name, target.batch_size) == ("nvidia-t4", 4)
        assert target.dims == {"T": 2, "S": 1}
        assert config.selection.ignore == ("RF", "MEM")
        assert config.plugins == (tmp_path / "base" / "rules.py",)
        assert set(config.devices) == {"mine"}
        # Patterns stay relative to the file that states them.
        assert config.excludes(tmp_path / "new" / "m.onnx")
        assert config.target_for(tmp_path / "base" / "small" / "m.onnx").batch_size == 1
        assert config.target_for(tmp_path / "small" / "m.onnx").batch_size == 4

    def test_errors_of_the_extended_file_are_its_own(self, tmp_path: Path) -> None:
        base = write(tmp_path / "base.toml", "\ndevise = 'x'")
        error = broken(tmp_path, "extend = 'base.toml'")
        assert (error.path, error.line) == (base, 2)

    def test_a_missing_file_and_a_circle(self, tmp_path: Path) -> None:
        assert "is no file" in broken(tmp_path, "batch-size = 1\nextend = 'none.toml'").problem
        write(tmp_path / "other.toml", "extend = 'archlint.toml'")
        error = broken(tmp_path, "extend = 'other.toml'")
        assert "extends itself" in error.problem
        assert error.path == tmp_path / "other.toml"


class TestListsOnTheCommandLine:
    @pytest.mark.parametrize("text", ["a.*,b", " a.* , b", '["a.*", "b"]', "['a.*', 'b',]"])
    def test_commas_or_as_in_a_file(self, text: str) -> None:
        layer = read_command_line({}, assignments=[f"training.frozen={text}"])
        assert layer.values["training.frozen"] == ("a.*", "b")

    @pytest.mark.parametrize("text", ["[a.*]", '["a.*, b]', "[1, 2]", "[[]]"])
    def test_a_broken_list_is_refused(self, text: str) -> None:
        with pytest.raises(ConfigError):
            read_command_line({}, assignments=[f"training.frozen={text}"])
