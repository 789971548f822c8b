from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.proxy.decode import BadBody, decode, precheck

MIB = 1024 * 1024


def zstd(body: bytes) -> bytes:
    # As Codex does it: a stream whose frame does not tell the size of its content.
    stream = zstandard.ZstdCompressor(level=3).compressobj()
    return stream.compress(body) + stream.flush()


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


ENCODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"zstd": zstd,
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"identity": bytes,
}
COMPRESSING = [b"zstd", b"gzip", b"deflate"]
bodies = st.binary(max_size=2000) | st.builds(lambda part, n: part * n, st.binary(max_size=20), st.integers(0, 20_000))


def refused(raw: bytes, encoding: bytes, *, limit: int = 64 * MIB) -> tuple[int, str]:
    with pytest.raises(BadBody) as caught:
        decode(raw, encoding, limit=limit)
    return caught.value.status, caught.value.code


@pytest.mark.wire("W1")
@given(bodies, st.lists(st.sampled_from(sorted(ENCODERS)), max_size=3))
def test_what_was_encoded_is_decoded_through_any_chain(body: bytes, chain: list[bytes]) -> None:
    raw = body
    for name in chain:
        raw = ENCODERS[name](raw)

    assert decode(raw, b", ".join(chain)) == body


@given(bodies, st.sampled_from(COMPRESSING), st.data())
def test_a_truncated_body_is_refused_and_never_a_shorter_one(body: bytes, name: bytes, data: st.DataObject) -> None:
    raw = ENCODERS[name](body)
    cut = data.draw(st.integers(1, len(raw) - 1))

    assert refused(raw[:cut], name) == (400, "body")


# No first byte of a further gzip member, zstd frame or skippable frame.
garbage = st.binary(min_size=1, max_size=50).filter(lambda tail: tail[0] not in b"\x1f\x28" + bytes(range(0x50, 0x60)))


@given(bodies, st.sampled_from(COMPRESSING), garbage)
def test_what_follows_a_body_is_refused(body: bytes, name: bytes, tail: bytes) -> None:
    assert refused(ENCODERS[name](body) + tail, name) == (400, "body")


@given(st.binary(max_size=300), st.sampled_from(COMPRESSING))
def test_any_bytes_are_decoded_or_refused(raw: bytes, name: bytes) -> None:
    try:
        decode(raw, name, limit=MIB)
    except BadBody as bad:
        assert bad.status in (400, 413)


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=5), st.sampled_from([b"zstd", b"gzip"]))
def test_several_frames_are_one_body(parts: list[bytes], name: bytes) -> None:
    assert decode(b"".join(map(ENCODERS[name], parts)), name) == b"".join(parts)


def test_skippable_frames_are_skipped() -> None:
    skippable = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"

    assert decode(skippable + zstd(b"x") + skippable, b"zstd") == b"x"


def test_deflate_without_its_header_is_read_too() -> None:
    assert decode(raw_deflate(b"hello" * 100), b"deflate") == b"hello" * 100


def test_names_are_read_whatever_their_case_and_spaces() -> None:
    assert decode(zstd(gzip.compress(b"x")), b" GZIP ,, Zstd,identity") == b"x"


@pytest.mark.parametrize("encoding", [b"", b"identity", b"zstd", b"gzip", b"gzip, zstd"])
def test_an_empty_body_is_empty(encoding: bytes) -> None:
    assert decode(b"", encoding) == b""


@pytest.mark.wire("W1")
def test_an_unencoded_body_is_not_copied() -> None:
    raw = b"x" * 100

    assert decode(raw) is raw


@pytest.mark.parametrize("encoding", [b"br", b"compress", b"gzip, br", b"gzip;q=1", b"gzip, gzip, gzip, gzip"])
def test_codings_that_are_not_known_are_refused_before_the_body_is_read(encoding: bytes) -> None:
    with pytest.raises(BadBody) as caught:
        precheck(encoding, None)

    assert caught.value.status == 415
    assert refused(b"x", encoding) == (415, "content_encoding")


@pytest.mark.abuse("A17")
def test_a_body_that_is_said_to_be_too_large_is_refused_before_it_is_read() -> None:
    precheck(b"zstd", 64 * MIB)

    with pytest.raises(BadBody) as caught:
        precheck(b"zstd", 10 * 1024 * MIB)

    assert caught.value.status == 413


@pytest.mark.abuse("A18")
@given(st.integers(0, 3000), st.sampled_from(sorted(ENCODERS)), st.integers(0, 3000))
def test_the_limit_is_exact(size: int, name: bytes, limit: int) -> None:
    raw = ENCODERS[name](b"a" * size)
    fits = size <= limit and len(raw) <= limit

    if fits:
        assert decode(raw, name, limit=limit) == b"a" * size
    else:
        assert refused(raw, name, limit=limit) == (413, "body_too_large")


def bomb(name: bytes, size: int) -> bytes:
    stream = zstandard.ZstdCompressor(level=3).compressobj() if name == b"zstd" else zlib.compressobj(9, wbits=31)
    return b"".join(stream.compress(bytes(MIB)) for _ in range(size // MIB)) + stream.flush()


@pytest.mark.abuse("A18")
@pytest.mark.parametrize("name", [b"zstd", b"gzip"])
def test_a_bomb_is_refused_within_the_limit_and_a_little(name: bytes) -> None:
    raw = bomb(name, 256 * MIB)
    limit = 16 * MIB

    tracemalloc.start()
    try:
        verdict = refused(raw, name, limit=limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert verdict == (413, "body_too_large")
    assert peak < 2 * limit


@pytest.mark.abuse("A18")
def test_a_bomb_within_a_bomb_is_stopped_at_its_first_stage() -> None:
    assert refused(gzip.compress(bomb(b"zstd", 256 * MIB)), b"zstd, gzip", limit=16 * MIB) == (413, "body_too_large")


@pytest.mark.abuse("A18")
@pytest.mark.parametrize(("name", "part"), [(b"zstd", zstd(b"")), (b"gzip", gzip.compress(b"", mtime=0))])
def test_very_many_empty_frames_are_refused(name: bytes, part: bytes) -> None:
    assert refused(part * 5000, name) == (400, "body")


@pytest.mark.abuse("A19")
def test_a_frame_with_a_very_large_window_is_refused() -> None:
    params = zstandard.ZstdCompressionParameters(window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=params).compressobj()
    raw = stream.compress(b"x") + stream.flush()

    assert zstandard.get_frame_parameters(raw).window_size == 128 * MIB
    assert refused(raw, b"zstd") == (400, "body")


def test_the_window_of_codexs_own_frames_fits() -> None:
    raw = zstd(b"".join(n.to_bytes(4, "big") for n in range(2_000_000)))

    assert zstandard.get_frame_parameters(raw).window_size == 2 * MIB
    assert len(decode(raw, b"zstd")) == 8_000_000


def test_damage_is_found_where_a_frame_has_a_checksum() -> None:
    raw = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(b"hello" * 10))
    raw[-1] ^= 1

    assert refused(bytes(raw), b"zstd") == (400, "body")
