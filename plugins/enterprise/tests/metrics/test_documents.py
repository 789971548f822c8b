"""The dashboard and the alert rules name what is really measured; a real Prometheus answers them in tests/e2e."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from codexplus_enterprise.metrics.names import COUNTED, LOOKED_UP

DOCUMENTS = Path(__file__).parents[4] / "docs/enterprise"
KNOWN = {
    name
    for one in (*COUNTED, *LOOKED_UP)
    for name in (
        [f"{one.family}_{end}" for end in ("bucket", "sum", "count")] if one.kind == "histogram" else [one.sample]
    )
}
MENTIONED = re.compile(r"\b((?:codexplus|gen_ai|process)_[a-z_]+)\b(?=\{|\[|\)| |,|$)")
# As label names: `by (gen_ai_request_model)`, `label_values(…, instance)`.
LABELS = {label for one in (*COUNTED, *LOOKED_UP) for label in one.label_names}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCUMENTS / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return found


def rules() -> list[dict[str, Any]]:
    read = YAML(typ="safe", pure=True).load((DOCUMENTS / "prometheus-rules.yml").read_text(encoding="utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


def unknown(expression: str) -> set[str]:
    return set(MENTIONED.findall(expression)) - KNOWN - LABELS


def test_every_query_of_the_dashboard_asks_for_what_is_measured() -> None:
    queries = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]

    assert len(queries) > 30
    assert {query: names for query in queries if (names := unknown(query))} == {}


def test_panels_have_ids_of_their_own_and_do_not_lie_on_each_other() -> None:
    panels = dashboard()["panels"]
    cells: set[tuple[int, int]] = set()

    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not mine & cells and place["x"] + place["w"] <= 24
        cells |= mine


def test_every_rule_asks_for_what_is_measured_and_every_alert_says_what_it_means() -> None:
    found = rules()

    assert {rule["expr"]: names for rule in found if (names := unknown(rule["expr"]))} == {}
    alerts = [rule for rule in found if "alert" in rule]
    assert [rule["alert"] for rule in alerts if not rule["annotations"]["summary"]] == []
    assert {rule["labels"]["severity"] for rule in alerts} <= {"info", "warning", "critical"}


def test_the_promises_alerts_have_the_promises_numbers() -> None:
    text = {rule["alert"]: rule["expr"] for rule in rules() if "alert" in rule}

    assert "> 0.05 " in text["CodexPlusLatencyP95"]
    assert "> 0.085 " in text["CodexPlusLatencyP99"]
    assert "> 0.0001 " in text["CodexPlusBrokenStreams"]
    assert "< 0.999" in text["CodexPlusUptime"]


def test_the_document_lists_every_instrument_with_its_labels_and_its_meaning() -> None:
    text = (DOCUMENTS / "metrics.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) \| (.*) \|$", text, re.MULTILINE)

    assert listed == [
        (one.sample, one.kind, ", ".join(f"`{label}`" for label in one.label_names) or "–", one.text)
        for one in (*COUNTED, *LOOKED_UP)
    ]
