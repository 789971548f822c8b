"""Running what was judged with real shells, in front of stub programs that record what they are called with."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from codexplus_core.services.permissions import Unclear, Understood, read_shell
from codexplus_core.services.permissions.shell_words import commands_of, tokens_of
from codexplus_core.services.run import run_program

PROGRAMS = ("p", "rm", "git", "foo-bar", "a.b", "x_y", "7z", "q1")
STUB = """#!/bin/sh
printf '%s\\0' "$#" "${0##*/}" "$@" >>"$LOG"
exit "$STUB_EXIT"
"""
# Pieces that shells treat in special ways, and ordinary ones; most mixtures are unclear, which is as good an answer.
PIECES = (
    *"abc019_-=:/.,@%+^#~",
    *"'\"\\ \t\n;|&<>$`*?[]{}()!\r",
    *(
        "''",
        '""',
        "' '",
        '"a b"',
        "'a\\b'",
        '"\\"\\\\"',
        "\\ ",
        "\\;",
        "\\\\",
        "\\\n",
        "\\\t",
        '"\\n"',
        "'\n'",
        "é",
        "'é'",
    ),
    *(
        " && ",
        " || ",
        " | ",
        " |& ",
        "; ",
        " & ",
        "\n",
        " 2>&1",
        " >/dev/null",
        " 2>/dev/null",
        " >&2",
        " >o",
        " >>'o 2'",
    ),
    *(
        " &>/dev/null",
        " </dev/null",
        " 1>o",
        "2>o",
        ">o",
        " if ",
        " time ",
        " 'if' ",
        " a=b",
        "a=~",
        " --x=y",
        " -x",
        " --",
    ),
    *(
        "HEAD~1",
        "a#b",
        "#",
        "~",
        " ! ",
        "$x",
        "${x}",
        "$(p)",
        "`p`",
        "$'a'",
        "<<E\n",
        "<<<a",
        "<(p)",
        " { ",
        " } ",
        "\u00a0",
    ),
)
PLAIN_PIECES = (
    *(
        "a",
        "b1",
        "-x",
        "--long=a/b",
        "x:y",
        "'a b'",
        '"c d"',
        "e\\ f",
        "''",
        '"q\\"r"',
        "'it'\"'\"'s'",
        "a'b'\"c\"d",
        "HEAD~2",
    ),
    *(
        "a#b",
        "'$x'",
        "'*'",
        '"\'"',
        "'\n'",
        "\\*",
        "12",
        "2",
        "'2'",
        "é",
        "'é ü'",
        '"\\\\"',
        '"\\a"',
        "^",
        "%1",
        "a=b",
        "=",
        "@",
    ),
)
JOINTS = (
    "; ",
    ";",
    " && ",
    "&&",
    " || ",
    " | ",
    "|",
    " |& ",
    "\n",
    " ;\n",
    " &&\n",
    " |\n\n",
    "\n\n ",
    "\n# a 'b\n",
    ' &&\n \t# "; rm $x `g`\n',
)
REDIRECTS = (" 2>&1", " >/dev/null", ">o", " >> 'o 2'", " 2>/dev/null", " &>/dev/null", " </dev/null", " >&2", " &>> o")


def likely_text(random: random.Random) -> str:
    """A text that is well-formed more often than not."""
    parts: list[str] = []
    for number in range(random.randint(1, 4)):
        if number:
            parts.append(random.choice(JOINTS))
        if random.random() < 0.1:
            parts.append(random.choice(REDIRECTS) + " ")
        parts.append(random.choice((*PROGRAMS, *PROGRAMS, "'p'", 'r"m"', "g\\it", "q''1")))
        for _ in range(random.randint(0, 4)):
            parts.append(
                random.choice((" ", "  ", "\t", " "))
                + "".join(random.choices(PLAIN_PIECES, k=random.choice((1, 1, 2))))
            )
        if random.random() < 0.3:
            parts.append(random.choice(REDIRECTS))
    text = list("".join(parts))
    for _ in range(random.choice((0, 0, 1, 2))):
        place = random.randrange(len(text) + 1)
        text[place : place + random.choice((0, 1))] = random.choice(PIECES)
    return "".join(text)


def wild_text(random: random.Random) -> str:
    """A program, then anything."""
    return random.choice(PROGRAMS) + " " + "".join(random.choices(PIECES, k=random.randint(1, 8)))


def understood_texts(random: random.Random, wanted: int) -> list[tuple[str, Understood]]:
    """Texts that are understood and may run in a scratch folder: their programs are stubs, their files local."""
    found: list[tuple[str, Understood]] = []
    while len(found) < wanted:
        text = likely_text(random) if random.random() < 0.7 else wild_text(random)
        read = read_shell(text)
        if isinstance(read, Unclear) or any(argv[0] not in PROGRAMS for argv in read.commands):
            continue
        if all(write.path in ("o", "o 2") for write in read.writes):
            found.append((text, read))
    return found


def calls_expected(text: str, status: int) -> list[tuple[str, ...]]:
    """The commands that run when each of them ends with ``status``."""
    expected: list[tuple[str, ...]] = []
    joint, running = ";", True
    for command in commands_of(tokens_of(text)):
        if joint not in ("|", "|&"):
            running = joint == ";" or (joint == "&&") == (status == 0)
        if running:
            expected.append(command.argv)
        joint = command.joint
    return expected


def make_stubs(folder: Path) -> Path:
    """A folder of stub programs, to be the whole PATH."""
    stubs = folder / "stubs"
    stubs.mkdir()
    for name in PROGRAMS:
        (stubs / name).write_text(STUB, encoding="utf-8")
        (stubs / name).chmod(0o755)
    return stubs


async def calls_seen(
    shell: str, texts: Sequence[str], folder: Path, stubs: Path, *, status: int
) -> list[Counter[tuple[str, ...]]]:
    """What the stubs were called with by each text, all run by one process of the shell."""
    folder.mkdir()
    (folder / "cwd").mkdir()
    script = "".join(f"LOG={folder}/{number}\n{text}\n" for number, text in enumerate(texts))
    (folder / "script").write_text(f"export LOG\n{script}", encoding="utf-8")
    await run_program(
        [shell, str(folder / "script")],
        cwd=folder / "cwd",
        env={"PATH": str(stubs), "STUB_EXIT": str(status), "LANG": "C.UTF-8"},
        timeout=120,
    )
    return [recorded(folder / str(number)) for number in range(len(texts))]


def recorded(path: Path) -> Counter[tuple[str, ...]]:
    """The calls in one record: the number of arguments, the program, the arguments, each ended by a zero byte."""
    fields = path.read_bytes().decode().split("\0")[:-1] if path.exists() else []
    calls: Counter[tuple[str, ...]] = Counter()
    at = 0
    while at < len(fields):
        count = int(fields[at])
        calls[tuple(fields[at + 1 : at + 2 + count])] += 1
        at += 2 + count
    return calls
