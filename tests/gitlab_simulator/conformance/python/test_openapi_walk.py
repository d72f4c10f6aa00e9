"""Calls every operation of GitLab's OpenAPI document that is simulated; the answers are compared with it afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest

from openapi_calls import API, CALLS, World
from openapi_check.document import Document, Operation
from openapi_check.not_simulated import NOT_SIMULATED

DOCUMENT = Document(Path(os.environ["GITLAB_OPENAPI"]))
UNKNOWN_PATH = {"error": "404 Not Found"}


@pytest.fixture
def world(new_group, new_project, new_user, new_name, token_of, admin, certificate_clusters) -> World:
    """What operations need, with certificate-based clusters switched on."""
    return World(new_group, new_project, new_user, new_name, token_of, admin)


def is_simulated(operation: Operation) -> bool:
    """Whether the simulator answers this operation."""
    return operation.template not in NOT_SIMULATED


def operations(simulated: bool) -> list[pytest.param]:
    """The document's operations of one of the two kinds, named for the report."""
    return [pytest.param(one, id=one.name) for one in DOCUMENT.operations if is_simulated(one) is simulated]


@pytest.mark.parametrize("operation", operations(simulated=True))
def test_every_simulated_operation_succeeds(world, connect, operation):
    assert operation.name in CALLS, f"{operation.name} stands neither in CALLS nor in NOT_SIMULATED"
    call = CALLS[operation.name]
    client = connect(world.token_of(world.new_user(), ["api"])) if call.by_own_token else world.admin
    values = {name: quote(str(value), safe="") for name, value in call.values(world).items()}
    path = operation.template.removeprefix(API).format(**values)
    body = call.body(world) if call.body else None
    answer = client.http_request(operation.method.lower(), path, query_data=call.query(world), post_data=body)
    assert answer.status_code < 300


@pytest.mark.simulator_only
@pytest.mark.parametrize("operation", operations(simulated=False))
def test_what_is_not_simulated_is_an_unknown_path_or_method(admin, project, server, operation):
    names = ("hook_id", "agent_id", "token_id", "url_configuration_id", "user_id", "member_id")
    values = {"id": project.id, "key": "a", "name": "a", "file_path": "a", "branch": "a", **dict.fromkeys(names, 1)}
    url = server.url + operation.template.format(**values)
    headers = {"PRIVATE-TOKEN": server.admin_token}
    answer = admin.session.request(operation.method, url, headers=headers, timeout=15)
    assert answer.status_code in (404, 405)
    if answer.status_code == 404 and operation.method != "HEAD":
        assert answer.json() == UNKNOWN_PATH


def test_both_lists_name_only_what_the_document_has():
    names = {one.name for one in DOCUMENT.operations}
    assert set(CALLS) <= names
    assert set(NOT_SIMULATED) <= set(DOCUMENT.templates)
