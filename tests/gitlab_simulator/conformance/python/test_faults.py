"""How python-gitlab takes the faults that the simulator makes on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gitlab
import pytest
import requests

pytestmark = pytest.mark.simulator_only


@pytest.fixture
def fault(admin, server) -> Iterator[Callable[..., None]]:
    """Arms a fault for one request: `fault("status", "GET", "/version")`."""
    url = f"{server.url}/-/simulator/faults"

    def fault(kind: str, method: str, path: str, **options: Any) -> None:
        data = {"kind": kind, "method": method, "path": path, "count": 1, **options}
        admin.session.post(url, json=data, timeout=15).raise_for_status()

    yield fault
    admin.session.delete(url, timeout=15).raise_for_status()


def unavailable(fault: Callable[..., None]) -> None:
    """The next request for the version is answered with 503."""
    fault("status", "GET", "/api/v4/version$", status=503, body={"message": "503 Service Unavailable"})


def test_a_fault_strikes_once(admin, fault):
    unavailable(fault)
    with pytest.raises(gitlab.GitlabHttpError) as failure:
        admin.http_get("/version")
    assert (failure.value.response_code, failure.value.error_message) == (503, "503 Service Unavailable")
    assert "version" in admin.http_get("/version")


def test_transient_errors_are_retried_when_the_client_is_told_to(admin, fault):
    unavailable(fault)
    assert "version" in admin.http_get("/version", retry_transient_errors=True)


def test_a_limit_is_obeyed(admin, fault):
    fault("status", "GET", "/api/v4/version$", status=429, headers={"Retry-After": "0"}, body="Retry later\n")
    assert "version" in admin.http_get("/version")


def test_a_cut_connection_is_retried_when_the_client_is_told_to(admin, fault):
    fault("cut", "GET", "/api/v4/version$")
    with pytest.raises(requests.ConnectionError):
        admin.http_get("/version")
    fault("cut", "GET", "/api/v4/version$")
    assert "version" in admin.http_get("/version", retry_transient_errors=True)


def test_a_lost_answer_took_effect(fault, group):
    fault("lost_answer", "POST", f"/groups/{group.id}/variables$")
    with pytest.raises(requests.ConnectionError):
        group.variables.create({"key": "A", "value": "1"})
    assert group.variables.get("A").value == "1"


def test_garbage_is_no_answer(admin, fault):
    fault("garbage", "GET", "/application/settings$")
    with pytest.raises(gitlab.GitlabParsingError):
        admin.settings.get()
