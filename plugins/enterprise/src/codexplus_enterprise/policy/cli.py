"""``codex-plus policy``: check a policy, explain what it says, and compile it for Codex itself."""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import REMAINDER, ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from codexplus_core import Core, Problem, open_core

from .checking import problems, remarks, signature_remarks, values
from .compiler import Compiled, compile_policy
from .explain import Explained, explain, hint_of, kinds_of
from .kept import place
from .remote import Remote, as_kept

_LIMIT = 64 * 1024


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``codex-plus policy``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="say what is wrong with a policy file")
    check.add_argument("file", type=Path, metavar="FILE")
    why = actions.add_parser("explain", help="say whether a model, a URL or a command is allowed here, and why")
    why.add_argument("subject", nargs=REMAINDER, metavar="MODEL|URL|COMMAND")
    why.add_argument("--kind", choices=("model", "url", "command"), help="what it is, where it could be either")
    make = actions.add_parser("compile", help="write what Codex itself can enforce: requirements.toml")
    make.add_argument("--out", type=Path, metavar="DIR", help="write the files there; printed otherwise")
    make.add_argument("--port", type=int, default=3000, help="the proxy's port on the machines (default 3000)")
    for each in (why, make):
        each.add_argument("--file", type=Path, metavar="FILE", help="by this policy alone, not by what counts here")
    why.add_argument("--own", action="store_true", help="with --file: count your own and this project's settings, too")
    for each in (check, why, make):
        each.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: Namespace) -> int:
    """Do what the command line says: 0 well, 1 not allowed or not in order."""
    action = {"check": _check, "explain": _explain, "compile": _compile}[arguments.action]
    file: Path | None = arguments.file
    with open_core(policy=file is None, own=file is None or getattr(arguments, "own", False)) as core:
        return action(core, arguments)


def _check(core: Core, arguments: Namespace) -> int:
    wrong = problems(core, _read(arguments.file), arguments.file.absolute())
    said = [] if wrong else [*remarks(core), *signature_remarks(arguments.file, time.time())]
    if arguments.json:
        print(json.dumps({"problems": wrong, "remarks": said}, indent=2))
        return 1 if wrong else 0
    for text in wrong:
        print(f"wrong: {text}")
    for text in said:
        print(f"note: {text}")
    print("The proxy would not serve with it." if wrong else "The policy is in order.")
    return 1 if wrong else 0


def _explain(core: Core, arguments: Namespace) -> int:
    remote = _take(core, arguments)
    subject = " ".join(arguments.subject)
    if not subject.strip():
        raise Problem("policy explain: name a model, a URL or a command", exit_code=2)
    options = ("--file", "--kind", "--own", "--json")
    if misplaced := [word for word in arguments.subject[1:] if word.partition("=")[0] in options]:
        raise Problem(f"policy explain: {misplaced[0]} belongs before the subject", exit_code=2)
    kinds = (arguments.kind,) if arguments.kind else kinds_of(subject)
    nothing = f"nothing is sent: {remote.problem}" if remote is not None and remote.problem else ""
    found = [
        Explained(kind, subject, "no", nothing) if nothing else explain(core, subject, Path.cwd(), kind)
        for kind in kinds
    ]
    if arguments.json:
        print(json.dumps([asdict(each) for each in found], indent=2))
    else:
        for each in found:
            print(f"as a {each.kind}: {each.allowed}" + (f"; {each.why}" if each.why else ""))
            for rule in each.rules:
                print(f"  {rule}")
        if arguments.kind is None and (hint := hint_of(subject, kinds)):
            print(f"note: {hint}")
    return 1 if any(each.allowed == "no" for each in found) else 0


def _compile(core: Core, arguments: Namespace) -> int:
    remote = _take(core, arguments)
    if arguments.file is None and not core.config.has_policy:
        raise Problem("policy compile: there is no policy on this machine; name one with --file FILE")
    if remote is not None and remote.problem:
        raise Problem(f"policy compile: {remote.problem}; or name what is to be compiled with --file FILE")
    made = compile_policy(values(core), port=arguments.port, version=core.about.version)
    made.left += [str(notice) for notice in core.config.administrators.warnings]
    if remote is not None and (kept := remote.in_force()):
        print(f"note: with the policy of policy.url, {kept}; compile again when there is a newer one", file=sys.stderr)
    if arguments.out is not None:
        _write(arguments.out, made)
    if arguments.json:
        print(json.dumps(asdict(made), indent=2))
        return 0
    if arguments.out is None:
        print(f"# requirements.toml\n{made.requirements}\n# managed_config.toml\n{made.managed_config}")
    else:
        print(f"Written to {arguments.out}; on Linux and macOS Codex reads both files in /etc/codex.")
    for text in made.left:
        print(f"not for Codex: {text}", file=sys.stderr)
    return 0


def _take(core: Core, arguments: Namespace) -> Remote | None:
    """Let count what is to count: the named file, or all that does on this machine."""
    if arguments.file is None:
        return as_kept(core.config, place(os.environ))
    if wrong := problems(core, _read(arguments.file), arguments.file.absolute()):
        raise Problem("; ".join(wrong))
    return None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(_LIMIT + 1)
    except OSError as error:
        raise Problem(f"{file}: cannot be read ({error.strerror})") from None
    if len(data) > _LIMIT:
        raise Problem(f"{file}: is larger than {_LIMIT} bytes, and the proxy would not read it")
    return data


def _write(folder: Path, made: Compiled) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "requirements.toml").write_text(made.requirements, encoding="utf-8")
        (folder / "managed_config.toml").write_text(made.managed_config, encoding="utf-8")
    except OSError as error:
        raise Problem(f"{folder}: cannot be written ({error.strerror}); choose another --out") from None
