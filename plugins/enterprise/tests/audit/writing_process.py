"""A process that writes records as fast as it can, until somebody kills it; run by a test."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from codexplus_enterprise.audit.entry import Entry
from codexplus_enterprise.audit.files import Files
from codexplus_enterprise.audit.record import Records
from codexplus_enterprise.audit.writer import Means, Writer

KEY = b"k" * 32
WAITING = 3000


def main() -> None:
    """Write to the folder that is named; a line on standard output for each decision that is on the disk."""
    folder = Path(sys.argv[1])
    most = int(sys.argv[2])
    filler = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    means = Means(
        lambda: (Files(folder, "serve"), KEY),
        lambda stream: Records(lambda value: value, stream=stream),
        lambda event, fields: print(event, fields["reason"], flush=True),
        lambda lines: None,
        lambda head: None,
        {},
    )
    # Tried again for a decision only: an attempt amid what is lost would take up records that count as taken.
    writer = Writer(means, fsync_s=0.02, rotate_bytes=1 << 20, keep_days=30, head_s=0, most=2000, again_s=3600.0)
    writer.start()
    number = 0
    while True:
        number += 1
        for _ in range(50):
            writer.put(Entry("model.request", "success", fields={"model": "gpt-5", "turns": number}))
        kept = Entry("process.run", "success", decision=True, fields={"number": number})
        if not writer.put_now(kept, needed=True).done.result(30):
            print(f"kept {number}", flush=True)
        elif most or filler:
            print(f"refused {writer.problem}", flush=True)
            # More than may wait: what is lost is to be told.
            taken = sum(
                writer.put(Entry("model.request", "success", fields={"model": "gpt-5"})) for _ in range(WAITING)
            )
            print(f"lost {WAITING - taken} {writer.dropped}", flush=True)
            if most:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            if filler:
                filler.unlink()
            most, filler = 0, None


if __name__ == "__main__":
    main()
