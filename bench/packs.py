"""What signed packs cost: verifying one, looking whether it changed, and having none. Prints milliseconds."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import minisign  # type: ignore[import-untyped]

from codexplus_core.services.config import Config
from codexplus_core.testing import Log
from codexplus_enterprise.packs import building
from codexplus_enterprise.packs.keyring import Key, Keyring
from codexplus_enterprise.packs.provider import Packs
from codexplus_enterprise.packs.signing import key_id
from codexplus_enterprise.packs.store import Store
from codexplus_enterprise.packs.verify import verify

SIZES = ((20, 2_000), (200, 5_000), (2_000, 8_000))
"""(files, bytes of each)."""


class _Core:
    def __init__(self, home: Path) -> None:
        self.config = Config(home, env={"HOME": str(home)})
        self.log = Log()


def median_ms(call: Callable[[], object], times: int) -> float:
    """The median of so many calls, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def measure(root: Path, files: int, size: int, times: int) -> None:
    """Print what one pack costs."""
    pair = minisign.KeyPair.generate()
    public = pair.public_key.to_base64().decode()
    made = root / f"made-{files}"
    for number in range(files):
        path = made / "commands" / f"c{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number % 250]) * size)
    building.build(made, building.Wanted("bench"), now=time.time())
    building.sign_pack(made, bytes(pair.secret_key), None)
    keyring = Keyring((Key("bench", public, key_id(public), "bench"),))
    home = root / f"home-{files}"
    Store(home / ".codexplus/packs").install(verify(made, keyring, now=time.time()))
    settings = home / ".codexplus/settings.json"
    settings.write_text(f'{{"packs": {{"keys": {{"bench": "{public}"}}}}}}', encoding="utf-8")
    packs = Packs(_Core(home), env={"HOME": str(home)}, every_s=0.0)  # type: ignore[arg-type]
    assert len(packs.files()) == files
    verified = median_ms(lambda: verify(made, keyring, now=time.time()), times)
    time.sleep(2.1)  # until a change is sure to show in the time stamps
    packs.files()
    looked = median_ms(packs.files, times)
    print(f"{files} files, {files * size / 1e6:.2f} MB: verify {verified:.2f} ms, look {looked:.3f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        for files, size in SIZES:
            measure(Path(folder), files, size, times)
        none = Packs(_Core(Path(folder) / "none"), env={"HOME": folder}, every_s=0.0)  # type: ignore[arg-type]
        print(f"no pack: look {median_ms(none.files, 1000):.4f} ms, at most twice a second")


if __name__ == "__main__":
    main()
