"""Compares one exchange with the document; what the list of differences explains is no violation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from .differences import Differences
from .document import Document, Operation
from .exchanges import Exchange

# Accepted by every endpoint (contract 1.1, 1.2, 1.5), although the document names them only here and there.
COMMON_PARAMETERS = {"page", "per_page", "pagination", "cursor", "sudo", "private_token", "access_token"}

TEXT_OR_STRUCTURE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "object"}]}
# Contract 1.3: an error has either `message` (text, list or object) or `error`, the latter with OAuth's own fields.
ERROR_BODY = {
    "oneOf": [
        {
            "type": "object",
            "properties": {"message": TEXT_OR_STRUCTURE},
            "required": ["message"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("error", "error_description", "scope")},
            "required": ["error"],
            "additionalProperties": False,
        },
    ]
}
TEXT_STATUSES = {301, 429}


@dataclass(frozen=True)
class Violation:
    """One place at which an exchange contradicts the document and the contract."""

    exchange: Exchange
    where: str
    what: str

    def __str__(self) -> str:
        request = f"{self.exchange.method} {self.exchange.path} -> {self.exchange.status}"
        return f"{request}: {self.where}: {self.what} [{self.exchange.test}]"


class Validation:
    """Validates exchanges, and remembers which differences it needed."""

    def __init__(self, document: Document, differences: Differences) -> None:
        self._document = document
        self._differences = differences
        self._root = {"components": {"schemas": document.schemas}}

    def violations(self, operation: Operation, exchange: Exchange) -> Iterator[Violation]:
        """Everything wrong with this exchange."""
        if exchange.succeeded:
            yield from self._request(operation, exchange)
            yield from self._answer(operation, exchange)
        else:
            yield from self._error(operation, exchange)

    def _request(self, operation: Operation, exchange: Exchange) -> Iterator[Violation]:
        """Parameters that worked must be ones that GitLab documents, of the documented kind."""
        declared = operation.query_parameters()
        body_schema = operation.body_schema()
        # Body parameters may be sent in the query (contract 1.2).
        if body_schema is not None:
            declared = {**self._document.resolve(body_schema)[1].get("properties", {}), **declared}
        for name, value in exchange.query:
            plain = re.sub(r"\[.*", "", name)
            schema = declared.get(name) or declared.get(plain)
            if plain in COMMON_PARAMETERS or self._differences.explains_parameter(operation, plain):
                continue
            if schema is None:
                yield Violation(exchange, f"query parameter {name}", "not in the document")
            elif not _query_value_fits(schema, value):
                yield Violation(exchange, f"query parameter {name}", f"{value!r} does not fit {schema}")
        if isinstance(exchange.request_body, dict):
            yield from self._request_body(operation, exchange, body_schema)

    def _request_body(
        self, operation: Operation, exchange: Exchange, schema: dict[str, Any] | None
    ) -> Iterator[Violation]:
        declared = {} if schema is None else self._document.resolve(schema)[1].get("properties", {})
        declared = {**operation.query_parameters(), **declared}
        for name, value in exchange.request_body.items():
            if name in COMMON_PARAMETERS or self._differences.explains_parameter(operation, name):
                continue
            if name not in declared:
                yield Violation(exchange, f"body parameter {name}", "not in the document")
                continue
            for error in self._validator(declared[name]).iter_errors(value):
                yield Violation(exchange, f"body parameter {name}", error.message)

    def _answer(self, operation: Operation, exchange: Exchange) -> Iterator[Violation]:
        status = exchange.status
        if status not in operation.success_statuses():
            documented = self._differences.documented_status(operation, status)
            if documented is None:
                yield Violation(exchange, "status", f"documented are {sorted(operation.success_statuses())}")
                return
            status = documented
        if exchange.status == 204:
            if exchange.body is not None:
                yield Violation(exchange, "body", "a 204 has none")
            return
        schema = operation.answer_schema(status)
        if schema is None:
            return
        schema = self._differences.answer_schema(operation, schema)
        yield from self._value(exchange, schema, exchange.body)

    def _value(self, exchange: Exchange, schema: dict[str, Any], value: Any) -> Iterator[Violation]:
        if schema.get("type") == "array" and isinstance(value, list):
            for element in value:
                yield from self._value(exchange, schema["items"], element)
            return
        for error in self._validator(schema).iter_errors(value):
            yield from self._unexplained(exchange, schema, error)

    def _unexplained(self, exchange: Exchange, schema: dict[str, Any], error: Any) -> Iterator[Violation]:
        place, inside = self._document.places(schema, list(error.absolute_path))
        if error.validator == "additionalProperties":
            for name in set(error.instance) - set(error.schema.get("properties", {})):
                if not self._differences.explains_field(f"{inside}.{name}", error.instance[name], _fits):
                    yield Violation(exchange, f"{inside}.{name}", "the document has no such field")
        elif not self._differences.explains_field(place, error.instance, _fits):
            yield Violation(exchange, place, error.message)

    def _error(self, operation: Operation, exchange: Exchange) -> Iterator[Violation]:
        if exchange.method == "HEAD":
            return
        if exchange.status in TEXT_STATUSES and exchange.content_type.startswith("text/plain"):
            return
        body = exchange.body
        if isinstance(body, dict) and not body.keys() <= {"message", "error", "error_description", "scope"}:
            extra = self._differences.error_fields(operation)
            body = {name: value for name, value in body.items() if name not in extra}
        for error in Draft202012Validator(ERROR_BODY).iter_errors(body):
            yield Violation(exchange, "error body", error.message)

    def _validator(self, schema: dict[str, Any]) -> OAS30Validator:
        return OAS30Validator({**self._root, **schema}, format_checker=oas30_format_checker)


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    return Draft202012Validator(schema, format_checker=FormatChecker()).is_valid(value)


def _query_value_fits(schema: dict[str, Any], value: str) -> bool:
    if "enum" in schema:
        return value in [str(allowed) for allowed in schema["enum"]]
    match schema.get("type"):
        case "integer":
            return re.fullmatch(r"-?\d+", value) is not None
        case "boolean":
            return value.lower() in ("true", "false", "1", "0")
        case _:
            return True
