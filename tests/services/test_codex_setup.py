"""Putting Codex behind the proxy and taking it off again."""

from __future__ import annotations

import os
import stat

import pytest

from codexplus_core.services.codex_config import base_url
from codexplus_core.services.codex_setup import apply, configured_url, plan, undo
from codexplus_core.services.problem import Problem

URL = base_url(3000)
AWKWARD = b'\xef\xbb\xbf# mine\r\nmodel = "x" # why\r\n\r\n[projects."/a"]\r\ntrust_level = "trusted"'

posix = pytest.mark.skipif(os.name != "posix", reason="links and modes are POSIX's")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def config(tmp_path):
    (tmp_path / "codex").mkdir()
    return tmp_path / "codex" / "config.toml"


@pytest.mark.req("P2")
@pytest.mark.req("P15")
@pytest.mark.parametrize(
    "before", [AWKWARD, b"", b'openai_base_url = "https://gateway.example/v1" # ours\n', b"[a]\nb=1"]
)
def test_undo_restores_byte_for_byte(home, config, before):
    config.write_bytes(before)

    apply(plan(config, URL), home)
    assert configured_url(config) == URL

    assert undo(config, home) == "restored"
    assert config.read_bytes() == before


def test_a_file_that_was_not_there_is_gone_again_with_its_directory(home, tmp_path):
    config = tmp_path / "fresh" / "config.toml"

    apply(plan(config, URL), home)
    assert config.read_text() == f'openai_base_url = "{URL}"\n'

    assert undo(config, home) == "restored"
    assert not config.parent.exists()


def test_twice_changes_nothing(home, config):
    config.write_bytes(AWKWARD)
    apply(plan(config, URL), home)
    written, state = config.read_bytes(), sorted(home.rglob("*"))

    second = plan(config, URL)

    assert not second.changes
    assert apply(second, home) is None
    assert (config.read_bytes(), sorted(home.rglob("*"))) == (written, state)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'model = "x"\n', b'model = "x"\n[projects."/p"]\ntrust_level = "trusted"\n'),
        (
            b"openai_base_url = 'https://gateway.example/v1' # ours\n",
            b'openai_base_url = \'https://gateway.example/v1\' # ours\n[projects."/p"]\ntrust_level = "trusted"\n',
        ),
    ],
)
def test_what_codex_wrote_since_stays_and_only_our_key_is_taken_back(home, config, before, after):
    config.write_bytes(before)
    apply(plan(config, URL), home)
    with config.open("ab") as file:
        file.write(b'[projects."/p"]\ntrust_level = "trusted"\n')

    assert undo(config, home) == "key"
    assert config.read_bytes() == after


def test_another_port_and_then_undo_gives_the_first_file_back(home, config):
    config.write_bytes(AWKWARD)
    apply(plan(config, URL), home)
    apply(plan(config, base_url(4000)), home)

    assert undo(config, home) == "restored"
    assert config.read_bytes() == AWKWARD


def test_changes_made_between_two_inits_survive_undo(home, config):
    apply(plan(config, URL), home)
    with config.open("ab") as file:
        file.write(b"[mine]\nx = 1\n")
    apply(plan(config, base_url(4000)), home)

    undo(config, home)

    assert config.read_bytes() == b"[mine]\nx = 1\n"


def test_a_value_that_the_user_put_there_since_is_left(home, config):
    config.write_bytes(b"")
    apply(plan(config, URL), home)
    config.write_bytes(b'openai_base_url = "https://mine.example/v1"\n')

    assert undo(config, home) == "nothing"
    assert config.read_bytes() == b'openai_base_url = "https://mine.example/v1"\n'


def test_our_value_without_a_record_is_removed(home, config):
    config.write_bytes(f'a = 1\nopenai_base_url = "{URL}"\n'.encode())

    assert undo(config, home) == "key"
    assert config.read_bytes() == b"a = 1\n"


def test_undo_without_init_changes_nothing(home, config):
    config.write_bytes(AWKWARD)

    assert undo(config, home) == "nothing"
    assert config.read_bytes() == AWKWARD
    assert not home.exists()


def test_a_file_that_is_no_toml_is_refused_and_untouched(home, config):
    config.write_bytes(b"model = \n")

    with pytest.raises(Problem, match="cannot be read as TOML"):
        plan(config, URL)

    assert config.read_bytes() == b"model = \n"


@posix
def test_a_linked_configuration_is_written_behind_its_link(home, config, tmp_path):
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "codex.toml").write_bytes(AWKWARD)
    config.symlink_to(dotfiles / "codex.toml")

    apply(plan(config, URL), home)
    assert config.is_symlink()
    assert URL.encode() in (dotfiles / "codex.toml").read_bytes()

    assert undo(config, home) == "restored"
    assert config.is_symlink()
    assert (dotfiles / "codex.toml").read_bytes() == AWKWARD


@posix
def test_a_link_in_a_circle_is_named(home, config):
    config.symlink_to(config)

    with pytest.raises(Problem, match=r"config\.toml: cannot be read"):
        plan(config, URL)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_files_mode_stays_and_the_backup_is_private(home, config, mode):
    config.write_bytes(b"")
    config.chmod(mode)

    backup = apply(plan(config, URL), home)

    assert stat.S_IMODE(config.stat().st_mode) == mode
    assert backup is not None
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_what_was_written_in_between_is_not_lost(home, config):
    config.write_bytes(b"a = 1\n")
    planned = plan(config, URL)
    config.write_bytes(b"a = 2\n")

    with pytest.raises(Problem, match="changed by another program just now"):
        apply(planned, home)

    assert config.read_bytes() == b"a = 2\n"
    assert undo(config, home) == "nothing"


def test_two_codex_homes_are_kept_apart(home, tmp_path):
    one, two = tmp_path / "one" / "config.toml", tmp_path / "two" / "config.toml"
    for config in (one, two):
        config.parent.mkdir()
        config.write_bytes(config.parent.name.join(("a = '", "'\n")).encode())
        apply(plan(config, URL), home)

    assert undo(two, home) == "restored"
    assert two.read_bytes() == b"a = 'two'\n"
    assert configured_url(one) == URL
    assert undo(one, home) == "restored"


@pytest.mark.parametrize("record", ["{", "[]", '{"configs": []}', '{"configs": {"x": 1}}', '{"folders": 1}'])
def test_a_broken_record_is_named_and_nothing_is_lost(home, config, record):
    config.write_bytes(AWKWARD)
    apply(plan(config, URL), home)
    (home / "init.json").write_text(record)

    with pytest.raises(Problem, match=r"init\.json: cannot be understood"):
        undo(config, home)


@posix
def test_a_configuration_that_is_a_fifo_is_named_and_does_not_block(config):
    os.mkfifo(config)

    with pytest.raises(Problem, match=r"cannot be read .it is no regular file"):
        plan(config, URL)
