"""Every form of secret goes, wherever it stands; what only looks like one stays."""

from __future__ import annotations

import json
import random

import pytest
from services.redact.corpus import EMBEDDINGS, HOLDERS, LOOK_ALIKES, PLACED, TOKENS, Sample, percent_encoded

from codexplus_core.services.redact import Redactor
from codexplus_core.services.redact.tokens import token_rules

REDACTOR = Redactor()
SEEDS = range(3)


def traces(sample: Sample) -> list[str]:
    """What must not be seen: any eight characters in a row, where nothing escapes them."""
    secret = sample.secret
    plain = json.dumps(secret) == f'"{secret}"'
    return [secret[start : start + 8] for start in range(0, max(1, len(secret) - 7), 4)] if plain else [secret]


@pytest.mark.req("X2")
@pytest.mark.abuse("H01")
@pytest.mark.parametrize("form", TOKENS)
def test_a_token_goes_wherever_it_stands(form: str) -> None:
    for place, put in EMBEDDINGS.items():
        for seed in SEEDS:
            sample = TOKENS[form](random.Random(f"{form}{place}{seed}"))

            safe = REDACTOR.text(put(sample.text))

            assert [trace for trace in traces(sample) if trace in safe] == [], (place, safe)
            assert "[REDACTED:" in safe


@pytest.mark.req("X2")
@pytest.mark.abuse("H01", "H04")
@pytest.mark.parametrize("form", PLACED)
def test_a_secret_goes_that_its_place_shows(form: str) -> None:
    for place, put in HOLDERS.items():
        for seed in SEEDS:
            sample = PLACED[form](random.Random(f"{form}{place}{seed}"))

            safe = REDACTOR.text(put(sample.text))

            assert [trace for trace in traces(sample) if trace in safe] == [], (place, safe)


@pytest.mark.req("X2")
@pytest.mark.abuse("H03")
@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize("form", [*TOKENS, *PLACED])
def test_what_stands_around_a_secret_stays(form: str) -> None:
    sample = {**TOKENS, **PLACED}[form](random.Random(form))
    before, after = "Words before it.\n", "\nWords after it.\n"

    safe = REDACTOR.text(f"{before}{sample.text}{after}")

    assert safe.startswith(before)
    assert safe.endswith(after)


@pytest.mark.parametrize("form", [*TOKENS, *PLACED])
def test_redacting_twice_changes_nothing_more(form: str) -> None:
    make, places = (TOKENS[form], EMBEDDINGS) if form in TOKENS else (PLACED[form], HOLDERS)
    for put in places.values():
        once = REDACTOR.text(put(make(random.Random(form)).text))

        assert REDACTOR.text(once) == once


def test_the_placeholder_names_whose_secret_it_was() -> None:
    kinds = {
        form: REDACTOR.text(TOKENS[form](random.Random(1)).text)
        for form in ("github classic", "anthropic", "aws key id", "jwt", "stripe")
    }

    assert kinds == {
        "github classic": "[REDACTED:github]",
        "anthropic": "[REDACTED:anthropic]",
        "aws key id": "[REDACTED:aws-key-id]",
        "jwt": "[REDACTED:jwt]",
        "stripe": "[REDACTED:stripe]",
    }


def test_what_is_said_about_a_secret_stays_readable() -> None:
    read = REDACTOR.text

    assert read("Authorization: Bearer " + "a1B2" * 8) == "Authorization: Bearer [REDACTED:authorization]"
    assert read("DB_PASSWORD=hunter2! ./run") == "DB_PASSWORD=[REDACTED:password] ./run"
    assert read('{"api_key": "k-12345", "n": 1}') == '{"api_key": "[REDACTED:api-key]", "n": 1}'
    assert read("postgres://app:hunter2@db:5432/x") == "postgres://[REDACTED:url-credentials]@db:5432/x"


def test_at_least_29_issuers_are_known() -> None:
    assert len({rule.kind for rule in token_rules()}) >= 29


@pytest.mark.abuse("H04")
def test_encoded_secrets_are_found_only_where_the_code_leaves_them_as_they_are() -> None:
    """What the documentation says is not covered: base64 of a secret. Percent-encoding leaves most tokens alone."""
    token = TOKENS["github classic"](random.Random(1))

    assert token.secret not in REDACTOR.text(percent_encoded(f"https://x.example/?value={token.text}&x=1"))
