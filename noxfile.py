"""The checks that must be green: `nox` runs all of them in order, `nox -s NAME` one, `nox -l` lists them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox
from nox.command import CommandFailed

PLUGINS = ("slash", "hooks", "mcp", "enterprise")
EVERYTHING = ("-r", "requirements-dev.txt")
TESTING = ("pytest>=9.2", "pytest-asyncio>=1.5", "pytest-xdist>=3.8", "hypothesis>=6.170")
CODE = ("src", *(f"plugins/{name}/src" for name in PLUGINS), "examples/codex-plus-ping/codexplus_ping.py")
BENCHES = ("audit", "bridge", "governed", "hooks", "keys", "mcp", "packs", "redact", "run", "sandbox")
LIST_ENTRY_POINTS = """
from importlib.metadata import entry_points
print(*sorted(entry.name for entry in entry_points(group="codexplus.plugins")))
"""

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "lint", "types", "each_plugin", "wheels", "docs", "speed", "e2e"]


@nox.session
def tests(session: nox.Session) -> None:
    """Core, plugins and the example, all installed."""
    session.install(*EVERYTHING)
    session.run("python", "-m", "pytest", "-q", "-n", "auto", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff's rules and format."""
    session.install("ruff>=0.17")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    session.install(*EVERYTHING)
    session.run("mypy", *CODE)
    session.run("mypy", "noxfile.py", "conftest.py", "bench")
    # Tests need no annotations; what they say about the code is checked all the same.
    session.run("mypy", "--allow-untyped-defs", "--allow-incomplete-defs", "--allow-untyped-calls", "tests")


@nox.session
@nox.parametrize("plugin", [nox.param(name, id=name) for name in PLUGINS])
def each_plugin(session: nox.Session, plugin: str) -> None:
    """One plugin with the core and without the other three."""
    session.install("-e", ".", "-e", f"plugins/{plugin}", *TESTING)
    # The recorded sessions, thousands of steps, are played in full by the other tests' run.
    here = ("--ignore-glob=*test_conformance.py", f"plugins/{plugin}/tests")
    session.run("python", "-m", "pytest", "-q", "-n", "auto", *here)
    listed = session.run("codex-plus", "serve", "--plugins", "list", silent=True)
    if set(str(listed).split()) & set(PLUGINS) != {plugin}:
        session.error(f"serve --plugins list should name {plugin} and none of the other three:\n{listed}")


@nox.session
def wheels(session: nox.Session) -> None:
    """The five wheels, installed together in an environment that has never seen the source tree."""
    folder = Path(session.create_tmp()).resolve()
    for old in folder.glob("*.whl"):
        old.unlink()
    session.install("build>=1.6", "hatchling>=1.27")
    for source in (".", *(f"plugins/{name}" for name in PLUGINS)):
        session.run("python", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), source, silent=True)
    built = sorted(path.name for path in folder.glob("*.whl"))
    if len(built) != 1 + len(PLUGINS):
        session.error(f"expected {1 + len(PLUGINS)} wheels, found {built}")

    bin_folder = clean_install(session, folder, "codex-plus[all]")
    with session.chdir("/"):
        found = session.run(
            str(bin_folder / "python"), "-I", "-c",
            LIST_ENTRY_POINTS,
            silent=True, external=True,
        )  # fmt: skip
        if str(found).split() != sorted(PLUGINS):
            session.error(f"expected the entry points of {PLUGINS}, found {found}")
        session.run(str(bin_folder / "codex-plus"), "--help", silent=True, external=True)
        session.run(str(bin_folder / "codex-plus"), "serve", "--plugins", "list", external=True)


def clean_install(session: nox.Session, wheels: Path, what: str) -> Path:
    """Install from the folder of wheels into an environment made anew; returns where its programs are."""
    clean = wheels / "clean"
    bin_folder = clean / ("Scripts" if os.name == "nt" else "bin")
    ours = ("--find-links", str(wheels), what)
    if session.venv_backend == "uv":
        # The version stays while the files change: look at our own again, keep the cache for the rest.
        again = [
            arg
            for name in ("", *(f"-{name}" for name in PLUGINS))
            for arg in ("--refresh-package", f"codex-plus{name}")
        ]
        session.run("uv", "venv", "-q", "--clear", "--python", session.bin + "/python", str(clean), external=True)
        session.run("uv", "pip", "install", "-q", "--python", str(clean), *again, *ours, external=True)
    else:
        session.run("python", "-m", "venv", "--clear", str(clean))
        session.run(str(bin_folder / "python"), "-m", "pip", "install", "-q", *ours, external=True)
    return bin_folder


