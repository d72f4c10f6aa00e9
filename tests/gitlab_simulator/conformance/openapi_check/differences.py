"""Where the contract overrules GitLab's OpenAPI document.

The document is generated: a field whose entity names no type is written as `string`, null is hardly ever mentioned,
a list is described by its element, and some statuses are the generator's defaults. The contract was read from the
implementation. Every difference stands in `overrules.py` with its reason, and an entry that no exchange needed fails
the check, so that the list cannot outlive its causes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .document import Operation


@dataclass(frozen=True)
class Field:
    """Fields (`Component.field`) whose values the contract describes otherwise: by this JSON schema."""

    places: tuple[str, ...]
    schema: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class Lists:
    """Operations that answer with an array of the documented element."""

    operations: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Answer:
    """Operations that answer with another component than the documented one."""

    operations: tuple[str, ...]
    component: str
    reason: str


@dataclass(frozen=True)
class Status:
    """Operations whose success status is another one than the documented one."""

    operations: tuple[str, ...]
    documented: int
    actual: int
    reason: str


@dataclass(frozen=True)
class Parameter:
    """Parameters that operations accept though the document does not name them (or names another kind)."""

    operations: tuple[str, ...]
    names: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class ErrorFields:
    """Operations whose errors carry more than the message."""

    operations: tuple[str, ...]
    fields: tuple[str, ...]
    reason: str


Difference = Field | Lists | Answer | Status | Parameter | ErrorFields


class Differences:
    """The list, and which of its entries were needed."""

    def __init__(self, entries: Iterable[Difference]) -> None:
        self._all: set[str] = set()
        self._used: set[str] = set()
        self._fields: dict[str, list[dict[str, Any]]] = {}
        self._lists: set[str] = set()
        self._answers: dict[str, str] = {}
        self._statuses: dict[tuple[str, int], int] = {}
        self._parameters: set[tuple[str, str]] = set()
        self._error_fields: dict[str, tuple[str, ...]] = {}
        for entry in entries:
            self._add(entry)

    def _add(self, entry: Difference) -> None:
        match entry:
            case Field(places, schema, _):
                for place in places:
                    self._fields.setdefault(place, []).append(schema)
                    self._all.add(f"field {place}")
            case Lists(operations, _):
                self._lists.update(operations)
                self._all.update(f"list {operation}" for operation in operations)
            case Answer(operations, component, _):
                self._answers.update(dict.fromkeys(operations, component))
                self._all.update(f"answer {operation}" for operation in operations)
            case Status(operations, documented, actual, _):
                self._statuses.update({(operation, actual): documented for operation in operations})
                self._all.update(f"status {operation} {actual}" for operation in operations)
            case Parameter(operations, names, _):
                pairs = {(operation, name) for operation in operations for name in names}
                self._parameters |= pairs
                self._all.update(f"parameter {operation} {name}" for operation, name in pairs)
            case ErrorFields(operations, fields, _):
                self._error_fields.update(dict.fromkeys(operations, fields))
                self._all.update(f"error fields {operation}" for operation in operations)

    def explains_field(self, place: str, value: Any, fits: Callable[[Any, dict[str, Any]], bool]) -> bool:
        """Whether the contract allows this value at a place where the document does not."""
        if any(fits(value, schema) for schema in self._fields.get(place, [])):
            self._used.add(f"field {place}")
            return True
        return False

    def answer_schema(self, operation: Operation, schema: dict[str, Any]) -> dict[str, Any]:
        """The documented schema, or what the contract puts in its place."""
        if operation.name in self._answers:
            self._used.add(f"answer {operation.name}")
            schema = {"$ref": f"#/components/schemas/{self._answers[operation.name]}"}
        if operation.name in self._lists:
            self._used.add(f"list {operation.name}")
            schema = {"type": "array", "items": schema}
        return schema

    def documented_status(self, operation: Operation, status: int) -> int | None:
        """The documented status in whose place the contract puts this one."""
        documented = self._statuses.get((operation.name, status))
        if documented is not None:
            self._used.add(f"status {operation.name} {status}")
        return documented

    def explains_parameter(self, operation: Operation, name: str) -> bool:
        """Whether the contract names a parameter that the document lacks."""
        if (operation.name, name) not in self._parameters:
            return False
        self._used.add(f"parameter {operation.name} {name}")
        return True

    def error_fields(self, operation: Operation) -> tuple[str, ...]:
        """Fields that errors of this operation carry beside the message."""
        fields = self._error_fields.get(operation.name, ())
        if fields:
            self._used.add(f"error fields {operation.name}")
        return fields

    def unused(self) -> list[str]:
        """Entries (each operation and place by itself) that no exchange needed."""
        return sorted(self._all - self._used)

    def __len__(self) -> int:
        return len(self._all)
