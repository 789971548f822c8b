"""The chain over records: what seals them, and what a line must be to be one."""

from __future__ import annotations

import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_enterprise.audit.chain import FIRST, BadLine, Chain, open_line


@given(st.binary(min_size=16, max_size=200), st.lists(st.dictionaries(st.text(), st.text()), min_size=1, max_size=5))
def test_every_line_carries_the_keyed_digest_of_itself_and_of_the_one_before(
    key: bytes, contents: list[dict[str, str]]
) -> None:
    chain, previous = Chain(key), FIRST

    for number, content in enumerate(contents, 1):
        line = chain.seal(json.dumps({"@timestamp": "now", "x": content})[:-1].encode())
        link = open_line(line)

        assert (link.sequence, link.previous) == (number, previous)
        assert link.fields["x"] == content
        assert link.sealed_by(key)
        assert not link.sealed_by(key + b"!")
        assert link.hash == hmac.digest(key, b"codexplus-audit/1\n" + link.body, "sha256").hex()
        previous = link.hash


@given(st.data())
def test_a_line_with_any_other_byte_in_it_is_no_record_of_that_key(data: st.DataObject) -> None:
    line = Chain(b"k" * 32).seal(b'{"event.action":"process.run","process.args":["rm"]')
    at = data.draw(st.integers(0, len(line) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != line[at] and value != 0x0A))

    changed = line[:at] + bytes([byte]) + line[at + 1 :]

    try:
        assert not open_line(changed).sealed_by(b"k" * 32)
    except BadLine:
        return


@pytest.mark.parametrize("line", [b"", b"\n", b"{}\n", b'{"a":1}\n', b"\0" * 300, b"[" * 5000 + b',"event.hash":"'])
def test_what_is_no_record_is_told_apart(line: bytes) -> None:
    with pytest.raises(BadLine):
        open_line(line)
