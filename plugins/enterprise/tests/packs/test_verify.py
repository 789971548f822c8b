"""A pack is used as it was signed, or not at all."""

from __future__ import annotations

import base64
import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pack_folders import FILES, NAME, Signer, pack, put

from codexplus_enterprise.packs.folder import Folder
from codexplus_enterprise.packs.keyring import Key, Keyring
from codexplus_enterprise.packs.manifest import (
    MANIFEST,
    SIGNATURE,
    PackError,
    collision,
    comment,
    kind_of,
    read,
    unfit,
)
from codexplus_enterprise.packs.signing import sign
from codexplus_enterprise.packs.verify import Seen, against, verify

NOW = 1_800_000_000.0
DAY = 86_400.0


def made(tmp_path: Path, signer: Signer, *, serial: int | None = None, days: int = 365) -> Path:
    return pack(tmp_path / "pack", signer, now=NOW, serial=serial, days=days)


def refused(folder: Path, keyring: Keyring, now: float = NOW) -> str:
    with pytest.raises(PackError) as caught:
        verify(folder, keyring, now=now)
    return str(caught.value)


def resigned(folder: Path, signer: Signer, manifest: bytes, words: str | None = None) -> None:
    """A manifest of somebody who has the key, whatever it says."""
    put(folder / MANIFEST, manifest)
    said = json.loads(manifest.decode())
    made, _ = sign(signer.secret, None, manifest, words or comment(NAME, said["serial"], manifest))
    put(folder / SIGNATURE, made)


@pytest.mark.req("X4")
def test_what_was_signed_is_what_is_handed_out(tmp_path: Path, signer: Signer) -> None:
    found = verify(made(tmp_path, signer), signer.ring(), now=NOW)

    assert found.manifest.name == NAME and found.key.id == signer.id
    assert found.contents == {path: words.encode() for path, words in FILES.items()}


def _changed(folder: Path) -> None:
    put(folder / "lib/check.sh", "exit 1\n")


def _longer(folder: Path) -> None:
    put(folder / "lib/check.sh", FILES["lib/check.sh"] + "#")


def _removed(folder: Path) -> None:
    (folder / "lib/check.sh").unlink()


def _added(folder: Path) -> None:
    put(folder / "commands/more.md", "More.")


def _added_hidden(folder: Path) -> None:
    put(folder / "lib/.hidden/x", "x")


def _linked(folder: Path) -> None:
    file = folder / "lib/check.sh"
    file.rename(folder.parent / "check.sh")
    file.symlink_to(folder.parent / "check.sh")


def _folder_linked(folder: Path) -> None:
    (folder / "lib").rename(folder.parent / "lib")
    (folder / "lib").symlink_to(folder.parent / "lib")


def _hard_linked(folder: Path) -> None:
    os.link(folder / "lib/check.sh", folder.parent / "second")


def _link_added(folder: Path) -> None:
    (folder / "commands/other.md").symlink_to("/etc/passwd")


def _folder_link_added(folder: Path) -> None:
    (folder / "more").symlink_to("/etc")


def _pipe(folder: Path) -> None:
    (folder / "lib/check.sh").unlink()
    os.mkfifo(folder / "lib/check.sh")


def _pipe_added(folder: Path) -> None:
    os.mkfifo(folder / "lib/pipe")


def _manifest_changed(folder: Path) -> None:
    manifest = folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'"version": "1.0"', b'"version": "1.1"'))


def _no_signature(folder: Path) -> None:
    (folder / SIGNATURE).unlink()


def _no_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


@pytest.mark.abuse("I01")
@pytest.mark.parametrize(
    "change",
    [
        _changed, _longer, _removed, _added, _added_hidden, _linked, _folder_linked, _hard_linked, _link_added,
        _folder_link_added, _pipe, _pipe_added, _manifest_changed, _no_signature, _no_manifest,
    ],
)  # fmt: skip
def test_a_pack_that_was_tampered_with_is_refused(
    tmp_path: Path, signer: Signer, change: Callable[[Path], None]
) -> None:
    folder = made(tmp_path, signer)

    change(folder)

    assert refused(folder, signer.ring())


@pytest.mark.abuse("I01")
def test_a_pack_that_is_a_link_is_refused(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "link").symlink_to(made(tmp_path, signer))

    assert "cannot be read" in refused(tmp_path / "link", signer.ring())


