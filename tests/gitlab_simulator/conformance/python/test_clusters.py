"""Certificate-based clusters of projects, groups and the instance (contract 2)."""

from __future__ import annotations

from typing import Any

import gitlab
import pytest
from gitlab.const import AccessLevel

KEYS = {
    "id",
    "name",
    "created_at",
    "domain",
    "enabled",
    "managed",
    "provider_type",
    "platform_type",
    "environment_scope",
    "cluster_type",
    "namespace_per_environment",
    "user",
    "platform_kubernetes",
    "provider_gcp",
    "management_project",
}
# What python-gitlab adds to an object itself.
PARENTS = {"project_id", "group_id"}
API_URL = "https://kube.example.com:6443"


def new_cluster(scope: str = "*", **attributes: Any) -> dict[str, Any]:
    """What creating an unmanaged cluster takes."""
    platform = {"api_url": API_URL, "token": "token-of-the-cluster", **attributes.pop("platform", {})}
    return {
        "name": "campus",
        "managed": False,
        "environment_scope": scope,
        "platform_kubernetes_attributes": platform,
        **attributes,
    }


@pytest.fixture(params=["project", "group"])
def source(request: pytest.FixtureRequest, certificate_clusters: None):
    """Projects and groups have the same calls."""
    return request.getfixturevalue(request.param)


def test_without_the_flag_there_is_nothing(admin, project):
    with pytest.raises(gitlab.GitlabListError) as listing:
        project.clusters.list(get_all=True)
    assert (listing.value.response_code, listing.value.error_message) == (404, "404 Not Found")
    with pytest.raises(gitlab.GitlabHttpError) as instance:
        admin.http_get("/admin/clusters")
    assert (instance.value.response_code, instance.value.error_message) == (404, "404 Not Found")


def test_discovery_works_without_the_flag(admin, group):
    discovered = admin.http_get("/discover-cert-based-clusters", query_data={"group_id": group.id})
    assert discovered == {"groups": {}, "projects": {}}


def test_discovery_names_clusters_by_path(admin, group, new_project, certificate_clusters):
    project = new_project(group)
    of_group = group.clusters.create(new_cluster())
    of_project = project.clusters.create(new_cluster("production"))
    assert admin.http_get("/discover-cert-based-clusters", query_data={"group_id": group.id}) == {
        "groups": {group.full_path: [{"id": of_group.id, "name": "campus"}]},
        "projects": {project.path_with_namespace: [{"id": of_project.id, "name": "campus"}]},
    }


def test_a_cluster_is_created_in_full(source, ca_certificate):
    cluster = source.clusters.create(
        new_cluster(
            "production",
            domain="apps.example.com",
            platform={"ca_cert": ca_certificate, "namespace": "Web-42-Production"},
        )
    )
    kind = "project" if "path_with_namespace" in source.attributes else "group"
    assert cluster.attributes.keys() - PARENTS == {*KEYS, kind}
    assert (cluster.name, cluster.enabled, cluster.managed) == ("campus", True, False)
    assert (cluster.provider_type, cluster.platform_type) == ("user", "kubernetes")
    assert (cluster.environment_scope, cluster.cluster_type) == ("production", f"{kind}_type")
    assert (cluster.namespace_per_environment, cluster.domain) == (True, "apps.example.com")
    assert getattr(cluster, kind)["id"] == source.id
    assert cluster.platform_kubernetes == {
        "api_url": API_URL,
        "namespace": "web-42-production",
        "authorization_type": "rbac",
        "ca_cert": ca_certificate.strip(),
    }


def test_the_token_is_never_shown(source):
    cluster = source.clusters.create(new_cluster())
    for seen in (cluster, source.clusters.get(cluster.id), source.clusters.list(get_all=True)[0]):
        assert "token-of-the-cluster" not in str(seen.attributes)


def test_lists_leave_the_owner_out_and_are_ordered_by_id(source):
    clusters = [source.clusters.create(new_cluster(scope)) for scope in ("b", "a")]
    listed = source.clusters.list(get_all=True)
    assert [cluster.id for cluster in listed] == [cluster.id for cluster in clusters]
    assert listed[0].attributes.keys() - PARENTS == KEYS


