"""`codex-plus demo`: a session that is legal and shown whole."""

from __future__ import annotations

import json

from codexplus_core.cli.main import main


def test_the_models_view_ends_with_its_last_answer(capsys):
    assert main(["demo", "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["model"][-1] == f"assistant: {shown['session'][-1]['shown']}"
    assert shown["model"].count(shown["model"][-1]) == 1
