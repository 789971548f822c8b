"""``codex-plus pack``, and the program ``minisign`` beside it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from pack_folders import FILES, NAME, PackWorld, Signer, pack, put

from codexplus_core import Problem
from codexplus_core.cli.main import main
from codexplus_enterprise.packs.manifest import MANIFEST, SIGNATURE

HOOKS = {"hooks": {"Stop": [{"matcher": "", "hooks": [{"type": "command", "command": "make lint"}]}]}}
SERVERS = {"mcpServers": {"github": {"command": "npx", "args": ["-y", "server"]}}}
MINISIGN = shutil.which("minisign")
needs_minisign = pytest.mark.skipif(MINISIGN is None, reason="the program minisign is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is to become a pack."""
    where = tmp_path / "tools"
    more = {"hooks/hooks.json": json.dumps(HOOKS), ".mcp.json": json.dumps(SERVERS), "commands/x.py": "x = 1\n"}
    for path, words in {**FILES, **more}.items():
        put(where / path, words)
    return where


def keyfile(tmp_path: Path, signer: Signer) -> str:
    return str(put(tmp_path / "key", signer.secret + b"\n"))


def minisign(*words: str | Path, stdin: str = "") -> str:
    argv = [str(MINISIGN), *map(str, words)]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout + done.stderr


