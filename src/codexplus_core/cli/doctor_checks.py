"""The core's own checks: what they look at and what they advise."""

from __future__ import annotations

import os
import site
import stat
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path
from typing import Any

from ..contributions import Check, CheckResult
from ..services import codex, codex_setup
from ..services.codex_config import KEY, parse, port_of_ours
from ..services.listener import Listening, look
from ..services.paths import codex_home, state_dir
from ..services.settings import DEFAULT_PORT
from .init import obstacles, without_token
from .start import proxy_token

CHATGPT = "https://chatgpt.com/backend-api/codex"
API = "https://api.openai.com/v1"


@dataclass
class Surroundings:
    """What several checks look at; each part is looked up once, on first use."""

    env: Mapping[str, str]
    asked_port: int | None
    asked_upstream: str | None
    loaded: Any
    site_directories: list[Path] = field(default_factory=lambda: _site_directories())

    @cached_property
    def home(self) -> Path:
        return state_dir(self.env)

    @cached_property
    def codex(self) -> codex.Codex | None:
        return codex.detect(self.env)

    @cached_property
    def config_file(self) -> Path:
        return codex_setup.config_file(codex_home(self.env))

    @cached_property
    def config(self) -> dict[str, Any]:
        _, data = codex_setup.read_config(self.config_file)
        return {} if data is None else parse(data, self.config_file)

    @cached_property
    def port(self) -> int:
        if self.asked_port is not None:
            return self.asked_port
        return port_of_ours(codex_setup.configured_url(self.config_file)) or DEFAULT_PORT

    @cached_property
    def listening(self) -> Listening:
        secret = proxy_token(self.home) if (self.home / "token").exists() else ""
        return look(self.port, token=secret)


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
        "upstream": upstream,
        "state directory": state_directory,
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
    kind = codex.login(around.config_file.parent)
    if kind == "unreadable":
        return CheckResult("error", f"{around.config_file.parent / 'auth.json'}: cannot be read", "codex login")
    if kind == "none" and not around.env.get("OPENAI_API_KEY"):
        return CheckResult("warning", "Codex is not logged in", "codex login")
    return CheckResult("ok", f"Codex logs in with: {'OPENAI_API_KEY' if kind == 'none' else kind}")


def configuration(around: Surroundings) -> CheckResult:
    """Whether Codex's configuration leads to the proxy."""
    file, url = around.config_file, around.config.get(KEY)
    in_the_way = [note for note in obstacles(around.config) if "ignores" in note]
    if in_the_way:
        return CheckResult("error", f"{file}: {in_the_way[0]}", "remove model_provider from Codex's configuration")
    if around.codex is not None and codex.reads_environment(around.codex.version):
        return CheckResult("ok", f"Codex {around.codex.version} reads OPENAI_BASE_URL, not {file}, for its base URL")
    if url is None:
        return CheckResult("warning", f"{file}: Codex does not go through the proxy", "codex-plus init")
    if str(url).rstrip("/").endswith("/backend-api/codex"):
        return CheckResult(
            "error", f"{file}: {KEY} ends in /backend-api/codex, with which every turn fails", "codex-plus init"
        )
    if port_of_ours(url) is None:
        return CheckResult("warning", f"{file}: {KEY} is {without_token(url)}, not the proxy", "codex-plus init")
    extra = "; chatgpt_base_url, set too, does not concern it" if "chatgpt_base_url" in around.config else ""
    return CheckResult("ok", f"{file}: Codex goes through the proxy on port {port_of_ours(url)}{extra}")


def environment(around: Surroundings) -> CheckResult:
    """Variables that lead elsewhere, or are believed to."""
    url = around.env.get("OPENAI_BASE_URL")
    version = around.codex.version if around.codex else ""
    if codex.reads_environment(version):
        if port_of_ours(url) is None:
            said = "not set" if url is None else without_token(url)
            return CheckResult(
                "warning",
                f"OPENAI_BASE_URL is {said}, and Codex {version} follows it",
                "codex-plus run sets it for you; or export what codex-plus init prints",
            )
        return CheckResult("ok", "OPENAI_BASE_URL leads to the proxy")
    if url:
        return CheckResult(
            "warning",
            "OPENAI_BASE_URL is set, but Codex 0.120 and later ignore it",
            "unset it; codex-plus init is enough",
        )
    return CheckResult("ok", "no variable leads Codex elsewhere")


