"""What `serve` was told: by its options, and by the settings files below them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..services.config import Config, Settings, policy_place
from ..services.problem import Problem


def overrides(args: Namespace, upstream: str | None) -> dict[str, Any]:
    """The options that were given, in the shape of a settings file."""
    way_up = {"url": upstream, "impersonate": args.impersonate, "websockets": args.websockets}
    sections = {"upstream": way_up, "log": {"level": args.log_level, "format": args.log_format}}
    given = {name: {key: value for key, value in said.items() if value is not None} for name, said in sections.items()}
    return {name: said for name, said in given.items() if said}


def user_settings(env: Mapping[str, str], told: Mapping[str, Any]) -> Settings:
    """The settings of the user, below what was told and the administrator's policy.

    Raises BadPolicy, and Problem where an upstream is set that cannot be used: another one would see the requests.
    """
    found = Config(Path(env.get("HOME") or Path.home()), told, env=env, policy=policy_place()).user
    wrong = found.explain("upstream.url").warnings
    if wrong and found.value("upstream.url") is None:
        raise Problem(str(wrong[0]), exit_code=2)
    return found


def said_by(found: Settings, key: str, option: str) -> str:
    """Where the value comes from, as a message names it."""
    value = found.value(key)
    return option if value is None or value.origin.file is None else f"{value.origin}: {key}"
