"""Arguments in the text of a command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compat.recorded_commands import Case, Place, cases
from hypothesis import given, settings
from hypothesis import strategies as st

from codexplus_slash.arguments import Included, Substituted, fill, pieces_of, substitute
from codexplus_slash.catalogue import Catalogue
from codexplus_slash.command_file import CommandFile
from codexplus_slash.invocation import invocation_of
from codexplus_slash.pieces import Shell
from codexplus_slash.words import words


def command(body: str, **more: Any) -> CommandFile:
    path = Path("/p/.claude/commands/x.md")
    return CommandFile("x", path, path.parent, "project", "markdown", "(project)", body=body, **more)


def expected(case: Case, place: Place) -> str | None:
    """What 2.1.329 sent for the command's body, None where it sent none or something else was recorded."""
    newest = case.newest
    if newest == "same":
        messages = case.observed.get("messages")
        blocks = [block for message in messages or () for block in message["blocks"]]
    else:
        blocks = newest.get("prompt") or []
    texts = [block for block in blocks if isinstance(block, str) and not block.startswith("<system-reminder>")]
    bodies = [block for block in texts if not block.startswith("<command-message>")]
    if len(bodies) > 1 or (not bodies and not texts):
        return None
    return place.real(bodies[0]) if bodies else ""


def is_of_one_text(case: Case) -> bool:
    """Whether the model got one prompt, and no shell command had to be run for it."""
    files = [content for content in case.row.get("files", {}).values() if isinstance(content, str)]
    reached = case.observed.get("reached_model") is True or (case.newest != "same" and case.newest.get("reached_model"))
    runs = any("!`" in content or "```!" in content for content in files)
    return len(case.inputs) == 1 and bool(reached) and not runs and expected(case, Place(Path("/"))) is not None


RECORDED = [case for case in cases() if is_of_one_text(case)]


@pytest.mark.req("S1", "S2", "S4")
@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.id)
def test_the_strict_profile_sends_what_claude_code_was_seen_to_send(case: Case, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.lay_out(case.row["files"])
    if "git init -q ." in case.row.get("setup", ()):
        (place.project / ".git").mkdir()
    cwd = place.project / case.row.get("cwd", "")
    cwd.mkdir(parents=True, exist_ok=True)
    plugins = [Path(place.real(word)) for word in case.row.get("argv", ()) if word.endswith("/plug")]
    sent = expected(case, place)
    (typed,) = case.inputs

    invocation = invocation_of(typed, strict=True)
    found = None
    if invocation is not None:
        found = Catalogue(place.home, plugins=plugins).of(cwd, strict=True).find(invocation.name)
    if invocation is None or found is None:
        assert sent == typed
        return
    assert isinstance(found, CommandFile)
    parts = fill(found, invocation.args, strict=True, session_id="{UUID}", project_dir=place.project)

    assert "".join(part.text for part in parts if isinstance(part, Substituted)) == sent


@pytest.mark.parametrize(
    ("raw", "strict", "found"),
    [
        ("one two", ["one", "two"], None),
        ("  a \t b ", ["a", "b"], None),
        ("\"a b\" 'c d' e\\ f", ["a b", "c d", "e f"], None),
        ('a"b c"d', ["ab cd"], None),
        ('"it\'s" \'say "hi"\' z', ["it's", 'say "hi"', "z"], None),
        ("\"\" b ''", ["", "b", ""], None),
        ("a\u00a0b", ["a\u00a0b"], None),
        ("*.py ~ größe", ["*.py", "~", "größe"], None),
        ('"a \\"b\\" c" d', ['a \\"b\\" c', "d"], None),
        ("a;b c|d >e && f", ["a"], ["a;b", "c|d", ">e", "&&", "f"]),
        ("*.py #tag x", ["*.py"], ["*.py", "#tag", "x"]),
        ("#12 it's", [], ["#12", "it's"]),
        ("a b\nc d", ["a", "b"], ["a", "b", "c", "d"]),
        ("$HOME $FOO tail", ["$HOME", "tail"], ["$HOME", "$FOO", "tail"]),
        ("it's fine \"open", ["it's fine \"open"], ["it's", "fine", '"open']),
        ("fix (the bug)", ["fix (the bug)"], ["fix", "(the", "bug)"]),
        ("C:\\dir\\file x", ["C:dirfile", "x"], ["C:\\dir\\file", "x"]),
        ("", [], None),
    ],
)
def test_words_are_a_shells_in_the_strict_profile_and_all_that_was_typed_in_the_default_one(
    raw: str, strict: list[str], found: list[str] | None
) -> None:
    assert words(raw, strict=True) == strict
    assert words(raw) == (strict if found is None else found)


@pytest.mark.req("S4")
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Fix issue #$1 with priority $2", "Fix issue #123 with priority high"),
        ("[$1] [$2] [$3] [$10]", "[123] [high] [$3] [$10]"),
        ("[$0] [$1] [$2]", "[123] [high] [$2]"),
        ("$ARGUMENTS[0] then $1", "123 then high"),
        ("$1 costs $0.50", "123 costs $0.50"),
        ("\\$0 and $1", "$0 and 123"),
        ("all: $ARGUMENTS", "all: 123 high"),
    ],
)
def test_the_first_argument_is_number_one_unless_the_body_counts_from_zero(body: str, text: str) -> None:
    assert substitute(body, "123 high").text == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("$1y $1_a $1-b $1.c ${1} $01 $1$2 $$1", "$1y $1_a b-b b.c ${1} b bc $b"),
        ("\\$1 \\\\$1 \\\\\\$1 \\$ARGUMENTS", "$1 \\\\b \\\\$1 $ARGUMENTS"),
        ("pre$ARGUMENTSpost $ARGUMENTS_z $ARGUMENTS.0", "prea b cpost a b c_z a b c.0"),
        ("$ARGUMENTS[9] $ARGUMENTS[-1] $ARGUMENTS[x]", "$ARGUMENTS[9] a b c[-1] a b c[x]"),
        ("$99999999999999999999 $0", "$99999999999999999999 a"),
    ],
)
def test_places_are_those_that_claude_code_sees(body: str, text: str) -> None:
    assert substitute(body, "a b c", strict=True).text == text


