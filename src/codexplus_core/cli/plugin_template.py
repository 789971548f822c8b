"""The files of a new plugin: what `codex-plus plugin new` writes."""

from __future__ import annotations

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "codex-plus-{name}"
version = "0.1.0"
description = "A codex-plus plugin that answers /{name}"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["codex-plus>=0.1,<0.2"]

[project.optional-dependencies]
dev = ["pytest>=9.2", "pytest-asyncio>=1.5", "mypy>=2.4", "ruff>=0.17"]

# Installing the package is enough to load it: codex-plus finds this entry.
[project.entry-points."codexplus.plugins"]
{name} = "{module}"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]

[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
filterwarnings = ["error"]
pythonpath = ["src"]

[tool.mypy]
strict = true
mypy_path = ["$MYPY_CONFIG_FILE_DIR/src"]

[tool.ruff]
line-length = 120
src = ["src"]
"""

_MODULE = '''\
"""Answers the prompt `/{name}` without asking the model."""

from __future__ import annotations

from codexplus_core import Exchange, LocalReply, hookimpl

# Requests pass plugins with lower numbers first: hooks 20, slash 40, this one 50, mcp 60, enterprise 90.
ORDER = 50


@hookimpl
async def on_request(exchange: Exchange) -> LocalReply | None:
    """Answer `/{name}`; leave every other request as it is."""
    # In the terminal a space is typed first, because Codex rejects slash names that it does not know.
    if (exchange.prompt or "").strip() != "/{name}":
        return None
    return LocalReply("Hello from {name}.")
'''

_TEST = '''\
"""The plugin in a proxy over a scripted model; no account and no network are needed."""

from __future__ import annotations

from typing import Literal

import pytest
from codexplus_core.testing import Harness

import {module}

Transport = Literal["http", "websocket"]

# Codex before 0.120 speaks HTTP, later versions a WebSocket where they can: a plugin works over both.
pytestmark = pytest.mark.parametrize("transport", ["http", "websocket"])


async def test_{function}_is_answered_without_the_model(transport: Transport) -> None:
    async with Harness(plugins=[{module}], transport=transport) as proxy:
        answer = await proxy.say("/{name}")

    assert answer.text == "Hello from {name}."
    assert proxy.upstream.turns == []


async def test_a_space_before_it_does_not_matter(transport: Transport) -> None:
    async with Harness(plugins=[{module}], transport=transport) as proxy:
        answer = await proxy.say(" /{name}")

    assert answer.text == "Hello from {name}."


async def test_other_prompts_go_to_the_model(transport: Transport) -> None:
    async with Harness(plugins=[{module}], transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.text != "Hello from {name}."
    assert len(proxy.upstream.turns) == 1
'''

_README = """\
# codex-plus-{name}

A plugin for codex-plus that answers `/{name}` in Codex.

    pip install .                        # with the pip of codex-plus's own environment
    codex-plus serve --plugins list      # shows it, with its order
    codex-plus stop                      # a proxy that runs already does not know it yet
    codex-plus init                      # once
    codex-plus run                       # Codex behind the proxy; type a space, then /{name}

Where codex-plus was installed by `pipx` or `uv tool`, that environment is not the active one: use
`pipx inject codex-plus .`, or `uv tool install --with . FOLDER` with codex-plus's own folder.

## Working on it

    pip install -e ".[dev]"
    pytest && ruff check . && mypy src tests

`src/{module}/__init__.py` holds the hooks and nothing else; logic belongs in modules beside it.
A hook takes any of its arguments, as `def` or `async def`. What hooks there are, and what each may return, is written
in the docstrings of `codexplus_core.hookspecs`.
"""


def files(name: str) -> dict[str, str]:
    """Each file of the plugin ``name`` by its place in the package."""
    function = name.replace("-", "_")
    module = f"codexplus_{function}"
    texts = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        f"src/{module}/__init__.py": _MODULE,
        f"src/{module}/py.typed": "",
        f"tests/test_{function}.py": _TEST,
    }
    return {place: text.format(name=name, module=module, function=function) for place, text in texts.items()}
