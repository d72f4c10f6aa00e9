"""Validates recorded exchanges and prints which paths of the document they covered.

    python -m openapi_check --document FILE [--differences] EXCHANGES...

Exit code 1: an exchange violates the document, a difference was not needed, or a simulated path was not called.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path

from .differences import Differences
from .document import Document
from .exchanges import Exchange, read
from .overrules import OVERRULES
from .validation import Validation, Violation

# Every violation would be said once per exchange; the table names the first and the number.
SHOWN_VIOLATIONS = 200


class Coverage:
    """What was called: per path template and method, and what lies outside the document."""

    def __init__(self) -> None:
        self.statuses: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
        self.outside: Counter[str] = Counter()

    def add(self, template: str | None, exchange: Exchange) -> None:
        """Counts one exchange."""
        if template is None:
            self.outside[exchange.method] += 1
        else:
            self.statuses[template][(exchange.method, exchange.status)] += 1

    def covered(self, template: str) -> bool:
        """A path counts as covered when a request to it succeeded."""
        return any(status < 400 for _, status in self.statuses[template])


def main() -> int:
    arguments = _arguments()
    document = Document(arguments.document)
    differences = Differences(OVERRULES)
    validation = Validation(document, differences)
    coverage = Coverage()
    violations: dict[tuple[str, str], list[Violation]] = defaultdict(list)
    exchanges = 0
    for recording in arguments.exchanges:
        for exchange in read(recording):
            exchanges += 1
            operation = document.find(exchange.method, exchange.path)
            coverage.add(document.find_template(exchange.path), exchange)
            if operation is None:
                continue
            for violation in validation.violations(operation, exchange):
                violations[(operation.name, violation.where)].append(violation)
    _print_table(document, coverage)
    _print_violations(violations)
    unused = differences.unused()
    for entry in unused:
        print(f"unused difference: {entry}")
    covered = sum(coverage.covered(template) for template in document.templates)
    print(
        f"{exchanges} exchanges ({coverage.outside.total()} outside the document), "
        f"{covered} of {len(document.templates)} paths covered, {len(differences)} differences "
        f"({len(unused)} unused), {len(violations)} violations"
    )
    return 1 if violations or unused else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="openapi_check", description="Checks recorded exchanges.")
    parser.add_argument("--document", type=Path, required=True, help="GitLab's OpenAPI document")
    parser.add_argument("exchanges", type=Path, nargs="+", help="recordings (JSON lines)")
    return parser.parse_args()


def _print_table(document: Document, coverage: Coverage) -> None:
    width = max(len(template) for template in document.templates)
    for template in document.templates:
        counts: dict[str, list[str]] = defaultdict(list)
        for (method, status), number in sorted(coverage.statuses[template].items()):
            counts[method].append(f"{status}×{number}")
        called = "  ".join(f"{method} {' '.join(statuses)}" for method, statuses in counts.items())
        if coverage.covered(template):
            print(f"covered        {template:{width}}  {called}")
        else:
            print(f"not simulated  {template}")


def _print_violations(violations: dict[tuple[str, str], list[Violation]]) -> None:
    for number, found in enumerate(violations.values()):
        if number == SHOWN_VIOLATIONS:
            print(f"… and {len(violations) - number} more kinds of violation")
            return
        times = f" ({len(found)} times)" if len(found) > 1 else ""
        print(f"violation: {found[0]}{times}")


if __name__ == "__main__":
    sys.exit(main())
