"""What a head says of its body."""

from __future__ import annotations

import pytest

from codexplus_core.proxy.kinds import is_zstd
from codexplus_core.proxy.transport import Headers


@pytest.mark.wire("W1")
@pytest.mark.parametrize(
    ("headers", "zstd"),
    [
        ([(b"content-encoding", b"zstd")], True), ([(b"x", b"y"), (b"Content-Encoding", b" ZSTD ")], True),
        ([(b"content-encoding", b"gzip")], False), ([(b"content-type", b"zstd")], False), ([], False),
    ],
)  # fmt: skip
def test_a_compressed_body_is_told_however_its_header_is_written(headers: Headers, zstd: bool) -> None:
    assert is_zstd(headers) == zstd
