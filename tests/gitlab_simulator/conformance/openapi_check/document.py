"""GitLab's OpenAPI document: its operations, and which of them a request is."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

METHODS = ("get", "head", "post", "put", "patch", "delete")
SCHEMA_PREFIX = "#/components/schemas/"


@dataclass(frozen=True)
class Operation:
    """One method of one path template."""

    method: str
    template: str
    description: dict[str, Any] = field(compare=False, hash=False, repr=False)

    @property
    def name(self) -> str:
        """How tables and the list of differences call it: `GET /api/v4/projects/{id}`."""
        return f"{self.method} {self.template}"

    def query_parameters(self) -> dict[str, dict[str, Any]]:
        """Schemas of the query parameters by name."""
        parameters = self.description.get("parameters", [])
        return {p["name"]: p["schema"] for p in parameters if p["in"] == "query"}

    def body_schema(self) -> dict[str, Any] | None:
        """Schema of the request body; the same for each content type the document offers."""
        content = self.description.get("requestBody", {}).get("content", {})
        return next((media["schema"] for media in content.values()), None)

    def answer_schema(self, status: int) -> dict[str, Any] | None:
        """Schema of the answer with this status; None where the document describes no body."""
        response = self.description["responses"].get(str(status), {})
        return next((media.get("schema") for media in response.get("content", {}).values()), None)

    def success_statuses(self) -> set[int]:
        """The documented statuses below 400."""
        return {int(status) for status in self.description["responses"] if int(status) < 400}


class Document:
    """The parsed document. Object schemas are closed, so that a field GitLab does not have is found too."""

    def __init__(self, path: Path) -> None:
        parsed = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        self.schemas: dict[str, Any] = {
            name: _closed(schema) for name, schema in parsed["components"]["schemas"].items()
        }
        self.operations: list[Operation] = [
            Operation(method.upper(), template, item[method])
            for template, item in sorted(parsed["paths"].items())
            for method in METHODS
            if method in item
        ]
        self.templates: list[str] = sorted(parsed["paths"])

    def find(self, method: str, path: str) -> Operation | None:
        """The operation of a request; templates with more literal segments win (`…/members/all`)."""
        candidates = [
            operation
            for operation in self.operations
            if operation.method == method and _matches(operation.template, path)
        ]
        return min(candidates, key=lambda o: o.template.count("{"), default=None)

    def resolve(self, schema: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Follows a reference: the component's name, if it is one, and its schema."""
        reference = schema.get("$ref")
        if reference is None:
            return None, schema
        name = reference.removeprefix(SCHEMA_PREFIX)
        return name, self.schemas[name]

    def places(self, schema: dict[str, Any], path: list[str | int]) -> tuple[str, str]:
        """Names what `path` points to within a value of `schema`: as a field and as an object of its own.

        The second differs from the first where a component is: `APIEntitiesMember.created_by` is an
        `APIEntitiesUserBasic`.
        """
        component, current = self.resolve(schema)
        place = inside = component or "inline"
        for step in path:
            if isinstance(step, int):
                component, current = self.resolve(current.get("items", {}))
            else:
                component, current = self.resolve(current.get("properties", {}).get(step, {}))
                place = f"{inside}.{step}"
            inside = component or place
        return place, inside


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Forbids undeclared fields in every object that declares some."""
    closed = copy.deepcopy(schema)
    waiting: list[Any] = [closed]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            if isinstance(node.get("properties"), dict) and node.get("type") == "object":
                node.setdefault("additionalProperties", False)
            waiting.extend(node.values())
    return closed


def _matches(template: str, path: str) -> bool:
    expected = template.strip("/").split("/")
    actual = path.strip("/").split("/")
    if len(expected) != len(actual):
        return False
    return all(e.startswith("{") or e == unquote(a) for e, a in zip(expected, actual, strict=True))
