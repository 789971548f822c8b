"""The core's own checks: what they look at and what they advise."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import metadata
from pathlib import Path

from ..contributions import Check, CheckResult
from ..services import codex
from ..services.codex_config import KEY, gateway, port_of_ours
from .doctor_proxy import plugins, port, proxy, upstream
from .doctor_settings import settings
from .doctor_transcripts import transcripts
from .init import obstacles, without_token
from .start import port_option
from .surroundings import Surroundings


def core_checks(around: Surroundings) -> list[Check]:
    """The checks in the order in which things can go wrong."""
    parts: dict[str, Callable[[Surroundings], CheckResult | Awaitable[CheckResult]]] = {
        "python": python,
        "codex": codex_version,
        "login": login,
        "configuration": configuration,
        "environment": environment,
        "port": port,
        "proxy": proxy,
        "plugins": plugins,
        "settings": settings,
        "upstream": upstream,
        "state directory": state_directory,
        "transcripts": transcripts,
        "sandbox": sandbox,
        ".pth files": pth_files,
    }
    return [Check(name, partial(check, around)) for name, check in parts.items()]


def python(around: Surroundings) -> CheckResult:
    """The interpreter."""
    # No lower bound is checked: an older Python cannot even import this package.
    version = ".".join(map(str, sys.version_info[:3]))
    return CheckResult("ok", f"Python {version} ({sys.executable})")


def codex_version(around: Surroundings) -> CheckResult:
    """Codex, its version and whether it fits."""
    found = around.codex
    if found is None:
        return CheckResult(
            "error", "Codex is not found", "npm install -g @openai/codex, or set CODEX_PLUS_CODEX to its program"
        )
    if not found.version:
        return CheckResult("error", found.problem, "reinstall Codex, or set CODEX_PLUS_CODEX to a working one")
    known = codex.verdict(found.version)
    fix = {"ok": "", "warning": "if it misbehaves: codex-plus init --undo", "error": "update Codex"}[known.status]
    return CheckResult(known.status, f"{known.text} ({found.path})", fix)


def login(around: Surroundings) -> CheckResult:
    """How Codex logs in."""
    if around.codex is None:
        return CheckResult("warning", "unknown without Codex", "install Codex, then: codex login")
    found = codex.login_verdict(around.config_file.parent, around.codex.version, around.env)
    return CheckResult(found.status, found.text, "" if found.status == "ok" else "codex login")


def configuration(around: Surroundings) -> CheckResult:
    """Whether Codex's configuration leads to the proxy."""
    file, url, option = around.config_file, around.config.get(KEY), port_option(around.port)
    in_the_way = [note for note in obstacles(around.config) if "ignores" in note]
    if in_the_way:
        return CheckResult("error", f"{file}: {in_the_way[0]}", "remove model_provider from Codex's configuration")
    if around.codex is not None and codex.reads_environment(around.codex.version):
        return CheckResult("ok", f"Codex {around.codex.version} reads OPENAI_BASE_URL, not {file}, for its base URL")
    if url is None:
        return CheckResult("warning", f"{file}: Codex does not go through the proxy", f"codex-plus init{option}")
    if str(url).rstrip("/").endswith("/backend-api/codex"):
        return CheckResult(
            "error",
            f"{file}: {KEY} ends in /backend-api/codex, with which every turn fails",
            f"codex-plus init{option}",
        )
    if gateway(url):
        there = without_token(url)
        fix = f"codex-plus init{option}, then codex-plus serve{option} --upstream {there}"
        return CheckResult("warning", f"{file}: {KEY} is {there}, not the proxy", fix)
    if port_of_ours(url) is None:
        return CheckResult(
            "warning", f"{file}: {KEY} is {without_token(url)}, not the proxy", f"codex-plus init{option}"
        )
    extra = "; chatgpt_base_url, set too, does not concern it" if "chatgpt_base_url" in around.config else ""
    return CheckResult("ok", f"{file}: Codex goes through the proxy on port {port_of_ours(url)}{extra}")


