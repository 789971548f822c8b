"""Cases beside the recorded ones, by the rules that the records show, in Claude Code's profile.

None of them was recorded itself; where a record says otherwise, it is the record that counts.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from slash_folders import prompt_at, proxy_in, write

STRICT = {"compatibility": "claude-code"}
OWN = "home/.claude/commands/x.md"
TOUCH = "Bash(touch:*)"
DONE = "(Bash completed with no output)"


@pytest.mark.req("S1", "S2", "S4", "S6")
@pytest.mark.parametrize(
    ("body", "typed", "sent"),
    [
        ("---  \t\ndescription: d\n---  \nBody $ARGUMENTS", "/x a", "Body a"),
        ("---\ndescription: d\n---", "/x a b", "\n\nARGUMENTS: a b"),
        ("---\na: 1\n---\n---\nb: 2\n---\nB", "/x", "---\nb: 2\n---\nB"),
        ("---\ndescription: d\n ---\n--- x\n---\nB", "/x", "B"),
        ("---\n- a\n---\n\n  B $0", "/x a", "\n  B a"),
        ("---\nallowed-tools: 5\nmodel: 5\ndescription: true\n---\nB", "/x", "B"),
        ("\ufeff---\r\ndescription: d\r\n---\r\nB $0\r\n", "/x a", "B a\r\n"),
        ("---\narguments: issue to\n---\n$issue-$to $issues ${issue} $issue.", "/x 1 two", "1-two $issues ${issue} 1."),
        ("---\narguments: [issue]\n---\n$issue $0 $1 $ARGUMENTS", "/x a b", "a a b a b"),
        ("pre$ARGUMENTSpost $ARGUMENTS_z $ARGUMENTS.0 $$ARGUMENTS", "/x v", "prevpost v_z v.0 $v"),
        ("\\$ARGUMENTS[0] \\$0 \\$1 $0", "/x a b", "$ARGUMENTS[0] $0 $1 a"),
        ("$10 $11 $9 $00", "/x a b c d e f g h i j k l", "k l j a"),
        ("$ARGUMENTS[01] $ARGUMENTS[1]x $ARGUMENTS[1][0]", "/x a b", "b bx b[0]"),
        ("[$0][$1]", "/x\ta\tb", "[a][b]"),
        ("[$0][$1]", "/x a\u00a0b c", "[a\u00a0b][c]"),
        ("[$0] [$1]", '/x a\\ b"c d"e f', "[a bc de] [f]"),
        ("[$0] [$1]", "/x a$$b 'c$&d'", "[a$$b] [c$&d]"),
        ("[$0] [$1]", "/x don't do it", "[don't do it] [$1]"),
        ("[$ARGUMENTS]", "/x\n\na b\n\n", "[a b]"),
        ("Do: $ARGUMENTS", "/x a !`id` b", "Do: a \\! `id` b"),
        ("/help me $ARGUMENTS", "/x now", "/help me now"),
        ("Wow! `code` x!`id` (!`id`) here!", "/x", "Wow! `code` x!`id` (!`id`) here!"),
        ("!`echo a`!`echo b`", "/x", "a!`echo b`"),
        ("A\n```! \necho one\n```\nB\n```bash!\necho two\n```", "/x", "A\none\nB\n```bash!\necho two\n```"),
        ("!`echo a | sort` - !`cat none.txt 2>/dev/null || echo missing`", "/x", "a - missing"),
        ("!`find . -name 'a*' -type f` e", "/x", "./a.txt e"),
        ("[ !`printf '\\ta\\r\\nb\\n\\n'` ]", "/x", "[ \ta\r\nb ]"),
        ("`@a.txt` (@a.txt) x@a.txt @@a.txt @a.txt:2", "/x", "`@a.txt` (@a.txt) x@a.txt @@a.txt @a.txt:2"),
    ],
)  # fmt: skip
async def test_a_command_of_ones_own_is_sent_as_the_rules_say(body: str, typed: str, sent: str, folders: Path) -> None:
    write(folders / OWN, "").write_bytes(body.encode())
    write(folders / "work/a.txt", "A1\nA2\n")

    async with proxy_in(folders, settings=STRICT) as proxy:
        await proxy.say(typed)

        # Nothing is attached: what stands before it is the part with name and arguments.
        assert prompt_at(proxy)[1:] == [sent] and prompt_at(proxy)[0].startswith("<command-message>x<")


@pytest.mark.req("S5")
@pytest.mark.parametrize(
    ("frontmatter", "runs"),
    [
        (f"allowed-tools: {TOUCH},Bash(mkdir:*)", True),
        (f"allowed-tools: {TOUCH} Read", True),
        (f"allowed-tools: {TOUCH} # as ever", True),
        (f"allowed-tools:\n  - 'Read'\n  - \"{TOUCH}\"", True),
        (f"allowed-tools: Read,\n  {TOUCH}", True),
        (f"description: @foo: `x` *y*\nallowed-tools: {TOUCH}", True),
        (f"argument-hint: [a] [b]\nallowed-tools: {TOUCH}", True),
        (f"description: %d percent\nallowed-tools: {TOUCH}", True),
        ("allowed-tools: Bash(touch *)", True),
        ("allowed-tools: Bash(touch made)", True),
        (f"allowed_tools: {TOUCH}", False),
        (f"allowedTools: {TOUCH}", False),
        (f"Allowed-Tools: {TOUCH}", False),
        ("allowed-tools: bash(touch:*)", False),
        ("allowed-tools: Bash()", False),
        ('allowed-tools: "*"', False),
        ("allowed-tools: Bash(tou:*)", False),
    ],
)
async def test_what_a_file_grants_is_what_its_frontmatter_says(frontmatter: str, runs: bool, folders: Path) -> None:
    write(folders / OWN, f"---\n{frontmatter}\n---\nA !`touch made` B")

    async with proxy_in(folders, settings=STRICT) as proxy:
        await proxy.say("/x")

        assert (folders / "work/made").exists() is runs
        assert bool(proxy.upstream.turns) is runs
        assert not runs or prompt_at(proxy)[-1] == f"A {DONE} B"


@pytest.mark.req("S3")
@pytest.mark.parametrize(
    ("file", "typed", "found"),
    [
        ("a/b/c/d", "/a:b:c:d now", True),
        ("a/b/c", "/b:c now", False),
        ("v1.2", "/v1.2 now", True),
        ("a.md", "/a.md now", True),
        ("größe", "/größe now", True),
        ("日本/語", "/日本:語 now", True),
        ("🚀", "/🚀 now", True),
        ("-x", "/-x now", True),
        ("x.md/y", "/x.md:y now", True),
        ("x.md/y", "/x now", False),
        ("a b/c", "/a b:c now", False),
        ("a", "/a: now", False),
        ("a", "/a.md now", False),
        ("a", "/:a now", False),
        ("a", "/a,b now", False),
        ("a", "/A now", False),
    ],
)
async def test_a_name_is_the_path_with_colons_and_nothing_else(
    file: str, typed: str, found: bool, folders: Path
) -> None:
    write(folders / f"home/.claude/commands/{file}.md", "FOUND $ARGUMENTS")

    async with proxy_in(folders, settings=STRICT) as proxy:
        await proxy.say(typed)

        assert prompt_at(proxy)[-1] == ("FOUND now" if found else typed)