@pytest.mark.abuse("I02")
def test_a_key_that_nobody_trusts_is_refused_and_named(tmp_path: Path, signer: Signer) -> None:
    said = refused(made(tmp_path, signer), Signer().ring())

    assert signer.id in said and "packs.keys" in said


@pytest.mark.abuse("I02")
def test_a_key_for_another_pack_is_refused(tmp_path: Path, signer: Signer) -> None:
    assert "not for packs of that name" in refused(made(tmp_path, signer), signer.ring("other-*"))
    assert verify(tmp_path / "pack", signer.ring("team-*"), now=NOW).manifest.name == NAME


@pytest.mark.abuse("I02")
def test_a_pattern_does_not_count_where_the_name_has_a_key_of_its_own(tmp_path: Path, signer: Signer) -> None:
    other = Signer()
    keyring = Keyring((*signer.ring("*").keys, *other.ring().keys))

    assert f"is signed by {signer.id}, and the key for 'team-tools' is {other.id}" in refused(
        made(tmp_path, signer), keyring
    )


@pytest.mark.abuse("I02")
def test_a_retired_key_is_refused_and_one_that_retires_later_is_not(tmp_path: Path, signer: Signer) -> None:
    folder = made(tmp_path, signer)

    assert "has retired" in refused(folder, signer.ring(until=NOW))
    assert verify(folder, signer.ring(until=NOW + 1), now=NOW).until == NOW + 1


@pytest.mark.abuse("I02")
def test_another_key_that_took_the_id_of_a_trusted_one_is_refused(tmp_path: Path, signer: Signer) -> None:
    impostor = Signer()
    # Whoever makes a key chooses its id: eight bytes in the clear.
    raw, wanted = base64.b64decode(impostor.public), base64.b64decode(signer.public)[2:10]
    fake = base64.b64encode(raw[:2] + wanted + raw[10:]).decode()
    folder = made(tmp_path, impostor)
    lines = (folder / SIGNATURE).read_bytes().split(b"\n")
    signature = base64.b64decode(lines[1])
    lines[1] = base64.b64encode(signature[:2] + wanted + signature[10:])
    put(folder / SIGNATURE, b"\n".join(lines))

    assert "does not fit" in refused(folder, signer.ring())
    assert verify(folder, Keyring((Key(NAME, fake, signer.id, "x"),)), now=NOW)
    assert verify(folder, Keyring((*signer.ring().keys, Key(NAME, fake, signer.id, "x"))), now=NOW).key.public == fake


@pytest.mark.abuse("I03")
def test_a_signature_of_the_old_kind_is_refused(tmp_path: Path, signer: Signer) -> None:
    import minisign  # type: ignore[import-untyped]

    folder = made(tmp_path, signer)
    data = (folder / MANIFEST).read_bytes()
    old = minisign.SecretKey.from_bytes(signer.secret).sign(data, prehash=False, trusted_comment=comment(NAME, 1, data))
    put(folder / SIGNATURE, bytes(old) + b"\n")

    assert "old kind" in refused(folder, signer.ring())


@pytest.mark.abuse("I04")
def test_a_trusted_comment_that_was_edited_or_is_another_one_is_refused(tmp_path: Path, signer: Signer) -> None:
    folder = made(tmp_path, signer)
    as_signed = (folder / SIGNATURE).read_bytes()

    put(folder / SIGNATURE, as_signed.replace(b"serial=1", b"serial=2"))
    edited = refused(folder, signer.ring())
    resigned(folder, signer, (folder / MANIFEST).read_bytes(), "timestamp:1")

    assert "does not fit" in edited and "trusted comment" in refused(folder, signer.ring())


@pytest.mark.abuse("I04")
def test_every_cut_of_a_signature_file_is_refused(tmp_path: Path, signer: Signer) -> None:
    folder = made(tmp_path, signer)
    whole = (folder / SIGNATURE).read_bytes().rstrip(b"\n")

    for length in range(len(whole)):
        put(folder / SIGNATURE, whole[:length])
        assert refused(folder, signer.ring())


@pytest.mark.abuse("I05")
def test_an_expired_pack_is_refused(tmp_path: Path, signer: Signer) -> None:
    folder = made(tmp_path, signer, days=10)

    assert verify(folder, signer.ring(), now=NOW + 9 * DAY).manifest.serial == 1
    assert "expired on 2027-01-25" in refused(folder, signer.ring(), NOW + 11 * DAY)


