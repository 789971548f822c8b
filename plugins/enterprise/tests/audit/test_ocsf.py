"""Records in OCSF, held against its definitions: what each class requires, of which type, out of which values.

From github.com/ocsf/ocsf-schema, by copies of several versions after 1.0: what is "required", the "at_least_one"
constraints and the numbers of `activity_id` in `events/{system,network,iam,discovery,application}/*.json`,
`events/base_event.json` and `objects/{metadata,product,process,file,device,network_endpoint}.json`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from codexplus_enterprise.audit.entry import Entry
from codexplus_enterprise.audit.formats import FORMATS
from codexplus_enterprise.audit.names import KINDS
from codexplus_enterprise.audit.record import Records

pytestmark = pytest.mark.req("E3")

BASE = {
    "activity_id": int, "category_uid": int, "class_uid": int, "metadata": dict, "severity_id": int, "time": int,
    "type_uid": int,
}  # fmt: skip
# class_uid: (its activities besides 0 and 99, what it requires besides BASE, of which one must be there)
CLASSES: dict[int, tuple[set[int], dict[str, type], tuple[str, ...]]] = {
    0: (set(), {}, ()),
    1001: (set(range(1, 15)), {"actor": dict, "device": dict, "file": dict}, ()),
    1007: (set(range(1, 6)), {"actor": dict, "device": dict, "process": dict}, ()),
    3002: (set(range(1, 6)), {"user": dict}, ("service", "dst_endpoint")),
    3005: ({1, 2, 3, 4}, {"user": dict}, ()),
    4001: (set(range(1, 8)), {}, ("dst_endpoint", "src_endpoint")),
    5002: ({1, 2}, {"device": dict}, ()),
    6002: ({1, 2, 3, 4}, {"app": dict}, ()),
    6003: ({1, 2, 3, 4}, {"actor": dict, "api": dict, "src_endpoint": dict}, ()),
}
# attribute: (what its object requires, of which one must be there)
OBJECTS: dict[str, tuple[dict[str, type], tuple[str, ...]]] = {
    "api": ({"operation": str}, ()),
    "app": ({"name": str, "vendor_name": str}, ()),
    "device": ({"type_id": int}, ("hostname", "ip", "uid", "name")),
    "dst_endpoint": ({}, ("ip", "uid", "name", "hostname", "svc_name")),
    "file": ({"name": str, "type_id": int}, ()),
    "http_response": ({"code": int}, ()),
    "metadata": ({"product": dict, "version": str}, ()),
    "process": ({}, ("pid", "uid")),
    "product": ({"name": str, "vendor_name": str}, ()),
    "service": ({}, ("name", "uid")),
    "session": ({}, ("uid",)),
    "src_endpoint": ({}, ("ip", "uid", "name", "hostname", "svc_name")),
    "user": ({}, ("account", "name", "uid")),
}
TYPES = {"duration": int, "exit_code": int, "message": str, "privileges": list, "status_detail": str, "unmapped": dict}
FULL = {
    "argv": ["/bin/ls", "-l"], "path": "/etc/hosts", "url": "https://user@host:8443/x", "pid": 12, "returncode": 0,
    "about": [{"title": "hook X"}], "tool": "shell", "server": "docs", "issuer": "https://login.example.com",
    "pack": "team", "status": 200, "seconds": 0.5,
}  # fmt: skip


def told(action: str, outcome: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    line = Records(lambda value: value, stream="serve", version="0.1.0").line(
        Entry(action, outcome, fields=fields, **more)
    )
    record = {**json.loads(line + b"}"), "event.sequence": 7, "event.hash": "ab" * 32}
    found: dict[str, Any] = json.loads(FORMATS["ocsf"](record))
    return found


def held_against(name: str, value: dict[str, Any], required: dict[str, type], one_of: tuple[str, ...]) -> None:
    for attribute, kind in required.items():
        assert type(value.get(attribute)) is kind, (name, attribute, value)
    assert not one_of or any(value.get(attribute) for attribute in one_of), (name, one_of, value)
    for attribute, inner in value.items():
        assert inner not in ("", {}), (name, attribute)
        if isinstance(inner, dict) and attribute in OBJECTS:
            held_against(attribute, inner, *OBJECTS[attribute])
        assert attribute not in TYPES or type(inner) is TYPES[attribute], (name, attribute)


@pytest.mark.parametrize("fields", [{}, FULL], ids=["nothing", "everything"])
@pytest.mark.parametrize("action", [*sorted(KINDS), "pack.remove", "something.else"])
def test_every_record_has_what_its_class_requires_of_the_right_type(action: str, fields: dict[str, Any]) -> None:
    for outcome in ("success", "failure", "denied", "asked", "unknown"):
        found = told(action, outcome, fields)

        activities, required, one_of = CLASSES[found["class_uid"]]
        held_against(action, found, {**BASE, **required}, one_of)
        assert found["activity_id"] in activities | {0, 99}
        assert found["type_uid"] == 100 * found["class_uid"] + found["activity_id"]
        assert found["category_uid"] == found["class_uid"] // 1000
        assert found["severity_id"] in {0, 1, 2, 3, 4, 5, 6, 99}
        assert found["status_id"] in {0, 1, 2, 99}


def test_what_is_not_known_is_left_out() -> None:
    found = told("process.run", "success", {"argv": ["/bin/ls"]})

    assert "exit_code" not in found
    assert found["process"] == {
        "cmd_line": "/bin/ls", "file": {"name": "ls", "path": "/bin/ls", "type_id": 1}, "uid": "serve/7",
    }  # fmt: skip
    assert "session" not in found["actor"]


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://user@host:8443/x", {"hostname": "host", "port": 8443}),
        ("https://host/x:1", {"hostname": "host"}),
        ("http://[::1]:80/", {"hostname": "[::1]", "port": 80}),
        ("http://[::1]/", {"hostname": "[::1]"}),
        ("https://host:99999/", {"hostname": "host:99999"}),
    ],
)
def test_an_endpoint_is_a_host_and_a_port(url: str, endpoint: dict[str, object]) -> None:
    assert told("network.connect", "success", {"url": url})["dst_endpoint"] == endpoint