def test_named_arguments_are_whole_words_and_missing_ones_are_empty() -> None:
    made = substitute("$issue $issues $issue[0] [$branch] \\$issue", "12", names=("issue", "branch"))

    assert made.text == "12 $issues $issue[0] [] $issue"


def test_arguments_without_a_place_are_appended() -> None:
    assert substitute("Body\n", "a b").text == "Body\n\n\nARGUMENTS: a b"
    assert substitute("Body $5", "a b").text == "Body $5\n\nARGUMENTS: a b"
    assert substitute("Body", "").text == "Body"


def test_spans_say_what_was_typed() -> None:
    made = substitute("a $1 b $ARGUMENTS ${CLAUDE_PROJECT_DIR}", "x yy", project_dir=Path("/p"))

    assert [made.text[begin:end] for begin, end in made.spans] == ["x", "x yy"]


def test_a_skills_text_begins_with_its_folder() -> None:
    parts = fill(command("Body", base=Path("/p/.claude/skills/x")), "a", strict=False)

    text = "".join(part.text for part in parts if isinstance(part, Substituted))
    assert text == "Base directory for this skill: /p/.claude/skills/x\n\nBody\n\nARGUMENTS: a"


@pytest.mark.parametrize("raw", ["$ARGUMENTS b", "$1 $0", "$& $` $'", "${CLAUDE_SESSION_ID} \\$1", "\\1 \\g<0>"])
def test_values_are_put_in_as_they_are(raw: str) -> None:
    for strict in (True, False):
        assert substitute("<$ARGUMENTS>", raw, strict=strict, session_id="S").text == f"<{raw}>"


def test_the_strict_profile_defuses_what_looks_like_an_inclusion() -> None:
    assert substitute("Do: $ARGUMENTS", "!`id`", strict=True).text == "Do: \\! `id`"
    assert substitute("Do: $ARGUMENTS", "!`id`").text == "Do: !`id`"


_ATTACKS = st.lists(
    st.sampled_from(
        ("!`id`", "```!\nid\n```", "\n", " ", "`", "!", "$ARGUMENTS", "'", '"', "\\", "a", ";", "@/etc/passwd")
    )
).map("".join)


@pytest.mark.abuse("C14")
@settings(deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from(("text ", "$1", "$ARGUMENTS", "!`echo $1`", "\n", "!", "`", " ", "```!\nls '$2'\n```"))
    ).map("".join),
    _ATTACKS,
    st.booleans(),
)
def test_no_argument_changes_what_is_an_inclusion(body: str, raw: str, strict: bool) -> None:
    file = command(body)

    parts = fill(file, raw.strip(), strict=strict)

    templates = [piece.command for piece in pieces_of(file) if isinstance(piece, Shell)]
    assert [part.template for part in parts if isinstance(part, Included)] == templates


def test_a_body_of_nothing_but_places_makes_no_prompt_of_any_size() -> None:
    assert len(substitute("$ARGUMENTS" * 20_000, "x" * 10_000).text) < 9 << 20


def test_a_row_of_backslashes_is_read_in_one_go() -> None:
    row = "\\" * (256 * 1024)

    assert substitute(row, "").text == row
