"""The `codex-plus` program: commands, exit codes, and what its start costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from codexplus_core.cli import plugin_commands
from codexplus_core.cli.main import COMMANDS, main
from codexplus_core.contributions import CliCommand


def modules_of(*words: str) -> set[str]:
    """The modules that a run of the command line imports."""
    code = (
        "import sys; from codexplus_core.cli.main import main; code = main(sys.argv[1:]);"
        " print('\\0'.join(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.strip().split("\0"))


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["serve", "--help"]])
def test_help_imports_no_plugin_and_nothing_heavy(words):
    found = modules_of(*words)

    heavy = {
        "curl_cffi",
        "hypercorn",
        "starlette",
        "msgspec",
        "structlog",
        "pluggy",
        "asyncio",
        "codexplus_core.loader",
    }
    assert not found & heavy
    assert not [name for name in found if name.startswith(("codexplus_slash", "codexplus_hooks", "codexplus_mcp"))]


def test_the_list_of_commands_imports_no_package_metadata():
    assert "importlib.metadata" not in modules_of("--help")


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0

    shown = capsys.readouterr().out
    assert all(f"    {name} " in shown for name, _, _ in COMMANDS)


def test_no_command_is_a_usage_error(capsys):
    assert main([]) == 2
    assert "usage: codex-plus" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--bogus"], ["serve", "--bogus"], ["serve", "--port", "0"], ["serve", "--port", "x"]]
)
def test_a_wrong_option_is_a_usage_error(words, capsys):
    assert main(words) == 2
    assert "usage: codex-plus" in capsys.readouterr().err


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("codex-plus ")


def loaded(*commands: CliCommand) -> SimpleNamespace:
    plugin = SimpleNamespace(
        name="extra", distribution="My_Extra", version="1.2", order=50, error=None, warnings=[], forbidden=False
    )
    return SimpleNamespace(plugins=(plugin,), call_sync=lambda hook: [("extra", command) for command in commands])


@pytest.fixture
def extra(monkeypatch):
    """An installed plugin with the sub-command `greet`."""

    def configure(parser):
        parser.add_argument("name")

    def run(args):
        print(f"hello {args.name}")
        return 3

    found = loaded(CliCommand("greet", "say hello at 100 %", run, configure))
    monkeypatch.setattr("codexplus_core.loader.load_plugins", lambda selection, **_: found)
    return found


def test_a_plugins_command_runs_with_its_arguments_and_exit_code(extra, capsys):
    assert main(["greet", "you"]) == 3
    assert capsys.readouterr().out == "hello you\n"


def test_a_plugins_command_has_a_help_of_its_own(extra, capsys):
    assert main(["greet", "--help"]) == 0
    assert "usage: codex-plus greet" in capsys.readouterr().out


def test_a_command_of_a_module_imports_it_when_it_is_asked_for(tmp_path, monkeypatch, capsys):
    (tmp_path / "greeting_of_a_test.py").write_text(
        "def configure(parser):\n    parser.add_argument('name')\n\n\n"
        "def run(args):\n    print(f'hello {args.name}')\n    return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = loaded(CliCommand.of_module("greet", "say hello", "greeting_of_a_test"))
    monkeypatch.setattr("codexplus_core.loader.load_plugins", lambda selection, **_: found)

    main(["--help"])
    imported_by_help = "greeting_of_a_test" in sys.modules
    capsys.readouterr()
    status = main(["greet", "you"])
    monkeypatch.delitem(sys.modules, "greeting_of_a_test")

    assert (imported_by_help, status, capsys.readouterr().out) == (False, 3, "hello you\n")


def test_an_unknown_command_names_the_nearest(extra, capsys):
    assert main(["gret"]) == 2
    assert "gret: no such command; did you mean 'greet'?" in capsys.readouterr().err


def install(directory, name="my_extra-1.2"):
    (directory / f"{name}.dist-info").mkdir()
    (directory / f"{name}.dist-info" / "entry_points.txt").write_text("[codexplus.plugins]\nextra = my_extra\n")


def test_help_lists_a_plugins_command_once_it_is_known(extra, tmp_path, monkeypatch, capsys):
    install(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    main(["--help"])
    assert "Commands of my-extra are" in " ".join(capsys.readouterr().out.split())
    main(["greet", "you"])
    capsys.readouterr()
    main(["--help"])

    shown = capsys.readouterr().out
    assert "greet say hello at 100 %" in " ".join(shown.split())
    assert "my-extra" not in shown


def test_another_version_of_a_plugin_is_not_listed_from_the_old_ones_memory(tmp_path):
    install(tmp_path, "my_extra-2.0")
    plugin_commands.collect(loaded(CliCommand("greet", "", lambda args: 0)), tmp_path / "home")

    assert plugin_commands.listed(tmp_path / "home", [str(tmp_path)]) == ([], ["my-extra"])


def test_a_damaged_memory_is_as_good_as_none(tmp_path):
    install(tmp_path)
    file = plugin_commands.cache_file(tmp_path)
    file.parent.mkdir()
    for damage in ("{", "[]", json.dumps({"my-extra==1.2": 7}), json.dumps({"my-extra==1.2": [[1]]})):
        file.write_text(damage)

        assert plugin_commands.listed(tmp_path, [str(tmp_path)])[0] == []


def test_a_home_that_cannot_be_written_does_not_stop_a_command(extra, monkeypatch, capsys):
    monkeypatch.setenv("CODEX_PLUS_HOME", "/proc/nowhere")

    assert main(["greet", "you"]) == 3


@pytest.mark.parametrize(
    ("words", "said"), [(["help"], "commands:"), (["help", "serve"], "codex-plus serve"), (["-v"], "codex-plus ")]
)
def test_what_is_typed_by_habit_is_understood(words, said, capsys):
    assert main(words) == 0
    assert said in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full")
def test_a_full_disk_is_said_in_one_line():
    words = [sys.executable, "-m", "codexplus_core.cli", "--version"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)

    assert done.returncode == 1
    assert done.stderr.splitlines() == ["codex-plus: the output: No space left on device; make room there"]
