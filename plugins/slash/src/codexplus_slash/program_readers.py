"""Programs that take an argument for a program: quoted for the shell, a value is no mere word to them."""

from __future__ import annotations

import re

# Programs that read an argument as a program: quoted for the shell, a value is still free in there.
_READS_PROGRAMS = re.compile(
    r"(?<![\w.-])(?:eval|exec|source|(?:ba|da|z|k|fi|c|tc)?sh|ssh|su|sudo|doas|xargs|parallel|watch|env|trap|find|time"
    r"|g?awk|mawk|sed|perl|ruby|php|node|deno|bun|python[\d.]*|pwsh|powershell|cmd|make|docker|podman|psql|mysql|sqlite3"
    r"|osascript|Rscript|lua|tclsh|expect|screen|tmux|at|crontab|nohup|setsid|timeout|nice|stdbuf|busybox"
    r"|command|builtin"
    # Builtins of bash that take the name of a variable evaluate what stands in its brackets.
    r"|let|declare|typeset|local|readonly|export|unset|read|mapfile|readarray|getopts|wait)(?![\w-])"
    r"|(?:test|\[)\s[^;&|]*-v\s"
)
# With a script of the template's own, what follows is that script's to read: `python3 tools/count.py $1`.
_RUNS_A_SCRIPT = re.compile(
    r"(?<![\w.-])(?:(?:ba|da|z|k|fi)?sh|python[\d.]*|node|ruby|perl|php|lua|Rscript)[ \t]+(?!-)"
    r"[\w./@%+:,=-]*[./][\w./@%+:,=-]*(?=[ \t])"
)


def reads_programs(template: str) -> bool:
    """Whether a program in the command may take an argument for a program: a quoted value is no mere word there."""
    return _READS_PROGRAMS.search(_RUNS_A_SCRIPT.sub(" ", template)) is not None