@nox.session
def docs(session: nox.Session) -> None:
    """What the documents say, checked."""
    session.install(*EVERYTHING)
    session.run("python", "docs/build_reference.py", "--check")
    documents = ("tests/contract/test_docs.py", "tests/contract/test_docs_plugins.py")
    session.run("python", "-m", "pytest", "-q", *documents, "tests/contract/test_docs_reference.py")


@nox.session
def speed(session: nox.Session) -> None:
    """The proxy's CPU for a request and an event, held against a bare loop's; fails only when it is far off."""
    session.install("-e", ".")
    session.run("python", "-m", "bench.check", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """What the proxy adds, next to nginx and other proxies: `nox -s bench -- --quick`; or one of the others."""
    session.install(*EVERYTHING)
    what, *more = session.posargs or ["run"]
    if what in BENCHES:
        session.run("python", "-m", f"bench.{what}", *more)
    else:
        session.run("python", "-m", "bench.run", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Many more examples, new ones each time: commands against real shells and the like, or the tests that you name."""
    session.install(*EVERYTHING)
    tests = session.posargs or ("tests/services/permissions", "tests/services/sandbox/test_denied.py")
    session.run("python", "-m", "pytest", "-q", *tests, env={"HYPOTHESIS_PROFILE": "thorough"})


@nox.session
def e2e(session: nox.Session) -> None:
    """Real Codex binaries behind the proxy; CODEX_PLUS_E2E_CODEX names a folder of VERSION/node_modules/.bin/codex."""
    if not os.environ.get("CODEX_PLUS_E2E_CODEX"):
        session.skip("CODEX_PLUS_E2E_CODEX names no folder of Codex binaries; .ci/run makes one")
    session.install(*EVERYTHING)
    env = {"CODEX_PLUS_E2E_MCP": os.environ.get("CODEX_PLUS_E2E_MCP") or str(mcp_servers(session))}
    cache = Path(session.create_tmp()).resolve() / "pytest"
    shutil.rmtree(cache, ignore_errors=True)
    # Every home of a Codex is tens of megabytes; those of tests that passed are of no use.
    options = ("-o", f"cache_dir={cache}", "-o", "tmp_path_retention_policy=failed")
    tests = ("python", "-m", "pytest", "-q", *options, "tests/e2e", *session.posargs)
    try:
        # They wait for Codex more than they work.
        session.run(*tests, "-n", "4", "--dist", "worksteal", env=env)
    except CommandFailed:
        # A real terminal on a machine that others use too can miss its moment: it is looked at once more, alone.
        session.run(*tests, "--last-failed", env=env)


def mcp_servers(session: nox.Session) -> Path:
    """Install the MCP servers that nobody here wrote, from npm and PyPI; returns the folder they are in."""
    wanted = Path("tests/e2e/mcp_servers").resolve()
    folder = Path(session.create_tmp()).resolve() / "mcp-servers"
    python = folder / "python"
    install: tuple[str, ...] = (str(python / "bin/python"), "-m", "pip", "install", "-q")
    folder.mkdir(exist_ok=True)
    shutil.copy(wanted / "package.json", folder)
    session.run(
        "npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error",
        external=True, silent=True,
    )  # fmt: skip
    if session.venv_backend == "uv":
        session.run("uv", "venv", "-q", "--clear", "--python", session.bin + "/python", str(python), external=True)
        install = ("uv", "pip", "install", "-q", "--python", str(python / "bin/python"))
    else:
        session.run("python", "-m", "venv", "--clear", str(python))
    session.run(*install, "-r", str(wanted / "requirements.txt"), external=True)
    return folder


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Which lines and branches no test reaches."""
    session.install(*EVERYTHING)
    session.run("coverage", "run", "-m", "pytest", "-q", *session.posargs)
    session.run("coverage", "report", "--show-missing", "--skip-covered")
