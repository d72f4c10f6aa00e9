"""How each operation of GitLab's OpenAPI document is called.

Each operation of the document stands either here in `CALLS` or, by its path, in the check's `NOT_SIMULATED`; the walk
fails for one that stands in neither. `CALLS` gives, for an operation, what makes the values of its path template, and
its parameters.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gitlab.v4.objects import Group, Project, User

API = "/api/v4"
PathValues = dict[str, Any]


@dataclass
class World:
    """Makes what an operation needs, each time anew."""

    new_group: Callable[..., Group]
    new_project: Callable[..., Project]
    new_user: Callable[..., User]
    new_name: Callable[[str], str]
    token_of: Callable[..., str]
    admin: Any

    def nothing(self) -> PathValues:
        return {}

    def group(self) -> PathValues:
        return {"id": self.new_group().id}

    def project(self) -> PathValues:
        return {"id": self.new_project().id}

    def user(self) -> PathValues:
        return {"id": self.new_user().id}

    def group_member(self) -> PathValues:
        return self._member(self.new_group())

    def project_member(self) -> PathValues:
        return self._member(self.new_project())

    def _member(self, source: Group | Project) -> PathValues:
        member = source.members.create({"user_id": self.new_user().id, "access_level": 30})
        return {"id": source.id, "user_id": member.id}

    def group_variable(self) -> PathValues:
        return self._variable(self.new_group())

    def project_variable(self) -> PathValues:
        return self._variable(self.new_project())

    def _variable(self, source: Group | Project) -> PathValues:
        return {"id": source.id, "key": source.variables.create({"key": "KEY", "value": "1"}).key}

    def instance_variable(self) -> PathValues:
        return {"key": self.admin.variables.create({"key": self.variable_key(), "value": "1"}).key}

    def variable_key(self) -> str:
        """A key that is free on the whole instance."""
        return self.new_name("KEY").replace("-", "_").upper()

    def environment(self) -> PathValues:
        project = self.new_project()
        return {"id": project.id, "environment_id": project.environments.create({"name": "review/x"}).id}

    def stopped_environment(self) -> PathValues:
        values = self.environment()
        self.admin.projects.get(values["id"], lazy=True).environments.get(values["environment_id"], lazy=True).stop()
        return values

    def group_cluster(self) -> PathValues:
        return self._cluster(self.new_group())

    def project_cluster(self) -> PathValues:
        return self._cluster(self.new_project())

    def _cluster(self, source: Group | Project) -> PathValues:
        return {"id": source.id, "cluster_id": source.clusters.create(self.cluster_parameters()).id}

    def instance_cluster(self) -> PathValues:
        cluster = self.admin.http_post("/admin/clusters/add", post_data=self.cluster_parameters())
        return {"cluster_id": cluster["id"]}

    def cluster_parameters(self) -> dict[str, Any]:
        """An unmanaged cluster with a scope that is free."""
        platform = {"api_url": "https://kube.example.com", "token": "token-of-the-cluster"}
        return {
            "name": "campus",
            "managed": False,
            "environment_scope": self.new_name("scope"),
            "platform_kubernetes_attributes": platform,
        }

    def group_deploy_token(self) -> PathValues:
        return self._deploy_token(self.new_group())

    def project_deploy_token(self) -> PathValues:
        return self._deploy_token(self.new_project())

    def _deploy_token(self, source: Group | Project) -> PathValues:
        token = source.deploytokens.create({"name": "reader", "scopes": ["read_registry"]})
        return {"id": source.id, "token_id": token.id}

    def personal_access_token(self) -> PathValues:
        user = self.new_user()
        self.token_of(user, ["api"])
        return {"id": self.admin.personal_access_tokens.list(user_id=user.id, get_all=True)[0].id}

    def flag(self) -> PathValues:
        return {"name": "certificate_based_clusters"}


def days_ago(days: int) -> str:
    """A moment so many days before now (negative: after)."""
    return (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)).isoformat(timespec="seconds")


Parameters = Callable[[World], dict[str, Any]]


def _none(_: World) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Call:
    """One way to call an operation so that it succeeds."""

    values: Callable[[World], PathValues] = World.nothing
    body: Parameters | None = None
    query: Parameters = _none
    by_own_token: bool = False


def _named(world: World) -> dict[str, Any]:
    name = world.new_name("named")
    return {"name": name, "path": name}


def _new_user(world: World) -> dict[str, Any]:
    username = world.new_name("user")
    return {
        "username": username,
        "name": username,
        "email": f"{username}@example.com",
        "force_random_password": True,
    }


def _described(_: World) -> dict[str, Any]:
    return {"description": "changed"}


def _members(source: str, one: Callable[[World], PathValues], parent: Callable[[World], PathValues]) -> dict[str, Call]:
    path = f"{API}/{source}/{{id}}/members"
    return {
        f"GET {path}": Call(one, query=lambda _: {"query": "user"}),
        f"POST {path}": Call(parent, lambda w: {"user_id": w.new_user().id, "access_level": 30}),
        f"GET {path}/all": Call(one),
        f"GET {path}/all/{{user_id}}": Call(one),
        f"GET {path}/{{user_id}}": Call(one),
        f"PUT {path}/{{user_id}}": Call(one, lambda _: {"access_level": 40, "expires_at": "2099-01-31"}),
        f"DELETE {path}/{{user_id}}": Call(one, query=lambda _: {"skip_subresources": "true"}),
    }


def _variables(path: str, one: Callable[[World], PathValues], parent: Callable[[World], PathValues]) -> dict[str, Call]:
    return {
        f"GET {path}": Call(parent),
        f"POST {path}": Call(parent, lambda w: {"key": w.variable_key(), "value": "1", "raw": True}),
        f"GET {path}/{{key}}": Call(one),
        f"PUT {path}/{{key}}": Call(one, lambda _: {"value": "2", "protected": True}),
        f"DELETE {path}/{{key}}": Call(one),
    }


def _clusters(
    path: str, add: str, one: Callable[[World], PathValues], parent: Callable[[World], PathValues]
) -> dict[str, Call]:
    return {
        f"GET {path}": Call(one if parent is not World.nothing else parent),
        f"POST {path}/{add}": Call(parent, World.cluster_parameters),
        f"GET {path}/{{cluster_id}}": Call(one),
        f"PUT {path}/{{cluster_id}}": Call(one, lambda _: {"name": "changed", "namespace_per_environment": False}),
        f"DELETE {path}/{{cluster_id}}": Call(one),
    }


def _deploy_tokens(
    source: str, one: Callable[[World], PathValues], parent: Callable[[World], PathValues]
) -> dict[str, Call]:
    path = f"{API}/{source}/{{id}}/deploy_tokens"
    return {
        f"GET {path}": Call(one, query=lambda _: {"active": "true"}),
        f"POST {path}": Call(parent, lambda _: {"name": "reader", "scopes": ["read_registry"]}),
        f"GET {path}/{{token_id}}": Call(one),
        f"DELETE {path}/{{token_id}}": Call(one),
    }


CALLS: dict[str, Call] = {
    f"GET {API}/metadata": Call(),
    f"GET {API}/version": Call(),
    f"GET {API}/features": Call(),
    f"GET {API}/features/definitions": Call(),
    f"POST {API}/features/{{name}}": Call(World.flag, lambda _: {"value": True}),
    f"DELETE {API}/features/{{name}}": Call(World.flag),
    f"GET {API}/users": Call(query=lambda _: {"humans": "true"}),
    f"POST {API}/users": Call(body=_new_user),
    f"GET {API}/users/{{id}}": Call(World.user),
    f"PUT {API}/users/{{id}}": Call(World.user, lambda _: {"name": "changed"}),
    f"DELETE {API}/users/{{id}}": Call(World.user, query=lambda _: {"hard_delete": "true"}),
    f"GET {API}/user": Call(),
    f"GET {API}/personal_access_tokens": Call(),
    f"GET {API}/personal_access_tokens/{{id}}": Call(World.personal_access_token),
    f"DELETE {API}/personal_access_tokens/{{id}}": Call(World.personal_access_token),
    f"POST {API}/personal_access_tokens/{{id}}/rotate": Call(
        World.personal_access_token, lambda _: {"expires_at": "2027-01-31"}
    ),
    f"GET {API}/personal_access_tokens/self": Call(by_own_token=True),
    f"DELETE {API}/personal_access_tokens/self": Call(by_own_token=True),
    f"POST {API}/personal_access_tokens/self/rotate": Call(by_own_token=True),
    f"GET {API}/groups": Call(query=lambda _: {"order_by": "id", "sort": "desc", "statistics": "false"}),
    f"POST {API}/groups": Call(body=_named),
    f"GET {API}/groups/{{id}}": Call(World.group, query=lambda _: {"with_projects": "false"}),
    f"PUT {API}/groups/{{id}}": Call(World.group, _described),
    f"DELETE {API}/groups/{{id}}": Call(World.group),
    f"GET {API}/groups/{{id}}/projects": Call(
        World.group, query=lambda _: {"include_subgroups": "true", "with_shared": "false"}
    ),
    f"GET {API}/groups/{{id}}/subgroups": Call(World.group),
    f"GET {API}/groups/{{id}}/descendant_groups": Call(World.group),
    f"GET {API}/projects": Call(query=lambda _: {"order_by": "id", "sort": "asc", "archived": "false"}),
    f"POST {API}/projects": Call(body=lambda w: {**_named(w), "namespace_id": w.new_group().id}),
    f"GET {API}/projects/{{id}}": Call(World.project),
    f"PUT {API}/projects/{{id}}": Call(World.project, _described),
    f"DELETE {API}/projects/{{id}}": Call(World.project),
    **_members("projects", World.project_member, World.project),
    **_members("groups", World.group_member, World.group),
    **_variables(f"{API}/projects/{{id}}/variables", World.project_variable, World.project),
    **_variables(f"{API}/groups/{{id}}/variables", World.group_variable, World.group),
    **_variables(f"{API}/admin/ci/variables", World.instance_variable, World.nothing),
    **_clusters(f"{API}/projects/{{id}}/clusters", "user", World.project_cluster, World.project),
    **_clusters(f"{API}/groups/{{id}}/clusters", "user", World.group_cluster, World.group),
    **_clusters(f"{API}/admin/clusters", "add", World.instance_cluster, World.nothing),
    f"GET {API}/discover-cert-based-clusters": Call(query=lambda w: {"group_id": w.new_group().id}),
    f"GET {API}/projects/{{id}}/environments": Call(World.environment, query=lambda _: {"states": "available"}),
    f"POST {API}/projects/{{id}}/environments": Call(World.project, lambda _: {"name": "production"}),
    f"GET {API}/projects/{{id}}/environments/{{environment_id}}": Call(World.environment),
    f"PUT {API}/projects/{{id}}/environments/{{environment_id}}": Call(World.environment, lambda _: {"tier": "other"}),
    f"DELETE {API}/projects/{{id}}/environments/{{environment_id}}": Call(World.stopped_environment),
    f"POST {API}/projects/{{id}}/environments/{{environment_id}}/stop": Call(
        World.environment, lambda _: {"force": True}
    ),
    f"POST {API}/projects/{{id}}/environments/stop_stale": Call(World.project, lambda _: {"before": days_ago(30)}),
    f"DELETE {API}/projects/{{id}}/environments/review_apps": Call(
        World.stopped_environment, query=lambda _: {"before": days_ago(-1), "dry_run": "false"}
    ),
    f"GET {API}/deploy_tokens": Call(),
    **_deploy_tokens("projects", World.project_deploy_token, World.project),
    **_deploy_tokens("groups", World.group_deploy_token, World.group),
}
