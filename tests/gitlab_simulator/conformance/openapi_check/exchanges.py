"""What the suites recorded: one JSON object per line, one line per request with its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as `python/recording.py` and `go/recording_test.go` write them."""

    test: str
    method: str
    path: str
    query: list[tuple[str, str]]
    request_body: Any
    status: int
    content_type: str
    body: Any

    @property
    def succeeded(self) -> bool:
        """Below 300: redirects and errors have bodies of their own."""
        return self.status < 300


def read(path: Path) -> Iterator[Exchange]:
    """All exchanges of one recording, in their order."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            record["query"] = [(name, value) for name, value in record["query"]]
            yield Exchange(**record)