def test_a_change_that_omits_it_sets_namespace_per_environment(source):
    cluster = source.clusters.create(new_cluster(namespace_per_environment=False))
    assert cluster.namespace_per_environment is False
    source.clusters.update(cluster.id, {"name": "renamed"})
    read = source.clusters.get(cluster.id)
    assert (read.name, read.namespace_per_environment) == ("renamed", True)
    source.clusters.update(cluster.id, {"namespace_per_environment": False})
    assert source.clusters.get(cluster.id).namespace_per_environment is False


def test_a_change_of_the_platform_keeps_what_it_omits(source, ca_certificate):
    cluster = source.clusters.create(new_cluster(platform={"ca_cert": ca_certificate}))
    platform = {"api_url": "https://other.example.com", "token": ""}
    source.clusters.update(cluster.id, {"platform_kubernetes_attributes": platform})
    read = source.clusters.get(cluster.id)
    assert read.platform_kubernetes["api_url"] == "https://other.example.com"
    assert read.platform_kubernetes["ca_cert"] == ca_certificate.strip()


def test_a_deleted_cluster_is_gone(source):
    cluster = source.clusters.create(new_cluster())
    cluster.delete()
    with pytest.raises(gitlab.GitlabGetError) as missing:
        source.clusters.get(cluster.id)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Not found")


def test_a_scope_is_taken_once(source):
    source.clusters.create(new_cluster("production"))
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.clusters.create(new_cluster("production", name="another"))
    assert refusal.value.response_code == 400
    assert refusal.value.error_message == {"environment_scope": ["cannot add duplicated environment scope"]}


def test_names_are_not_unique(source):
    source.clusters.create(new_cluster("a"))
    assert source.clusters.create(new_cluster("b")).name == "campus"


def test_missing_parameters_are_named_together(admin, source):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_post(f"{source.clusters.path}/user")
    assert refusal.value.response_code == 400
    assert refusal.value.error_message == (
        "name is missing, platform_kubernetes_attributes is missing, "
        "platform_kubernetes_attributes[api_url] is missing, "
        "platform_kubernetes_attributes[api_url] is empty, platform_kubernetes_attributes[token] is missing"
    )


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"name": ""}, {"name": ["has to be present"]}),
        (
            {"platform": {"ca_cert": "no certificate"}},
            {"platform_kubernetes.ca_cert": ["must be a valid PEM certificate"]},
        ),
        (
            {"management_project_id": 999_999_999},
            {"management_project_id": ["Project does not exist or you don't have permission to perform this action"]},
        ),
    ],
)
def test_invalid_attributes_are_refused(source, attributes, message):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.clusters.create(new_cluster(**attributes))
    assert (refusal.value.response_code, refusal.value.error_message) == (400, message)


@pytest.mark.parametrize(
    ("api_url", "where"),
    [
        ("https://127.0.0.1:6443", "localhost"),
        ("https://127.0.0.2:6443", "loopback addresses"),
        ("https://10.0.0.1:6443", "the local network"),
        ("https://169.254.0.1:6443", "the link local network"),
        ("https://100.64.0.1:6443", "the shared address space"),
    ],
)
def test_local_addresses_are_refused(source, api_url, where):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.clusters.create(new_cluster(platform={"api_url": api_url}))
    assert refusal.value.response_code == 400
    assert refusal.value.error_message == {
        "platform_kubernetes.api_url": [f"is blocked: Requests to {where} are not allowed"]
    }


def test_local_addresses_are_allowed_by_the_setting(admin, source):
    admin.settings.update(None, {"allow_local_requests_from_web_hooks_and_services": True})
    try:
        cluster = source.clusters.create(new_cluster(platform={"api_url": "https://127.0.0.1:6443"}))
        assert cluster.platform_kubernetes["api_url"] == "https://127.0.0.1:6443"
    finally:
        admin.settings.update(None, {"allow_local_requests_from_web_hooks_and_services": False})


def test_a_managed_group_cluster_has_no_namespace_of_its_own(group, certificate_clusters):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        group.clusters.create(new_cluster(managed=True, platform={"namespace": "web"}))
    assert refusal.value.error_message == {"platform_kubernetes.namespace": ["only allowed for project cluster"]}


