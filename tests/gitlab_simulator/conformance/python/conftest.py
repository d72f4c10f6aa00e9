"""Fixtures: the server, its administrator, and people, groups and projects made through GitLab's own API."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gitlab
import pytest
from gitlab.v4.objects import Group, Project, User

from recording import Recorder
from server import Server, running_server

TIMEOUT_SECONDS = 15
FLAG = "certificate_based_clusters"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The GitLab under test."""
    with running_server() as running:
        yield running


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    """Where exchanges go: `CONFORMANCE_EXCHANGES`, else the null device."""
    recorder = Recorder(Path(os.environ.get("CONFORMANCE_EXCHANGES", os.devnull)))
    yield recorder
    recorder.close()


@pytest.fixture(autouse=True)
def _recorded_test(request: pytest.FixtureRequest, recorder: Recorder) -> None:
    recorder.current_test = request.node.name


@pytest.fixture(autouse=True)
def _simulator_only(request: pytest.FixtureRequest, server: Server) -> None:
    if request.node.get_closest_marker("simulator_only") and not server.is_simulator:
        pytest.skip("GITLAB_URL names a server that is not the simulator")


@pytest.fixture(scope="session")
def connect(server: Server, recorder: Recorder) -> Callable[..., gitlab.Gitlab]:
    """Makes clients: `connect(token)`; further arguments are python-gitlab's own."""

    def connect(token: str | None = None, **options: Any) -> gitlab.Gitlab:
        options.setdefault("private_token", token)
        return gitlab.Gitlab(server.url, session=recorder.session(), timeout=TIMEOUT_SECONDS, **options)

    return connect


@pytest.fixture(scope="session")
def admin(connect: Callable[..., gitlab.Gitlab], server: Server) -> gitlab.Gitlab:
    """The administrator's client."""
    return connect(server.admin_token)


@pytest.fixture(scope="session")
def new_name() -> Callable[[str], str]:
    """Names that no earlier run against the same server has taken: `new_name("group")`."""
    run = secrets.token_hex(3)
    numbers = itertools.count(1)
    return lambda kind: f"{kind}-{run}-{next(numbers)}"


@dataclass(frozen=True)
class Person:
    """A user with a token of the scopes asked for."""

    user: User
    token: str
    gitlab: gitlab.Gitlab

    @property
    def id(self) -> int:
        return self.user.id

    @property
    def username(self) -> str:
        return self.user.username


@pytest.fixture(scope="session")
def new_user(admin: gitlab.Gitlab, new_name: Callable[[str], str]) -> Iterator[Callable[..., User]]:
    """Creates users; they are removed when the session ends."""
    created: list[User] = []

    def new_user(**attributes: Any) -> User:
        username = new_name("user")
        user = admin.users.create(
            {
                "username": username,
                "name": username,
                "email": f"{username}@example.com",
                "password": secrets.token_urlsafe(24),
                "skip_confirmation": True,
                **attributes,
            }
        )
        created.append(user)
        return user

    yield new_user
    _remove(lambda user: admin.users.delete(user.id, hard_delete=True), created)


@pytest.fixture(scope="session")
def token_of(admin: gitlab.Gitlab) -> Callable[..., str]:
    """Creates a personal access token for a user: `token_of(user, ["api"])`."""

    def token_of(user: User, scopes: list[str], **attributes: Any) -> str:
        data = {"name": "conformance", "scopes": scopes, **attributes}
        return admin.users.get(user.id, lazy=True).personal_access_tokens.create(data).token

    return token_of


@pytest.fixture(scope="session")
def new_person(
    new_user: Callable[..., User],
    token_of: Callable[..., str],
    connect: Callable[..., gitlab.Gitlab],
) -> Callable[..., Person]:
    """Creates a user with a token (scope `api` unless said otherwise)."""

    def new_person(*scopes: str, **attributes: Any) -> Person:
        user = new_user(**attributes)
        token = token_of(user, list(scopes) or ["api"])
        return Person(user, token, connect(token))

    return new_person


@pytest.fixture(scope="session")
def new_group(admin: gitlab.Gitlab, new_name: Callable[[str], str]) -> Iterator[Callable[..., Group]]:
    """Creates top-level groups; they are deleted when the session ends."""
    created: list[Group] = []

    def new_group(**attributes: Any) -> Group:
        name = new_name("group")
        group = admin.groups.create({"name": name, "path": name, **attributes})
        if "parent_id" not in attributes:
            created.append(group)
        return group

    yield new_group
    _remove(lambda group: admin.groups.delete(group.id), created)


@pytest.fixture(scope="session")
def new_project(
    admin: gitlab.Gitlab, new_group: Callable[..., Group], new_name: Callable[[str], str]
) -> Callable[..., Project]:
    """Creates a project in a group (its own, unless one is given)."""

    def new_project(group: Group | None = None, **attributes: Any) -> Project:
        namespace = group or new_group()
        data = {"name": new_name("project"), "namespace_id": namespace.id, **attributes}
        return admin.projects.create(data)

    return new_project


@pytest.fixture
def group(new_group: Callable[..., Group]) -> Group:
    """A private group of its own for one test."""
    return new_group()


@pytest.fixture
def project(new_project: Callable[..., Project]) -> Project:
    """A private project of its own for one test, in a group of its own."""
    return new_project()


@pytest.fixture
def certificate_clusters(admin: gitlab.Gitlab) -> Iterator[None]:
    """Certificate-based clusters are switched on."""
    admin.features.set(FLAG, True)
    yield
    admin.features.delete(FLAG)


@pytest.fixture(scope="session")
def ca_certificate() -> str:
    """A certificate authority's certificate; its key was never kept."""
    return (Path(__file__).parent.parent / "testdata" / "ca.pem").read_text(encoding="ascii")


def _remove(remove: Callable[[Any], None], created: list[Any]) -> None:
    """Removes in reverse order what a test may have removed already."""
    for one in reversed(created):
        try:
            remove(one)
        except gitlab.GitlabDeleteError as error:
            # 404: gone; 400: marked for deletion already.
            if error.response_code not in (400, 404):
                raise