@pytest.mark.req("X4")
def test_a_pack_is_built_signed_verified_installed_listed_and_removed(
    world: PackWorld, signer: Signer, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pack", "build", str(folder), "--name", NAME, "--version", "1.2"]) == 0
    assert "minisign -S -s KEY -t 'codexplus-pack/1 name=team-tools serial=1" in capsys.readouterr().out
    assert main(["pack", "sign", str(folder), "--key", keyfile(tmp_path, signer)]) == 0
    assert signer.public in capsys.readouterr().out
    assert main(["pack", "verify", str(folder), "--key", signer.public]) == 0
    shown = capsys.readouterr().out
    assert "command deploy" in shown and "hook    Stop: make lint" in shown and "mcp     github: npx -y server" in shown
    assert main(["pack", "install", str(folder), "--key", signer.public]) == 0
    capsys.readouterr()
    assert main(["pack", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["packs"]
    assert (row["name"], row["version"], row["serial"], row["state"]) == (NAME, "1.2", 1, "verified")
    assert main(["pack", "remove", NAME]) == 0
    assert main(["pack", "list"]) == 0
    assert "no pack is installed" in capsys.readouterr().out


@pytest.mark.abuse("I02")
def test_a_pack_is_not_installed_without_a_key_and_the_key_stays(
    world: PackWorld, signer: Signer, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(folder, signer)
    assert main(["pack", "install", str(folder)]) == 1
    assert f"signed by the key {signer.id}, which nobody trusts" in capsys.readouterr().err
    assert main(["pack", "install", str(folder), "--key", signer.public]) == 0

    # The next one of the same maker needs no key; that of another maker is refused, whatever is given.
    pack(folder, signer)
    assert main(["pack", "install", str(folder)]) == 0
    other = Signer()
    pack(folder, other)
    capsys.readouterr()
    for more in ([], ["--key", other.public]):
        assert main(["pack", "install", str(folder), *more]) == 1
    said = capsys.readouterr().err
    assert f"is signed by {other.id}, and the key for 'team-tools' is {signer.id}" in said and "--forget" in said
    assert main(["pack", "remove", NAME, "--forget"]) == 0
    assert main(["pack", "install", str(folder), "--key", other.public]) == 0


@pytest.mark.abuse("I05")
def test_an_older_pack_is_not_installed(
    world: PackWorld, signer: Signer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.trust(team_tools=signer)
    assert main(["pack", "install", str(pack(folder, signer, serial=3))]) == 0
    assert main(["pack", "install", str(pack(folder, signer, serial=2))]) == 1

    assert "is older (serial 2)" in capsys.readouterr().err
    assert main(["pack", "verify", str(folder)]) == 1


@pytest.mark.abuse("I01")
def test_a_tampered_pack_is_listed_as_refused_and_not_installed(
    world: PackWorld, signer: Signer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.trust(team_tools=signer)
    put(pack(folder, signer) / "commands/deploy.md", "Delete all.")
    assert main(["pack", "install", str(folder)]) == 1
    assert "is not the file that was signed; get it again from its publisher" in capsys.readouterr().err
    installed = world.install(signer)
    put(installed / "commands/more.md", "More.")
    capsys.readouterr()

    assert main(["pack", "list"]) == 1
    assert "refused" in (said := capsys.readouterr().out) and "commands/more.md" in said
    assert main(["doctor"]) in (0, 1)
    assert "commands/more.md" in capsys.readouterr().out


def test_a_folder_of_git_may_lie_beside_a_pack_that_is_not_installed_yet(
    world: PackWorld, signer: Signer, folder: Path
) -> None:
    world.trust(team_tools=signer)
    put(folder / ".git/config", "[core]\n")

    assert main(["pack", "install", str(pack(folder, signer))]) == 0
    assert not (world.store.root / NAME / ".git").exists()


def test_a_new_build_raises_the_serial_and_removes_the_signature(folder: Path, signer: Signer) -> None:
    pack(folder, signer)

    assert main(["pack", "build", str(folder)]) == 0

    said = json.loads((folder / MANIFEST).read_text())
    assert (said["name"], said["serial"]) == (NAME, 2) and not (folder / SIGNATURE).exists()


def test_files_that_changed_since_they_were_listed_are_not_signed(
    folder: Path, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(folder, signer)
    put(folder / "commands/deploy.md", "Another one.")

    assert main(["pack", "sign", str(folder), "--key", keyfile(tmp_path, signer)]) == 1
    assert "build it again" in capsys.readouterr().err


@pytest.mark.abuse("I08")
@pytest.mark.parametrize("bad", ["commands/a\u202e.md", "commands/con.md", "commands/DEPLOY.md", "hooks/hooks.json"])
def test_what_could_not_be_used_is_not_built(folder: Path, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    put(folder / bad, "no JSON")

    assert main(["pack", "build", str(folder)]) == 1
    assert "no pack can be made of this folder" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--key", "nonsense"], ["--key", "/does/not/exist.pub"]])
def test_a_key_that_is_none_is_said_to_be(
    world: PackWorld, folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pack", "verify", str(folder), *words]) == 1
    assert "neither a public key" in capsys.readouterr().err


@pytest.mark.abuse("I06")
def test_under_a_policy_a_key_on_the_command_line_installs_nothing(
    world: PackWorld, signer: Signer, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.policy(signed=True)
    monkeypatch.setattr("codexplus_core.services.config.policy_place", lambda: world.config()._managed._place)

    assert main(["pack", "install", str(pack(folder, signer)), "--key", signer.public]) == 1
    said = capsys.readouterr().err
    assert "only keys of the administrator's policy count" in said and "--key" not in said
    assert not (world.store.root / NAME).exists()


@pytest.mark.req("X4")
@needs_minisign
def test_what_minisign_signs_is_taken_and_what_we_sign_it_takes(
    world: PackWorld, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, public = tmp_path / "m.key", tmp_path / "m.pub"
    minisign("-G", "-W", "-s", secret, "-p", public)
    assert main(["pack", "build", str(folder), "--name", NAME]) == 0
    words = capsys.readouterr().out.partition("-t '")[2].partition("'")[0]

    minisign("-S", "-s", secret, "-t", words, "-m", folder / MANIFEST)
    assert main(["pack", "verify", str(folder), "--key", str(public)]) == 0
    (folder / SIGNATURE).unlink()
    assert main(["pack", "sign", str(folder), "--key", str(secret)]) == 0

    said = minisign("-V", "-p", public, "-m", folder / MANIFEST)
    assert "Signature and comment signature verified" in said and words in said


@pytest.mark.abuse("I03", "I04")
@needs_minisign
def test_the_old_kind_of_minisign_and_its_own_comment_are_refused(
    world: PackWorld, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, public = tmp_path / "m.key", tmp_path / "m.pub"
    minisign("-G", "-W", "-s", secret, "-p", public)
    main(["pack", "build", str(folder), "--name", NAME])
    words = capsys.readouterr().out.partition("-t '")[2].partition("'")[0]

    minisign("-S", "-l", "-s", secret, "-t", words, "-m", folder / MANIFEST)
    assert main(["pack", "verify", str(folder), "--key", str(public)]) == 1
    minisign("-S", "-s", secret, "-m", folder / MANIFEST)
    assert main(["pack", "verify", str(folder), "--key", str(public)]) == 1

    said = capsys.readouterr().err
    assert "of the old kind" in said and "trusted comment" in said


@needs_minisign
def test_a_key_with_a_password_signs_with_the_right_one_only(
    world: PackWorld, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import minisign as library  # type: ignore[import-untyped]

    key = library.KeyPair.generate().secret_key
    key.encrypt("right", opslimit=32768, memlimit=1 << 24)
    file = str(put(tmp_path / "locked", bytes(key) + b"\n"))
    assert main(["pack", "build", str(folder), "--name", NAME]) == 0

    for password, status in (("wrong\n", 1), ("right\n", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(password))
        assert main(["pack", "sign", str(folder), "--key", file, "--password-stdin"]) == status
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["pack", "sign", str(folder), "--key", file]) == 1
    assert "wrong password" in (said := capsys.readouterr().err) and "--password-stdin" in said


@pytest.mark.abuse("I16")
def test_the_empty_package_of_the_same_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    from codexplus_enterprise.packs.signing import signed

    monkeypatch.setitem(sys.modules, "minisign", types.ModuleType("minisign"))
    with pytest.raises(Problem, match="py-minisign"):
        signed(b"x")


def test_what_an_installation_that_was_cut_off_left_is_cleared_away(world: PackWorld, signer: Signer) -> None:
    put(world.store.root / ".new-0123/commands/a.md", "x")
    world.trust(team_tools=signer)

    world.install(signer)

    assert sorted(each.name for each in world.store.root.iterdir()) == [".lock", NAME]


def test_a_pack_without_a_signature_or_manifest_is_told_to_be(
    world: PackWorld, signer: Signer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file, words in ((SIGNATURE, "is not signed: pack.json.minisig is missing"), (MANIFEST, "is no signed pack")):
        (pack(folder, signer) / file).unlink()
        assert main(["pack", "verify", str(folder), "--key", signer.public]) == 1
        assert words in capsys.readouterr().err


def test_what_a_pack_brings_and_no_plugin_uses_is_noted(
    world: PackWorld, signer: Signer, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from codexplus_core.services.about import About

    every = About.plugins
    monkeypatch.setattr(About, "plugins", lambda self: tuple(row for row in every(self) if row.name != "hooks"))
    world.trust(team_tools=signer)
    assert main(["pack", "install", str(pack(folder, signer))]) == 0
    capsys.readouterr()

    assert main(["pack", "list"]) == 0
    assert f"note: {NAME} brings hooks, and nothing uses them: codex-plus-hooks is not" in capsys.readouterr().out