def test_developers_read_and_maintainers_write(source, new_person):
    reporter, developer, maintainer = new_person(), new_person(), new_person()
    for person, level in (
        (reporter, AccessLevel.REPORTER),
        (developer, AccessLevel.DEVELOPER),
        (maintainer, AccessLevel.MAINTAINER),
    ):
        source.members.create({"user_id": person.id, "access_level": level})
    path = source.clusters.path
    with pytest.raises(gitlab.GitlabHttpError) as reading:
        reporter.gitlab.http_get(path)
    assert (reading.value.response_code, reading.value.error_message) == (403, "403 Forbidden")
    assert developer.gitlab.http_get(path) == []
    with pytest.raises(gitlab.GitlabHttpError) as writing:
        developer.gitlab.http_post(f"{path}/user", post_data=new_cluster())
    assert (writing.value.response_code, writing.value.error_message) == (403, "403 Forbidden")
    assert maintainer.gitlab.http_post(f"{path}/user", post_data=new_cluster())["name"] == "campus"


def test_instance_clusters(admin, certificate_clusters, new_name):
    scope = new_name("scope")
    created = admin.http_post("/admin/clusters/add", post_data=new_cluster(scope))
    assert created.keys() == KEYS
    assert created["cluster_type"] == "instance_type"
    path = f"/admin/clusters/{created['id']}"
    assert created["id"] in [cluster["id"] for cluster in admin.http_get("/admin/clusters")]
    changed = admin.http_put(path, post_data={"enabled": False})
    assert changed["enabled"] is False
    assert changed["project"] is None
    assert admin.http_get(path).keys() == KEYS
    admin.http_delete(path)
    with pytest.raises(gitlab.GitlabHttpError) as missing:
        admin.http_get(path)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Not found")


def test_instance_clusters_are_for_administrators(certificate_clusters, new_person):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        new_person().gitlab.http_get("/admin/clusters")
    assert (refusal.value.response_code, refusal.value.error_message) == (403, "403 Forbidden")


def test_an_archived_project_lets_nobody_change_its_clusters(project, certificate_clusters):
    cluster = project.clusters.create(new_cluster())
    project.archive()
    for call in (lambda: project.clusters.update(cluster.id, {"name": "renamed"}), cluster.delete):
        with pytest.raises(gitlab.GitlabError) as refusal:
            call()
        assert refusal.value.response_code == 403


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"name": "x" * 2049}, "name"),
        ({"scope": "x" * 256}, "environment_scope"),
        ({"scope": "no!such"}, "environment_scope"),
        ({"platform": {"namespace": "Not_Good"}}, "platform_kubernetes.namespace"),
        ({"platform": {"namespace": "gitlab-managed-apps"}}, "platform_kubernetes.namespace"),
        ({"platform": {"namespace": "x" * 64}}, "platform_kubernetes.namespace"),
    ],
)
def test_lengths_and_characters_are_checked(source, attributes, field):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.clusters.create(new_cluster(**attributes))
    assert refusal.value.response_code == 400
    assert list(refusal.value.error_message) == [field]


def test_a_change_is_checked_like_a_creation(source):
    cluster = source.clusters.create(new_cluster("production"))
    source.clusters.create(new_cluster("staging"))
    with pytest.raises(gitlab.GitlabUpdateError) as taken:
        source.clusters.update(cluster.id, {"environment_scope": "staging"})
    assert taken.value.error_message == {"environment_scope": ["cannot add duplicated environment scope"]}
    with pytest.raises(gitlab.GitlabUpdateError) as blocked:
        source.clusters.update(cluster.id, {"platform_kubernetes_attributes": {"api_url": "https://192.168.1.1"}})
    assert list(blocked.value.error_message) == ["platform_kubernetes.api_url"]


def test_a_cluster_is_found_only_below_its_own_project(certificate_clusters, new_project):
    mine, other = new_project(), new_project()
    cluster = mine.clusters.create(new_cluster())
    with pytest.raises(gitlab.GitlabGetError) as missing:
        other.clusters.get(cluster.id)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Not found")


def test_lists_leave_inherited_clusters_out_and_disabled_ones_in(certificate_clusters, group, new_project):
    project = new_project(group)
    group.clusters.create(new_cluster())
    disabled = project.clusters.create(new_cluster(enabled=False))
    assert [cluster.id for cluster in project.clusters.list(get_all=True)] == [disabled.id]
    assert disabled.enabled is False


def test_a_blank_namespace_is_none(source):
    cluster = source.clusters.create(new_cluster(platform={"namespace": " "}))
    assert cluster.platform_kubernetes["namespace"] is None
