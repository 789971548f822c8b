"""What a transcript keeps of a value, in one go or in two, is the same."""

from __future__ import annotations

import random
from typing import Any

import pytest

from codexplus_core.services.redact import Redactor
from codexplus_core.services.redact.remembered import Remembered
from codexplus_core.services.transcripts.cut import MOST_ITEMS, Cut

KEY = "AKIAQYLPMN5HHHFPZAM2"
TEXTS = (
    "message", "", "plain words", KEY, f"export TOKEN={KEY}", "é", "half \ud800", "data:image/png;base64," + "A" * 300,
    "x" * 300, "y" * 70_000, "--token", "hunter2hunter2", "Bearer abcdefghijklmnop",
)  # fmt: skip
NAMES = (
    "type", "role", "text", "content", "value", "name", "key", "password", "api_key", "token", KEY, "n" * 70, "ü",
    "n" * 300, "encrypted_content", "internal_chat_message_metadata_passthrough", "summary", "headers",
)  # fmt: skip


def value_of(dice: random.Random, depth: int = 0) -> Any:
    what = dice.randrange(10)
    if what < 4 or depth > 4:
        return dice.choice(TEXTS)
    if what == 4:
        return dice.choice([None, True, 0, 7, 1.5])
    if what < 8:
        return {dice.choice(NAMES): value_of(dice, depth + 1) for _ in range(dice.randrange(5))}
    return [value_of(dice, depth + 1) for _ in range(dice.randrange(4))]


def in_two(value: Any, redactor: Redactor) -> tuple[Any, int]:
    cut = Cut(redactor, Remembered(redactor), set())
    return Remembered(redactor).value(cut.value(value)), cut.room


@pytest.mark.parametrize("seed", range(300))
def test_values_are_kept_as_if_they_were_cut_first_and_redacted_then(seed: int) -> None:
    dice = random.Random(seed)
    redactor = Redactor([("mine", "plain w[a-z]+|encrypted_con|[0-9]{3} char")] if seed % 2 else ())
    remembered, harmless = Remembered(redactor), set[str]()
    for _ in range(10):
        value, cut = value_of(dice), Cut(redactor, remembered, harmless)
        assert (cut.safe(value), cut.room) == in_two(value, redactor)


@pytest.mark.parametrize(
    "value",
    [
        {"a": [["token", KEY]]}, {"name": "API_KEY", "value": "abc"}, ["run", "--password", "hunter2"],
        [{"a": 1}] * (MOST_ITEMS + 1), {"a": {"password": "hunter2"}}, {"encrypted_content": {"token": "hunter2"}},
        {KEY: "x"},
    ],
)  # fmt: skip
def test_what_a_text_alone_does_not_tell_is_seen(value: Any) -> None:
    redactor = Redactor()
    for _ in range(40):
        wanted = in_two(value, redactor)[0]
        assert Cut(redactor, Remembered(redactor), set()).safe(value) == wanted
        assert "hunter2" not in str(wanted)
        value = {"deeper": value}


def test_the_room_is_used_up_by_words_that_are_known_too() -> None:
    redactor = Redactor()
    one, two = (Cut(redactor, Remembered(redactor), set()) for _ in range(2))
    value = [{"word": "w" * 250} for _ in range(400)]

    assert [one.safe(value) for _ in range(4)] == [two.value(value) for _ in range(4)]
    assert one.room == two.room <= 0


def test_a_name_that_once_held_no_ciphertext_lets_none_pass() -> None:
    redactor, harmless = Redactor(), set[str]()
    contents: list[Any] = [{}, "gAAAAciphertext", 7, "gAAAAciphertext"]

    kept = [Cut(redactor, Remembered(redactor), harmless).safe({"encrypted_content": each}) for each in contents]

    assert [each["encrypted_content"] for each in kept] == [
        {},
        "[15 characters not kept]",
        7,
        "[15 characters not kept]",
    ]


def test_what_is_nested_too_deeply_is_left_out_of_plain_values_too() -> None:
    redactor = Redactor()
    value: Any = {"text": "at the bottom"}
    for _ in range(50):
        value = {"deeper": value}

    kept = str(Cut(redactor, Remembered(redactor), set()).safe(value))

    assert "nested too deeply" in kept
    assert "at the bottom" not in kept


def test_the_names_that_are_known_are_not_more_and_more() -> None:
    redactor, harmless = Redactor(), set[str]()
    for number in range(3000):
        Cut(redactor, Remembered(redactor), harmless).safe({f"name{number}": 1})

    assert len(harmless) <= 1000
