"""docs/transcripts.md says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from contract.test_docs_reference import words
from services.transcripts.made_account import account, done

from codexplus_core.services.config import Config
from codexplus_core.services.redact import Redactor
from codexplus_core.services.transcripts import Limits, limits_of
from codexplus_core.services.transcripts.cut import EXCHANGE_CHARACTERS, FIELD_CHARACTERS, MOST_ITEMS
from codexplus_core.services.transcripts.line import Scribe
from codexplus_core.services.transcripts.views import Views
from codexplus_core.services.transcripts.writer import GATHER_S, SETTLE_S

NAME = "transcripts.md"
EXAMPLES = re.compile(r"^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_line_that_is_shown_has_the_fields_of_a_real_one() -> None:
    shown = json.loads(EXAMPLES.findall(words(NAME))[0])
    given = account(shown=[done("x")], added=[b"{}"], tools=("x",))

    real = json.loads(Scribe(Redactor()).line(given, Views().news("t", given.sent or [], lambda: None)))

    assert set(shown) <= set(real)
    assert set(shown["model"]) == set(real["model"])
    assert set(shown["outcome"]) <= set(real["outcome"])


def test_the_limits_are_the_codes(tmp_path: Path) -> None:
    text = " ".join(words(NAME).split())

    assert f"{FIELD_CHARACTERS // 1024} KiB of characters of a text" in text
    assert f"{EXCHANGE_CHARACTERS // 1024} KiB of an exchange, {MOST_ITEMS} items" in text
    assert limits_of(Config(None, json.loads(EXAMPLES.findall(words(NAME))[1])).user) == Limits()
    assert f"{Limits().keep_days} days after its last line" in text
    assert f"more than {Limits().max_megabytes} MB" in text
    assert f"{GATHER_S * 1000:.0f} ms after its end" in text and (SETTLE_S, "a quarter of a second" in text) == (
        0.25,
        True,
    )
