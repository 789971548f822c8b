"""Signed packs with the real Codex: a signed one is used, an unsigned file and a tampered pack are refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from e2e.codex import NEWEST
from e2e.said import words_of
from pack_folders import Signer, pack, put

from codexplus_core.testing import text
from codexplus_enterprise.packs.store import Store
from codexplus_enterprise.packs.verify import verify

pytestmark = pytest.mark.e2e

HOOKS = {
    "hooks": {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": 'sh "$CLAUDE_PLUGIN_ROOT/told.sh"'}]}]}
}
FILES = {
    "commands/deploy.md": "Deploy the $1 with care.",
    "told.sh": 'echo "The pack was here."\n',
    "hooks/hooks.json": json.dumps(HOOKS),
}


@pytest.mark.req("X4")
async def test_a_signed_pack_is_used_and_what_is_not_signed_or_was_changed_is_refused(
    codex, upstream, proxy, tmp_path: Path
) -> None:
    signer, home = Signer(), tmp_path / "proxy"
    said = {"security": {"requireSigned": True}, "packs": {"keys": {"team-tools": signer.public}}}
    put(home / ".codexplus/settings.json", json.dumps(said))
    put(home / ".codexplus/commands/mine.md", "Mine.")
    made = pack(home / "made", signer, FILES)
    folder = Store(home / ".codexplus/packs").install(verify(made, signer.ring(), now=time.time()))
    # Afterwards: for half a second a proxy takes its settings to be as they were.
    running = await proxy("slash,hooks,enterprise")
    upstream.script = [text("A first answer."), text("A second answer.")]
    one = codex(NEWEST).point_at(running.url)

    used = await one.exec("/team-tools:deploy site")
    unsigned = await one.exec("/mine")
    put(folder / "told.sh", f"touch {running.home}/harm\n")
    tampered = await one.exec("/team-tools:deploy shop")

    words = "\n".join(each for turn in upstream.turns for each in words_of(turn))
    assert "A first answer." in used.stdout
    assert "of the signed pack team-tools 1.0" in used.stderr, running.log
    assert "Deploy the site with care." in words and "The pack was here." in words
    assert "comes from no signed pack" in unsigned.stdout
    assert "told.sh is not the file that was signed" in tampered.stdout
    assert len(upstream.turns) == 1 and not (running.home / "harm").exists()
