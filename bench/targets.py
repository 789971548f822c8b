"""What is measured: the upstream itself, nginx, the simplest proxies of the same parts, and codex-plus."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .process import ROOT, Processes, Started, free_port

PLUGINS = ("slash", "hooks", "mcp", "enterprise")
REWRITING = "rewriting"

_NGINX = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  tcp_nodelay on;
  client_max_body_size 0;
  client_body_buffer_size 2m;
  client_body_temp_path {work}/nginx-body;
  proxy_temp_path {work}/nginx-proxy;
  fastcgi_temp_path {work}/nginx-fastcgi;
  uwsgi_temp_path {work}/nginx-uwsgi;
  scgi_temp_path {work}/nginx-scgi;
  keepalive_requests 1000000;
  map $http_upgrade $connection_up {{ default upgrade; "" ""; }}
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 300; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_up;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 900s;
    }}
  }}
}}
"""


class Missing(Exception):
    """A target that is not there; the message is why."""


def start(name: str, processes: Processes, upstream: int) -> Started:
    """Start a target in front of the upstream's port. Raises Missing where this machine does not have it."""
    port = free_port()
    makers: dict[str, Callable[[Path, int, int], list[str]]] = {
        "nginx": _nginx,
        "simple": lambda work, port, upstream: _simple(port, upstream),
        "simple-async": lambda work, port, upstream: [*_simple(port, upstream), "async"],
        "bare": lambda work, port, upstream: [sys.executable, "-m", "bench.bare", str(port), str(upstream)],
    }
    env: dict[str, str] = {}
    if name in makers:
        argv = makers[name](processes.work, port, upstream)
    else:
        argv = serving(port, upstream, plugins_of(name))
        env = {"CODEX_PLUS_HOME": str(processes.work / f"state-{port}")}
        if REWRITING in plugins_of(name):
            env["PYTHONPATH"] = _entry_point(processes.work)
    try:
        return processes.start(name, argv, port, env)
    except RuntimeError as error:
        raise Missing(str(error)) from error


def plugins_of(name: str) -> str:
    """The value of ``--plugins`` for a target ``codex-plus`` or ``codex-plus+NAME``."""
    product, _, with_plugin = name.partition("+")
    if product != "codex-plus":
        known = "nginx, simple, simple-async, codex-plus, codex-plus+PLUGIN"
        raise Missing(f"no target {name!r}; there are direct, {known}")
    return ",".join(PLUGINS) if with_plugin == "all" else with_plugin or "none"


def _nginx(work: Path, port: int, upstream: int) -> list[str]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise Missing("nginx is not installed")
    conf = work / "nginx.conf"
    conf.write_text(_NGINX.format(work=work, port=port, upstream=upstream), encoding="utf-8")
    return [program, "-p", str(work), "-c", str(conf)]


def _simple(port: int, upstream: int) -> list[str]:
    return [sys.executable, "-m", "bench.simple_proxy", str(port), f"http://127.0.0.1:{upstream}"]


def serving(port: int, upstream: int, plugins: str) -> list[str]:
    """The command line of a proxy with these plugins, parted by commas."""
    return [
        sys.executable, "-m", "codexplus_core.cli", "serve", "--port", str(port),
        "--upstream", f"http://127.0.0.1:{upstream}/v1", "--plugins", plugins, "--log-level", "error",
    ]  # fmt: skip


def _entry_point(work: Path) -> str:
    """A folder that makes the bench's own plugin one that is installed."""
    folder = work / "site"
    info = folder / "codex_plus_bench-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: codex-plus-bench\nVersion: 0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[codexplus.plugins]\n{REWRITING} = bench.rewriting\n", encoding="utf-8")
    return f"{folder}:{ROOT}"


def versions() -> str:
    """The programs that take part, with their versions."""
    found = [f"Python {sys.version.split()[0]}"]
    for name in ("codex-plus", "uvloop", "curl_cffi", "hypercorn", "starlette"):
        found.append(f"{name} {importlib.metadata.version(name)}")
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is not None:
        said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
        found += re.findall(r"nginx/[\d.]+", said)[:1]
    return ", ".join(found)
