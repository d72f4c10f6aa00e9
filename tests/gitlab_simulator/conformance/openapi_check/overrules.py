"""The list of differences between GitLab's OpenAPI document and the contract. See `differences.py`."""

from __future__ import annotations

from .differences import Answer, Difference, Field, Lists, Parameter, Status

OVERRULES: list[Difference] = []
