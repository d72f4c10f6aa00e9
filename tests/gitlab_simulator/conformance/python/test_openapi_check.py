"""The comparison with an OpenAPI document finds what it is there for; shown on a small document of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openapi_check.differences import Answer, Differences, ErrorFields, Field, Lists, Parameter, Status
from openapi_check.document import Document
from openapi_check.exchanges import Exchange
from openapi_check.validation import Validation

DOCUMENT = """
openapi: 3.0.0
paths:
  /api/v4/things:
    get:
      parameters:
      - {name: size, in: query, schema: {type: integer}}
      responses: {'200': {content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}}
  /api/v4/things/{id}:
    get:
      responses: {'200': {content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}}
    put:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Change'}}}}
      responses: {'200': {content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}}
    delete:
      responses: {'200': {content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}}
  /api/v4/things/all:
    get:
      responses: {'204': {}}
components:
  schemas:
    Thing:
      type: object
      properties:
        name: {type: string}
        owner: {$ref: '#/components/schemas/Owner'}
        seen_at: {type: string, format: date-time}
    Owner:
      type: object
      properties: {name: {type: string}}
    Other:
      type: object
      properties: {title: {type: string}}
    Change:
      type: object
      properties: {name: {type: string}}
"""


@pytest.fixture
def document(tmp_path: Path) -> Document:
    """The small document."""
    path = tmp_path / "document.yaml"
    path.write_text(DOCUMENT, encoding="utf-8")
    return Document(path)


def exchange(method: str, path: str, status: int, body: Any, query: Any = (), request_body: Any = None) -> Exchange:
    """An exchange as the suites record them."""
    return Exchange("a test", method, f"/api/v4{path}", list(query), request_body, status, "application/json", body)


def violations(document: Document, one: Exchange, differences: Differences | None = None) -> list[str]:
    """Where the exchange violates the document."""
    validation = Validation(document, differences or Differences([]))
    operation = document.find(one.method, one.path)
    assert operation is not None
    return sorted({violation.where for violation in validation.violations(operation, one)})


def test_literal_segments_win_over_parameters(document):
    assert document.find("GET", "/api/v4/things/all").template == "/api/v4/things/all"
    assert document.find("GET", "/api/v4/things/a%2Fb").template == "/api/v4/things/{id}"
    assert document.find("GET", "/api/v4/things/a/b") is None


def test_a_good_answer_is_no_violation(document):
    good = {"name": "a", "owner": {"name": "b"}, "seen_at": "2026-01-31T10:00:00.000Z"}
    assert violations(document, exchange("GET", "/things/1", 200, good)) == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"name": 1}, "Thing.name"),
        ({"name": None}, "Thing.name"),
        ({"seen_at": "yesterday"}, "Thing.seen_at"),
        ({"nickname": "a"}, "Thing.nickname"),
        ({"owner": {"name": 1}}, "Owner.name"),
        ({"owner": {"nickname": "a"}}, "Owner.nickname"),
        ({"owner": None}, "Thing.owner"),
        ([], "Thing"),
    ],
)
def test_bad_answers_are_violations(document, body, where):
    assert violations(document, exchange("GET", "/things/1", 200, body)) == [where]


def test_an_undocumented_status_is_a_violation(document):
    assert violations(document, exchange("GET", "/things/1", 202, {})) == ["status"]


def test_errors_have_one_of_the_two_shapes(document):
    for body in ({"message": "a"}, {"message": ["a"]}, {"message": {"name": ["a"]}}, {"error": "a"}):
        assert violations(document, exchange("GET", "/things/1", 400, body)) == []
    for body in (None, {}, [], {"message": "a", "error": "a"}, {"message": 1}, {"error": ["a"]}, {"reason": "a"}):
        assert violations(document, exchange("GET", "/things/1", 400, body)) == ["error body"]


def test_parameters_are_checked_when_they_worked(document):
    bad = [("size", "much"), ("colour", "blue")]
    assert violations(document, exchange("GET", "/things/1", 200, {}, [("page", "2")])) == []
    assert violations(document, exchange("GET", "/things/1", 400, {"error": "a"}, bad)) == []
    in_list = Differences([Lists(("GET /api/v4/things",), "a reason")])
    assert violations(document, exchange("GET", "/things", 200, [], bad), in_list) == [
        "query parameter colour",
        "query parameter size",
    ]
    change = exchange("PUT", "/things/1", 200, {}, request_body={"name": 1, "colour": "blue"})
    assert violations(document, change) == ["body parameter colour", "body parameter name"]


def test_differences_explain_and_unused_ones_are_named(document):
    differences = Differences(
        [
            Field(("Thing.name", "Thing.owner"), {"type": "integer"}, "a reason"),
            Lists(("GET /api/v4/things",), "a reason"),
            Answer(("GET /api/v4/things",), "Other", "a reason"),
            Status(("DELETE /api/v4/things/{id}",), documented=200, actual=204, reason="a reason"),
            Parameter(("GET /api/v4/things",), ("colour",), "a reason"),
            ErrorFields(("GET /api/v4/things",), ("entries",), "a reason"),
        ]
    )
    explained = [
        exchange("GET", "/things/1", 200, {"name": 1}),
        exchange("GET", "/things", 200, [{"title": "a"}], [("colour", "blue")]),
        exchange("DELETE", "/things/1", 204, None),
        exchange("GET", "/things", 400, {"message": "a", "entries": []}),
    ]
    assert [violations(document, one, differences) for one in explained] == [[], [], [], []]
    assert differences.unused() == ["field Thing.owner"]


def test_a_difference_explains_only_what_it_says(document):
    differences = Differences([Field(("Thing.name",), {"type": "integer"}, "a reason")])
    assert violations(document, exchange("GET", "/things/1", 200, {"name": None}), differences) == ["Thing.name"]
