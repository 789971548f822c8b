"""What users saw and what models were sent, kept on this machine: one file a session, a line an exchange."""

from __future__ import annotations

from .account import Account
from .service import Limits, Transcripts, limits_of

__all__ = ["Account", "Limits", "Transcripts", "limits_of"]
