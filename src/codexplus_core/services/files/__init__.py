"""The one door for files that a user or a model named, and for the places that such names may mean."""

from __future__ import annotations

from .chosen import list_chosen, open_chosen
from .content import IMAGE_LIMIT, kind_of, text_of
from .door import Judge, Listing, Opened, RuleAsks, list_named, open_named
from .plain import LIMIT, CannotOpen, read_file
from .reference import Reference, lines_of, reference_of
from .saving import CannotSave, save_new
from .scan import Found, find_files

__all__ = [
    "IMAGE_LIMIT",
    "LIMIT",
    "CannotOpen",
    "CannotSave",
    "Found",
    "Judge",
    "Listing",
    "Opened",
    "Reference",
    "RuleAsks",
    "find_files",
    "kind_of",
    "lines_of",
    "list_chosen",
    "list_named",
    "open_chosen",
    "open_named",
    "read_file",
    "reference_of",
    "save_new",
    "text_of",
]
