"""``codex-plus usage``: what was used, what it cost, and what is left."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date
from pathlib import Path

from codexplus_core import Problem, open_core

from .periods import since_day
from .plan import plan_of
from .report import DIMENSIONS, report_of
from .table import sentences, table
from .usage import state_file


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `usage`."""
    parser.add_argument("--by", choices=DIMENSIONS, default="model", help="one row for each of these (default: model)")
    text = "a date, 7d, 2w, today, week, month, year or ever (default: month)"
    parser.add_argument("--since", metavar="WHEN", default="month", help=text)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Show it. Raises Problem for a day that is none, and for an account that cannot be read."""
    now = time.time()
    today = date.fromtimestamp(now)
    try:
        since = since_day(args.since, today)
    except ValueError:
        words = "expected a date such as 2026-11-01, 7d, 2w, today, week, month, year or ever"
        raise Problem(f"--since {args.since}: {words}", exit_code=2) from None
    with open_core() as core:
        plan = plan_of(core.config.user, Path.home())
    report = report_of(state_file(), plan, now, by=args.by, since=since)
    if args.json:
        print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    elif plan.bars:
        print(table(report, now, ascii_only=not _takes_blocks()))
    else:
        print(sentences(report, now))
    return 0


def _takes_blocks() -> bool:
    try:
        "█░…".encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
