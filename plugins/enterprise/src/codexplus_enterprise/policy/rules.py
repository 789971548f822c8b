"""What the settings in force say about models, endpoints and versions, ready to be asked."""

from __future__ import annotations

from typing import Any

from .endpoints import Endpoints
from .models import Models
from .versions import BadRange, Versions


class Rules:
    """The rules of one view of the settings; None where a list is not set, which allows everything."""

    __slots__ = ("any", "endpoints", "models", "settings", "versions")

    def __init__(self, settings: Any) -> None:
        """``settings`` is a view of ``core.config``."""
        self.settings = settings
        models, endpoints = settings.get("security.modelAllowlist"), settings.get("security.endpointAllowlist")
        self.models = Models(models) if isinstance(models, list) else None
        self.endpoints = Endpoints(endpoints) if isinstance(endpoints, list) else None
        self.versions = _versions(settings.get("codex.versions"))
        self.any = not (self.models is None and self.endpoints is None and self.versions is None)
        """Whether there is anything to judge by."""


def _versions(text: Any) -> Versions | None:
    if not isinstance(text, str):
        return None
    try:
        return Versions(text)
    except BadRange:
        # The settings' own check has refused it already; what cannot be read allows nothing.
        return Versions("<0")
