"""Failures in the API's own words."""

from __future__ import annotations

import json

import pytest

from codexplus_core.protocol.errors import error_body, failed_response, upstream_failure


def test_an_error_body_has_the_apis_shape() -> None:
    body = json.loads(error_body("refused", "not allowed"))

    assert body == {
        "error": {"message": "not allowed", "type": "invalid_request_error", "param": None, "code": "refused"}
    }


@pytest.mark.parametrize(
    ("kind", "status"), [("timeout", 504), ("dns", 502), ("connect", 502), ("tls", 502), ("protocol", 502)]
)
def test_a_missing_upstream_is_a_gateway_error_that_says_what_happened(kind: str, status: int) -> None:
    failure = upstream_failure(kind, "api.example.com: what, and what to do")

    assert failure.status == status
    assert json.loads(failure.body())["error"] == {
        "message": "api.example.com: what, and what to do",
        "type": "server_error",
        "param": None,
        "code": f"upstream_{kind}",
    }


def test_a_failed_response_names_its_error_and_holds_nothing_else() -> None:
    response = failed_response("resp_1", "invalid_prompt", "no", "m")

    assert (response["status"], response["output"], response["model"]) == ("failed", [], "m")
    assert response["error"] == {"code": "invalid_prompt", "message": "no"}
