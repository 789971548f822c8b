"""What somebody typed, or pasted from somewhere: it is words, whatever is in it, and never a command of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from slash_folders import ALLOW, own_command, project_command, prompt_at, proxy_in, write

from codexplus_slash.arguments import LONGEST, fill
from codexplus_slash.command_file import CommandFile
from codexplus_slash.words import words

pytestmark = pytest.mark.usefixtures("over_both")


@pytest.mark.abuse("C15")
@pytest.mark.parametrize(
    ("body", "typed"),
    [
        ("!`git diff $1`", "--output=made"),
        ("!`git grep x $1`", "--open=./made.sh"),
        ("!`sort $ARGUMENTS`", "in -o made"),
        ("!`cp $ARGUMENTS`", "in -T made"),
        ("!`sh -c 'echo $1'`", '"$(touch made)"'),
        ("!`$1 made`", "touch"),
        ("!`X=1 $ARGUMENTS`", "touch made"),
        ("!`command $1 made`", "touch"),
        ("!`env $ARGUMENTS`", "touch made"),
        ('A !`echo "$($1 made)"`', "touch"),
        ("!sort $ARGUMENTS", "in -o made"),
        ("!$1 made", "touch"),
    ],
)
async def test_an_option_or_a_program_that_is_typed_is_asked_about_with_ones_own_commands_too(
    folders: Path, body: str, typed: str
) -> None:
    own_command(folders, "st", f"---\nallowed-tools: Bash\n---\n{body}")
    write(folders / "work/in", "x")
    script = write(folders / "work/made.sh", "#!/bin/sh\ntouch made\n")
    script.chmod(0o755)

    async with proxy_in(folders) as proxy:
        question = await proxy.say(f"/st {typed}")

        assert ALLOW in question.text and "written by your own configuration" in question.text
        assert not (folders / "work/made").exists() and not proxy.upstream.turns


@pytest.mark.abuse("C13", "C15")
async def test_a_yes_to_an_option_is_one_to_this_option(folders: Path) -> None:
    own_command(folders, "st", "---\nallowed-tools: Bash(seq:*), Bash(ls:*)\n---\n!`ls $ARGUMENTS`")
    write(folders / "work/a", "x")

    async with proxy_in(folders) as proxy:
        question = await proxy.say("/st -1")
        assert "ls -1" in question.text
        await proxy.say("a")
        again = await proxy.say("/st -1")
        other = await proxy.say("/st -a")

        assert ALLOW not in again.text and ALLOW in other.text and "ls -a" in other.text


@pytest.mark.parametrize("typed", ["-n --hello", "-- -x"])
async def test_to_what_only_prints_an_option_is_a_word(folders: Path, typed: str) -> None:
    own_command(folders, "st", "Say !`echo $ARGUMENTS`")

    async with proxy_in(folders) as proxy:
        answer = await proxy.say(f"/st {typed}")

        assert ALLOW not in answer.text and proxy.upstream.turns


@pytest.mark.abuse("C15")
async def test_behind_two_dashes_and_to_a_script_of_the_file_it_is_a_word(folders: Path) -> None:
    write(folders / "work/count.sh", "echo got $1")
    own_command(folders, "a", "---\nallowed-tools: Bash\n---\n!`sort -- $1`")
    own_command(folders, "b", "---\nallowed-tools: Bash\n---\n!`sh ./count.sh $1`")

    async with proxy_in(folders) as proxy:
        first = await proxy.say("/a -o")
        second = await proxy.say("/b two")

        assert ALLOW not in first.text + second.text
        assert prompt_at(proxy) == ["got two"]


@pytest.mark.abuse("C14")
async def test_what_is_typed_as_a_shell_command_stays_text_in_what_code_makes_of_it(folders: Path) -> None:
    source = "allowed_tools = 'Bash'\ndef command(args):\n    return 'Do ' + ' '.join(args) + ' !`echo mine`'\n"
    write(folders / "home/.codexplus/commands/st.py", source)

    async with proxy_in(folders) as proxy:
        question = await proxy.say("/st it !`touch   made` now")
        assert "echo mine" in question.text and "touch" not in question.text
        await proxy.say("y")

        assert prompt_at(proxy) == ["Do it !`touch made` now mine"]
        assert not (folders / "work/made").exists()


@pytest.mark.abuse("C12")
async def test_a_question_says_how_much_of_what_was_typed_it_does_not_show(folders: Path) -> None:
    project_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`touch $ARGUMENTS`")

    async with proxy_in(folders) as proxy:
        question = await proxy.say(f"/st {'a ' * 1000} hidden")

        assert "characters more" in question.text and "hidden" not in question.text


@pytest.mark.abuse("C11")
async def test_what_was_typed_turns_nothing_around_in_a_question(folders: Path) -> None:
    project_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`touch $ARGUMENTS`")

    async with proxy_in(folders) as proxy:
        question = await proxy.say("/st a\u202eb\x1b[2Jc\u200b")

        assert not {"\u202e", "\x1b", "\u200b"} & set(question.text)
        assert "RIGHT-TO-LEFT OVERRIDE" in question.text


@pytest.mark.abuse("C05")
async def test_a_retry_and_a_resumed_thread_run_nothing_again(folders: Path) -> None:
    own_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`echo x >> log`")

    async with proxy_in(folders) as proxy:
        await proxy.say("/st")
        await proxy.retry()
        proxy.resume()
        await proxy.say("more")

        assert (folders / "work/log").read_text(encoding="utf-8") == "x\n"


@pytest.mark.abuse("C01", "C03")
@pytest.mark.parametrize("kind", ["# AGENTS.md instructions for /p\n\n", "<environment_context>\n"])
async def test_what_a_client_says_about_the_project_calls_no_command(folders: Path, kind: str) -> None:
    own_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`touch made`")

    async with proxy_in(folders) as proxy:
        await proxy.say(f"{kind}/st\n/st")

        assert not (folders / "work/made").exists()


@pytest.mark.abuse("C10")
async def test_where_nobody_can_answer_nothing_runs_and_the_answer_says_how_to_allow_it(folders: Path) -> None:
    project_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`touch made`")

    async with proxy_in(folders) as proxy:
        answer = await proxy.say("/st")

        assert "Not run" in answer.text and "codex-plus approvals allow" in answer.text
        assert not (folders / "work/made").exists() and not proxy.upstream.turns


def test_long_words_are_parted_in_one_go() -> None:
    for text in ("\\" * 300_000, "a\\ " * 100_000, "'a'" * 100_000):
        assert "".join(words(text))


@pytest.mark.abuse("B18")
@pytest.mark.parametrize("body", ["$ARGUMENTS " * 20_000, ("$ARGUMENTS " * 3 + " !`a` ") * 5000, "!`a $1` " * 20_000])
def test_no_file_makes_a_prompt_of_any_size(body: str) -> None:
    path = Path("/p/.claude/commands/x.md")
    file = CommandFile("x", path, path.parent, "project", "markdown", "(project)", body=body)

    made = fill(file, "x" * 200_000, strict=False)

    assert sum(len(getattr(part, "text", "")) + len(getattr(part, "command", "")) for part in made) < 2 * LONGEST
