"""The GitLab under test: an existing one (`GITLAB_URL`, `GITLAB_ADMIN_TOKEN`) or a simulator of our own."""

from __future__ import annotations

import os
import secrets
import selectors
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

START_SECONDS = 20


@dataclass(frozen=True)
class Server:
    """Where GitLab listens and what its administrator's token is."""

    url: str
    admin_token: str
    is_simulator: bool


@contextmanager
def running_server() -> Iterator[Server]:
    """The server named by the environment, else a simulator that ends with this block."""
    url = os.environ.get("GITLAB_URL")
    if url:
        yield Server(url.rstrip("/"), os.environ["GITLAB_ADMIN_TOKEN"], is_simulator=False)
        return
    with _simulator() as server:
        yield server


@contextmanager
def _simulator() -> Iterator[Server]:
    binary = os.environ.get("GITLAB_SIMULATOR")
    if not binary:
        raise RuntimeError("set GITLAB_SIMULATOR to the simulator's binary, or GITLAB_URL to a GitLab (see ../run)")
    token = f"glpat-{secrets.token_hex(10)}"
    process = subprocess.Popen(
        [binary, "--listen", "127.0.0.1:0", "--admin-token", token],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Server(_first_line(process), token, is_simulator=True)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
        process.stdout.close()


def _first_line(process: subprocess.Popen[str]) -> str:
    """The base URL that the simulator prints when it is ready."""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(timeout=START_SECONDS):
            raise RuntimeError(f"the simulator printed no address within {START_SECONDS} s")
    line = process.stdout.readline().strip()
    if not line.startswith("http"):
        raise RuntimeError(f"the simulator printed {line!r} instead of its address (exit code {process.poll()})")
    return line.rstrip("/")