@pytest.mark.abuse("I05")
def test_an_older_serial_and_another_state_of_the_same_one_are_refused(tmp_path: Path, signer: Signer) -> None:
    found = verify(made(tmp_path, signer, serial=5), signer.ring(), now=NOW)

    against(None, found)
    against(found.seen, found)
    for seen in (Seen(6, found.sha256, signer.public), Seen(5, "0" * 64, signer.public)):
        with pytest.raises(PackError, match="serial"):
            against(seen, found)
    demanding = verify(tmp_path / "pack", signer.ring(serial=6), now=NOW)
    with pytest.raises(PackError, match="wants 6 or higher"):
        against(None, demanding)


PATHS = [
    "../x", "a/../x", "/x", "a//b", "a/./b", "a\\b", "C:x", "x.", "x ", " x", "a/con.md", "nul", "x\u202e.md",
    "x\u200b.md", "a\x00", "a\nb", unicodedata.normalize("NFD", "é.md"), "x" * 300, "", "pack.json",
]  # fmt: skip


@pytest.mark.abuse("I08")
@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_means_something_else_elsewhere_is_refused(tmp_path: Path, signer: Signer, path: str) -> None:
    folder = made(tmp_path, signer)
    said = json.loads((folder / MANIFEST).read_text())
    said["files"][path] = {"sha256": "0" * 64, "size": 0}
    resigned(folder, signer, json.dumps(said).encode())

    assert "cannot be in a pack" in refused(folder, signer.ring())


@pytest.mark.abuse("I08")
@pytest.mark.parametrize("pair", [("A.md", "a.md"), ("straße", "STRASSE"), ("ﬁ", "fi"), ("a", "a/b"), ("A", "a/b")])
def test_two_paths_that_are_one_on_some_systems_are_refused(
    tmp_path: Path, signer: Signer, pair: tuple[str, str]
) -> None:
    folder = made(tmp_path, signer)
    said = json.loads((folder / MANIFEST).read_text())
    said["files"] |= {path: {"sha256": "0" * 64, "size": 0} for path in pair}
    resigned(folder, signer, json.dumps(said).encode())

    assert collision(pair) and MANIFEST in refused(folder, signer.ring())


@pytest.mark.abuse("I08")
@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace('"serial": 1,', '"serial": 1, "serial": 2,'),
        lambda text: text.replace('"size"', '"size": 0, "size"', 1),
        lambda text: text.replace('"serial": 1,', '"serial": true,'),
        lambda text: text.replace('"serial": 1,', '"serial": 1e300,'),
        lambda text: text.replace('"serial": 1,', '"serial": 1, "more": 1,'),
        lambda text: text.replace("codexplus-pack/1", "codexplus-pack/2"),
        lambda text: text.replace('"description": ""', '"description": "\\u202e"'),
        lambda text: "[" * 100_000,
        lambda text: "NaN",
    ],
)
def test_a_manifest_that_leaves_anything_open_is_refused(
    tmp_path: Path, signer: Signer, edit: Callable[[str], str]
) -> None:
    folder = made(tmp_path, signer)
    text = (folder / MANIFEST).read_text()
    assert edit(text) != text

    with pytest.raises(PackError):
        read(edit(text).encode())


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_stands_for_a_manifest_raises_nothing_else(data: bytes) -> None:
    with pytest.raises(PackError):
        read(data)


@given(st.text(max_size=40))
def test_a_path_that_fits_stays_below_its_folder(path: str) -> None:
    if not unfit(path):
        below = os.path.normpath(os.path.join("/pack", path))  # noqa: PTH118
        assert below.startswith("/pack/") and below == f"/pack/{path}"


def test_a_file_that_grows_while_it_is_read_is_no_more_than_was_allowed(tmp_path: Path) -> None:
    put(tmp_path / "x", b"12345")

    with pytest.raises(PackError, match="larger"):
        Folder(tmp_path).read("x", 4)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("commands/a/b.md", "command"), ("commands/a.py", "command"), ("commands/a/__init__.py", "other"),
        ("skills/x/SKILL.md", "skill"), ("skills/x/y/SKILL.md", "other"), ("skills/x/run.sh", "other"),
        ("modules/x_module.py", "module"), ("modules/x.py", "other"), ("hooks/hooks.json", "hook"),
        ("hooks/x.json", "other"), (".mcp.json", "mcp"), ("README.md", "other"), ("commands", "other"),
    ],
)  # fmt: skip
def test_the_kind_of_a_file_follows_from_where_it_lies(path: str, kind: str) -> None:
    assert kind_of(path) == kind