def port(around: Surroundings) -> CheckResult:
    """Who listens where Codex will connect."""
    found = around.listening
    where = f"127.0.0.1:{around.port}"
    if found.state == "other":
        return CheckResult(
            "error",
            f"{where}: in use by {found.owner or 'another program'}, which is no codex-plus proxy of yours",
            "end that program, or take another port: codex-plus init --port N",
        )
    if found.state == "free":
        return CheckResult("warning", f"{where}: nobody listens", "codex-plus serve, codex-plus run, or init --service")
    return CheckResult("ok", f"{where}: the proxy listens" + (f" ({found.owner})" if found.owner else ""))


def proxy(around: Surroundings) -> CheckResult:
    """What the running proxy says of itself."""
    if around.listening.state != "ours":
        return CheckResult("warning", "the proxy is not running, so its health is unknown", "codex-plus serve")
    health = around.listening.health
    status, version = health.get("status", "unknown"), health.get("version", "unknown")
    if status != "ok":
        return CheckResult("error", f"the proxy (version {version}) says: {status}", "restart it: codex-plus serve")
    store = health.get("store", "ok")
    if store != "ok":
        return CheckResult("warning", str(store), "free the disk or mend the state directory, then restart the proxy")
    return CheckResult("ok", f"the proxy is healthy (version {version})")


def plugins(around: Surroundings) -> CheckResult:
    """Which plugins there are and which are broken: the running proxy's, else as they load here."""
    running = around.listening.health.get("plugins") if around.listening.state == "ours" else None
    if isinstance(running, list):
        rows = [row for row in running if isinstance(row, dict)]
        names = [str(row.get("name")) for row in rows]
        broken = [f"{row.get('name')} ({row['reason']})" for row in rows if row.get("reason")]
        where = "in the running proxy"
    else:
        names = [plugin.name for plugin in around.loaded.plugins]
        broken = [f"{plugin.name} ({plugin.error})" for plugin in around.loaded.plugins if plugin.error]
        where = "as loaded here"
    shown = ", ".join(names) or "none"
    warned = [f"{plugin.name}: {warning}" for plugin in around.loaded.plugins for warning in plugin.warnings]
    if broken:
        return CheckResult("error", f"{where}: broken: {', '.join(broken)}", "update or uninstall what is broken")
    if warned:
        return CheckResult("warning", f"{where}: {shown}; but {'; '.join(warned)}", "tell the plugin's author")
    return CheckResult("ok", f"{where}: {shown}")


async def upstream(around: Surroundings) -> CheckResult:
    """Whether the backend can be reached from here."""
    from ..proxy.upstream import probe

    kind = codex.login(around.config_file.parent)
    url = around.asked_upstream or (CHATGPT if kind == "chatgpt" else API)
    status, said = await probe(url, 10.0)
    if status is None:
        return CheckResult("error", said, "check the network, HTTPS_PROXY and SSL_CERT_FILE")
    if "cf-mitigated" in said or "challenge" in said:
        fix = "try another network, or serve --impersonate with another browser"
        return CheckResult("error", f"{url}: {said}", fix)
    if status >= 500:
        return CheckResult("warning", f"{url}: answers with status {status}", "try again later")
    return CheckResult("ok", f"{url}: reached (status {status})")


def state_directory(around: Surroundings) -> CheckResult:
    """Whether our files are ours alone."""
    home = around.home
    if not home.exists():
        return CheckResult("ok", f"{home}: not there yet; made when it is needed")
    if os.name != "posix":
        return CheckResult("ok", f"{home}: exists")
    foreign, wide = [], []
    # Commands and settings of the user may be links and may be readable; what we keep secret may not.
    own = [home, *(home / name for name in ("token", "init.json", "state.db", "log", "backups", "cache"))]
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
    return CheckResult("ok", "every .pth file with code belongs to an installed package")


def _site_directories() -> list[Path]:
    found = [*site.getsitepackages(), site.getusersitepackages()] if hasattr(site, "getsitepackages") else []
    return [Path(name) for name in dict.fromkeys(found)]
