"""Secrets are taken out of logs, audit records, transcripts, errors and of what codex-plus adds to a conversation."""

from .patterns import UserPattern
from .processor import redacting
from .redactor import Redactor
from .stream import RedactingStream

__all__ = ["RedactingStream", "Redactor", "UserPattern", "redacting"]
