"""Records every exchange of a requests session, for the check against GitLab's OpenAPI document.

Secrets are blanked before anything is written: against a real GitLab the tokens would be real.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

SECRET_FIELDS = {"token", "password", "private_token", "access_token"}


class Recorder:
    """Writes one JSON line per exchange; `current_test` is kept by a fixture."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lines = path.open("w", encoding="utf-8")
        self.current_test = "set-up"

    def session(self) -> requests.Session:
        """A session whose exchanges, redirects included, are recorded."""
        session = requests.Session()
        session.hooks["response"].append(self._record)
        return session

    def _record(self, response: requests.Response, *_: Any, **__: Any) -> None:
        request = response.request
        address = urlsplit(request.url)
        start = address.path.find("/api/v4")
        if start < 0:
            return
        line = {
            "test": self.current_test,
            "method": request.method,
            "path": address.path[start:],
            "query": [_blanked_pair(pair) for pair in parse_qsl(address.query, keep_blank_values=True)],
            "request_body": _blanked(_parsed(request.body)),
            "status": response.status_code,
            "content_type": response.headers.get("Content-Type", ""),
            "body": _blanked(_parsed(response.content)),
        }
        self._lines.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Ends the recording."""
        self._lines.close()


def _parsed(body: bytes | str | None) -> Any:
    if not body:
        return None
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        return json.loads(text)
    except ValueError:
        return text


def _blanked(value: Any) -> Any:
    if isinstance(value, list):
        return [_blanked(element) for element in value]
    if isinstance(value, dict):
        return {
            name: "blanked" if name in SECRET_FIELDS and isinstance(inner, str) else _blanked(inner)
            for name, inner in value.items()
        }
    return value


def _blanked_pair(pair: tuple[str, str]) -> tuple[str, str]:
    return (pair[0], "blanked") if pair[0] in SECRET_FIELDS else pair
