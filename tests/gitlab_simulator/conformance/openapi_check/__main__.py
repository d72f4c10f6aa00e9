"""Validates recorded exchanges and prints which operations of the document they covered.

    python -m openapi_check --document FILE EXCHANGES...

Exit code 1: an exchange violates the document, a difference was not needed, or a simulated operation never succeeded.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from .differences import Differences
from .document import Document, Operation
from .exchanges import Exchange, read
from .not_simulated import NOT_SIMULATED
from .overrules import OVERRULES
from .validation import Validation, Violation

# One violation may occur in many exchanges; the report names the first of each kind, up to this number of kinds.
SHOWN_VIOLATIONS = 200


class Report:
    """What the exchanges showed."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._differences = Differences(OVERRULES)
        self._validation = Validation(document, self._differences)
        self._statuses: dict[Operation, Counter[int]] = defaultdict(Counter)
        self._violations: dict[tuple[str, str], list[Violation]] = defaultdict(list)
        self._inside = self._outside = 0

    def add(self, exchanges: Iterable[Exchange]) -> None:
        """Validates and counts."""
        for exchange in exchanges:
            operation = self._document.find(exchange.method, exchange.path)
            if operation is None:
                self._outside += 1
                continue
            self._inside += 1
            self._statuses[operation][exchange.status] += 1
            for violation in self._validation.violations(operation, exchange):
                self._violations[operation.name, violation.where].append(violation)

    def print(self) -> bool:
        """Prints table, violations and totals; true when all is well."""
        simulated = [one for one in self._document.operations if one.template not in NOT_SIMULATED]
        self._print_table(simulated)
        self._print_violations()
        uncovered = [one for one in simulated if not self._covered(one)]
        for operation in uncovered:
            print(f"never succeeded: {operation.name}")
        unused = self._differences.unused()
        for entry in unused:
            print(f"unused difference: {entry}")
        paths = {operation.template for operation in simulated}
        print(
            f"{self._inside} exchanges compared with {len(self._document.operations)} operations of "
            f"{len(self._document.templates)} paths ({self._outside} exchanges outside them): "
            f"{len(simulated) - len(uncovered)} of {len(simulated)} simulated operations of {len(paths)} paths "
            f"covered, {len(NOT_SIMULATED)} paths not simulated, {len(self._differences)} differences "
            f"({len(unused)} unused), {len(self._violations)} violations"
        )
        return not (self._violations or unused or uncovered)

    def _covered(self, operation: Operation) -> bool:
        return any(status < 300 for status in self._statuses[operation])

    def _print_table(self, simulated: list[Operation]) -> None:
        width = max(len(operation.name) for operation in self._document.operations)
        for operation in simulated:
            counts = sorted(self._statuses[operation].items())
            answers = "  ".join(f"{status} x{number}" for status, number in counts)
            label = "covered" if self._covered(operation) else "NOT COVERED"
            print(f"{label:14} {operation.name:{width}}  {answers}")
        for template, reason in NOT_SIMULATED.items():
            print(f"{'not simulated':14} {template:{width}}  {reason}")

    def _print_violations(self) -> None:
        for number, found in enumerate(self._violations.values()):
            if number == SHOWN_VIOLATIONS:
                print(f"... and {len(self._violations) - number} more kinds of violation")
                return
            times = f" ({len(found)} times)" if len(found) > 1 else ""
            print(f"violation: {found[0]}{times}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="openapi_check", description="Compares exchanges with the document.")
    parser.add_argument("--document", type=Path, required=True, help="GitLab's OpenAPI document")
    parser.add_argument("exchanges", type=Path, nargs="+", help="recordings (JSON lines)")
    arguments = parser.parse_args()
    report = Report(Document(arguments.document))
    for recording in arguments.exchanges:
        report.add(read(recording))
    return 0 if report.print() else 1


if __name__ == "__main__":
    sys.exit(main())
