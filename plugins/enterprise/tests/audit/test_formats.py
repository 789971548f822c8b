"""Records in the words of other systems, read back as those systems read them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_enterprise.audit.entry import Entry
from codexplus_enterprise.audit.formats import FORMATS
from codexplus_enterprise.audit.names import KINDS
from codexplus_enterprise.audit.record import Records

pytestmark = pytest.mark.req("E3")

_SYSLOG = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<time>\S+) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<pid>[!-~]{1,128})"
    r" (?P<id>[!-~]{1,32}) \[codexplus@32473(?P<facts>(?: [a-z]+=\"(?:[^\"\\\]]|\\[\"\\\]])*\")*)\] (?P<message>\{.*\})"
)
_FACT = re.compile(r" ([a-z]+)=\"((?:[^\"\\\]]|\\[\"\\\]])*)\"")


def record(action: str = "process.run", outcome: str = "success", **more: Any) -> dict[str, Any]:
    line = Records(lambda value: value, stream="serve", version="0.1.0").line(Entry(action, outcome, **more))
    made: dict[str, Any] = json.loads(line + b"}")
    return {**made, "event.sequence": 7, "event.hash": "ab" * 32}


@given(st.text(), st.text(), st.sampled_from(sorted(FORMATS)))
def test_no_words_of_anybody_make_a_second_line(reason: str, source: str, form: str) -> None:
    said = FORMATS[form](record(reason=reason, source=source, fields={"argv": [reason, source]}))

    assert len(said.splitlines()) == 1


@given(st.text())
def test_syslog_is_read_back_as_rfc_5424_has_it(reason: str) -> None:
    made = record(outcome="denied", reason=reason)

    found = _SYSLOG.fullmatch(FORMATS["syslog"](made))

    assert found is not None
    assert found["pri"] == str(13 * 8 + 4)
    assert json.loads(found["message"]) == made
    facts = dict(_FACT.findall(found["facts"]))
    assert facts["verdict"] == "denied"
    told = "".join(one if one.isprintable() else " " for one in made.get("event.reason", ""))
    assert re.sub(r"\\([\"\\\]])", r"\1", facts.get("reason", "")) == told


@given(st.text())
def test_cef_is_read_back_with_every_value_in_its_key(reason: str) -> None:
    made = record(outcome="denied", reason=reason)

    said = FORMATS["cef"](made)

    head = re.split(r"(?<!\\)\|", said, maxsplit=7)
    assert head[:3] == ["CEF:0", "codex-plus", "codex-plus"]
    assert (head[4], head[6]) == ("process.run", "6")
    pairs = dict(re.findall(r"(?:^| )([a-zA-Z0-9]+)=((?:\\.|[^\\=])*?)(?= [a-zA-Z0-9]+=|$)", head[7]))
    assert pairs["outcome"] == "denied"
    assert pairs["externalId"] == "serve/7"


@pytest.mark.parametrize("action", [*sorted(KINDS), "something.else"])
@pytest.mark.parametrize("outcome", ["success", "failure", "denied", "asked", "unknown"])
def test_ocsf_has_what_every_event_of_it_must_have(action: str, outcome: str) -> None:
    fields = {"argv": ["/bin/ls"], "path": "/etc/hosts", "url": "https://user@host:1/x", "about": [{"title": "hook X"}]}

    found = json.loads(FORMATS["ocsf"](record(action, outcome, fields=fields)))

    assert found["type_uid"] == found["class_uid"] * 100 + found["activity_id"]
    assert found["class_uid"] // 1000 == found["category_uid"]
    assert found["status_id"] == {"success": 1, "failure": 2, "denied": 2}.get(outcome, 0)
    assert found["time"] > 1_700_000_000_000
    assert found["metadata"]["version"] == "1.4.0"
    assert found["metadata"]["product"]["vendor_name"] == "codex-plus"
    assert found["severity_id"] in (1, 2, 3, 4)
    wanted = {1001: "file", 1007: "process", 3002: "user", 3005: "privileges", 4001: "dst_endpoint", 6002: "app"}
    assert wanted.get(found["class_uid"], "actor") in found
    if found["class_uid"] == 6003:
        assert found["api"]["operation"]
        assert found["src_endpoint"]["ip"] == "127.0.0.1"


def test_ecs_opens_the_dotted_names() -> None:
    found = json.loads(FORMATS["ecs"](record(fields={"argv": ["/bin/ls", "-l"]})))

    assert found["event"]["action"] == "process.run"
    assert found["process"]["args"] == ["/bin/ls", "-l"]
    assert found["@timestamp"].endswith("Z")
