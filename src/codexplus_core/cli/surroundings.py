"""What the checks of `codex-plus doctor` look at, each part looked up once."""

from __future__ import annotations

import site
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..services import codex, codex_setup
from ..services.codex_config import KEY, parse, port_of_ours
from ..services.listener import Listening, look
from ..services.paths import codex_home, state_dir
from ..services.problem import Problem
from ..services.settings import DEFAULT_PORT
from .start import proxy_token


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
    def configured_port(self) -> int | None:
        """The proxy's port by Codex's configuration, None where that leads elsewhere or cannot be read."""
        try:
            return port_of_ours(self.config.get(KEY))
        except Problem:
            # The check of the configuration says so; the others look at what would be the default.
            return None

    @cached_property
    def port(self) -> int:
        """The port that is looked at."""
        return self.asked_port or self.configured_port or DEFAULT_PORT

    @cached_property
    def listening(self) -> Listening:
        """What is on that port."""
        secret = proxy_token(self.home) if (self.home / "token").exists() else ""
        return look(self.port, token=secret)

    @cached_property
    def running(self) -> dict[str, Any]:
        """What the running proxy says of itself, empty where none runs."""
        return self.listening.health if self.listening.state == "ours" else {}


def _site_directories() -> list[Path]:
    found = [*site.getsitepackages(), site.getusersitepackages()] if hasattr(site, "getsitepackages") else []
    return [Path(name) for name in dict.fromkeys(found)]