def environment(around: Surroundings) -> CheckResult:
    """Variables that lead elsewhere, or are believed to."""
    url = around.env.get("OPENAI_BASE_URL")
    version = around.codex.version if around.codex else ""
    if codex.reads_environment(version):
        if port_of_ours(url) is None:
            said, option = "not set" if url is None else without_token(url), port_option(around.port)
            return CheckResult(
                "warning",
                f"OPENAI_BASE_URL is {said}, and Codex {version} follows it",
                f"codex-plus run{option} sets it for you; or export what codex-plus init{option} prints",
            )
        return CheckResult("ok", "OPENAI_BASE_URL leads to the proxy")
    if url:
        return CheckResult(
            "warning",
            "OPENAI_BASE_URL is set, but Codex 0.120 and later ignore it",
            "unset it; codex-plus init is enough",
        )
    return CheckResult("ok", "no variable leads Codex elsewhere")


def state_directory(around: Surroundings) -> CheckResult:
    """Whether our files are ours alone."""
    home = around.home
    if not os.path.lexists(home):
        trouble = _cannot_be_made(home)
        if trouble:
            return CheckResult("error", f"{home}: cannot be made: {trouble}", "set CODEX_PLUS_HOME to a directory")
        return CheckResult("ok", f"{home}: not there yet; made when it is needed")
    if not home.is_dir():
        return CheckResult("error", f"{home}: is a file, a directory is needed", "move it, or set CODEX_PLUS_HOME")
    if os.name != "posix":
        return CheckResult("ok", f"{home}: exists")
    foreign, wide = [], []
    # Commands and settings of the user may be links and may be readable; what we keep secret may not.
    own = [home, *(home / name for name in ("token", "init.json", "state.db", "log", "backups", "cache", "sessions"))]
    own += [home / "approvals.db", home / "approvals.key"]
    own += [home / "init-files.json", home / "init-entries.json"]
    for path in own:
        try:
            found = path.lstat() if path != home else path.stat()
        except FileNotFoundError:
            continue
        if found.st_uid != os.getuid():
            foreign.append(str(path))
        if stat.S_IMODE(found.st_mode) & 0o077 or stat.S_ISLNK(found.st_mode):
            wide.append(str(path))
    if foreign:
        return CheckResult("error", f"belongs to another user: {', '.join(foreign)}", "set CODEX_PLUS_HOME")
    if wide:
        return CheckResult("error", f"open to other users: {', '.join(wide)}", f"chmod -R go-rwx {home}")
    if not os.access(home, os.W_OK):
        return CheckResult("error", f"{home}: not writable", f"chmod u+w {home}")
    return CheckResult("ok", f"{home}: private")


async def sandbox(around: Surroundings) -> CheckResult:
    """How strongly programs of a project are held here, tried out."""
    # The others do without asyncio and ctypes.
    from ..services.sandbox.sandbox import probe_once

    found = await probe_once()
    return CheckResult("ok" if found.level != "process" else "warning", str(found), found.fix)


def _cannot_be_made(home: Path) -> str:
    """Why a directory cannot be made there; tried beside it, because modes do not tell it all (/proc, read-only)."""
    above = next(path for path in home.parents if path.exists())
    try:
        Path(tempfile.mkdtemp(prefix=".codexplus-", dir=above)).rmdir()
    except OSError as error:
        return f"{above}: {(error.strerror or str(error)).lower()}"
    return ""


def pth_files(around: Surroundings) -> CheckResult:
    """Files that run code at every start of Python and that no installed package accounts for."""
    claimed = set()
    for distribution in metadata.distributions():
        for file in distribution.files or ():
            if file.suffix == ".pth":
                claimed.add(Path(str(distribution.locate_file(file))).resolve())
    stray = []
    for directory in around.site_directories:
        for path in sorted(directory.glob("*.pth")) if directory.is_dir() else ():
            if path.resolve() in claimed:
                continue
            try:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                stray.append(str(path))
                continue
            if any(line.startswith(("import ", "import\t")) for line in lines):
                stray.append(str(path))
    if stray:
        return CheckResult(
            "warning",
            f"code of unknown origin runs at every start of Python: {', '.join(stray)}",
            "look into it; remove it if you do not know it",
        )
    return CheckResult("ok", "code that runs at every start of Python comes from installed packages only")
