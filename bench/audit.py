"""How many records a second the audit log takes: `python -m bench.audit`, on the disk of the folder it is given."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

from codexplus_core.services.redact import Redactor
from codexplus_enterprise.audit.entry import Entry
from codexplus_enterprise.audit.files import Files
from codexplus_enterprise.audit.record import Records
from codexplus_enterprise.audit.verify import verify
from codexplus_enterprise.audit.writer import Means, Writer

LEAST = 20_000
"""Records a second that the log must take."""
KEY = b"k" * 32
Made = Callable[[int], tuple[str, str, dict[str, Any]]]
"""The action, source and fields of the record of this number."""


def request(number: int) -> tuple[str, str, dict[str, Any]]:
    """A request of the model, as most records are."""
    return "model.request", "", {
        "method": "POST", "endpoint": "/responses", "transport": "http", "status": 200, "seconds": number / 997,
        "origin": "user", "answered_by": "upstream", "model": "gpt-5.3-codex", "rounds": 1,
        "input_tokens": 12345 + number, "cached_tokens": 1234, "output_tokens": 345,
    }  # fmt: skip


def program(number: int) -> tuple[str, str, dict[str, Any]]:
    """A program with a long command line, which differs each time."""
    words = f"docker run --rm --name job-{number} -e LEVEL={number} -v /srv/data:/data:ro --user build image:{number}"
    argv = [*words.split(), "python3", "-c", f"import sys; print({number}); sys.exit(0)", "--", f"/data/{number}.csv"]
    return "process.run", "slash command /report", {"argv": argv, "cwd": "/home/user/project", "level": "lsm"}


def call(number: int) -> tuple[str, str, dict[str, Any]]:
    """A tool call of the model; of its arguments only a digest is kept."""
    arguments = {"command": ["bash", "-lc", f"git log -{number} --oneline | head -20"], "workdir": "/home/user/project"}
    return "tool.call", "", {"tool": "shell", "call_id": f"call_{number:024x}", "arguments": arguments}


def hook(number: int) -> tuple[str, str, dict[str, Any]]:
    """A run of a hook."""
    return "hook.run", "/home/user/project/.claude/settings.json", {
        "hook": "PreToolUse: .claude/hooks/check.sh", "event": "PreToolUse", "digest": "5e" * 32, "scope": "project",
        "result": "allowed", "seconds": number / 9973,
    }  # fmt: skip


KINDS: dict[str, Made] = {"request": request, "program": program, "call": call, "hook": hook}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--decisions", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's folder for such)")
    parser.add_argument("--check", action="store_true", help=f"exit 1 below {LEAST} records a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        place = Path(folder)
        rates = {}
        for kind, made in KINDS.items():
            rates[kind], cpu, put = traffic(place, made, options.records)
            print(f"{kind:9} {rates[kind]:>10,.0f} records/s  {cpu:>6.1f} µs CPU each, {put:.1f} µs where it happens")
        waits = decisions(place, options.decisions)
        cuts = quantiles(waits, n=100)
        print(f"decisions {1e3 * cuts[49]:>10.2f} ms p50  {1e3 * cuts[98]:>10.2f} ms p99, on disk each")
        began = time.perf_counter()
        streams, findings = verify(place, [KEY])
        seen = sum(stream.records for stream in streams)
        print(f"verify    {seen / (time.perf_counter() - began):>10,.0f} records/s  {len(findings)} findings")
    slow = [f"{kind} {rate:,.0f}" for kind, rate in rates.items() if rate < LEAST]
    if findings or (options.check and slow):
        sys.exit(f"below {LEAST:,} records a second: {', '.join(slow) or 'none'}; {len(findings)} findings")


def traffic(folder: Path, made: Made, count: int) -> tuple[float, float, float]:
    """Records a second until all are on disk, CPU time of each in µs, and how much of it who reports pays."""
    session, turns = str(uuid.uuid4()), [str(uuid.uuid4()) for _ in range(count)]
    facts = [made(number) for number in range(count)]
    writer = _writer(folder, count)
    began, used, own = time.perf_counter(), time.process_time(), time.thread_time()
    for turn, (action, source, fields) in zip(turns, facts, strict=True):
        entry = Entry(
            action, "success", source=source, session=session, thread=session, turn=turn,
            workspace="/home/user/project", fields=fields,
        )  # fmt: skip
        writer.put(entry)
    own = time.thread_time() - own
    writer.close(60)
    took = time.perf_counter() - began
    return writer.written / took, 1e6 * (time.process_time() - used) / count, 1e6 * own / count


def decisions(folder: Path, count: int) -> list[float]:
    """Seconds that each of these waits until it is on disk."""
    writer = _writer(folder, count)
    waits = []
    for number in range(count):
        entry = Entry("process.run", "success", decision=True, fields={"argv": ["/usr/bin/git", "log", f"-{number}"]})
        began = time.perf_counter()
        writer.put_now(entry, needed=True).done.result(30)
        waits.append(time.perf_counter() - began)
    writer.close(60)
    return waits


def _writer(folder: Path, most: int) -> Writer:
    means = Means(
        lambda: (Files(folder, "serve"), KEY),
        lambda stream: Records(Redactor().value, stream=stream, version="0.1.0"),
        lambda event, fields: print(event, fields, file=sys.stderr),
        lambda lines: None,
        lambda head: None,
        {},
    )
    writer = Writer(means, fsync_s=0.2, rotate_bytes=64 << 20, keep_days=30, head_s=0, most=most + 1)
    writer.start()
    return writer


if __name__ == "__main__":
    main()
