"""Environments (contract 4, 15a)."""

from __future__ import annotations

import gitlab
import pytest
from gitlab.const import AccessLevel

KEYS = {
    "id",
    "name",
    "slug",
    "external_url",
    "created_at",
    "updated_at",
    "tier",
    "project",
    "state",
    "auto_stop_at",
    "description",
    "auto_stop_setting",
}


def test_an_environment_gets_slug_tier_and_state(project):
    environment = project.environments.create({"name": "production"})
    assert environment.attributes.keys() - {"project_id"} == KEYS
    assert (environment.slug, environment.tier, environment.state) == ("production", "production", "available")
    assert environment.project["id"] == project.id
    assert (environment.external_url, environment.description, environment.auto_stop_at) == (None, None, None)


def test_slugs_are_short_and_unique_for_names_that_need_changing(project):
    environment = project.environments.create({"name": "review/A-Very-Long-Branch-Name"})
    assert len(environment.slug) <= 24
    assert environment.slug.startswith("review-a-very-lon")
    assert environment.tier == "development"


def test_a_single_environment_comes_without_its_project(project):
    environment = project.environments.create({"name": "staging", "tier": "other"})
    read = project.environments.get(environment.id)
    assert "project" not in read.attributes
    assert read.last_deployment is None
    assert read.tier == "other"


def test_environments_are_found_by_exact_name_and_by_prefix(project):
    names = ["production", "production-2", "review/feature", "review/other"]
    created = {name: project.environments.create({"name": name}).id for name in names}

    def found(**filters):
        return [one.id for one in project.environments.list(get_all=True, **filters)]

    assert found() == sorted(created.values())
    assert found(name="production") == [created["production"]]
    assert found(name="prod") == []
    assert found(search="PROD") == [created["production"], created["production-2"]]
    assert found(search="feat") == [created["review/feature"]]


def test_name_and_search_exclude_each_other(project):
    with pytest.raises(gitlab.GitlabListError) as refusal:
        project.environments.list(name="a", search="production", get_all=True)
    assert refusal.value.error_message == "name, search cannot be used together"


def test_a_search_needs_three_characters(project):
    with pytest.raises(gitlab.GitlabListError) as refusal:
        project.environments.list(search="ab", get_all=True)
    assert (refusal.value.response_code, refusal.value.error_message) == (
        400,
        "400 Bad request - Search query is less than 3 characters",
    )


def test_states_are_filtered_and_checked(project):
    running = project.environments.create({"name": "running"})
    stopped = project.environments.create({"name": "stopped"})
    stopped.stop()
    assert [one.id for one in project.environments.list(states="available", get_all=True)] == [running.id]
    assert [one.id for one in project.environments.list(states="stopped", get_all=True)] == [stopped.id]
    with pytest.raises(gitlab.GitlabListError) as refusal:
        project.environments.list(states="running", get_all=True)
    assert (refusal.value.response_code, refusal.value.error_message) == (400, "states does not have a valid value")


def test_errors_of_creation_are_a_list_of_sentences(project):
    project.environments.create({"name": "production"})
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        project.environments.create({"name": "production"})
    assert refusal.value.response_code == 400
    assert refusal.value.error_message == ["Name has already been taken", "Slug has already been taken"]


def test_two_names_with_one_slug_collide(project):
    project.environments.create({"name": "foo"})
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        project.environments.create({"name": "foo-"})
    assert refusal.value.error_message == ["Slug has already been taken"]


def test_a_name_is_required_and_a_slug_refused(project, admin):
    with pytest.raises(gitlab.GitlabHttpError) as missing:
        admin.http_post(project.environments.path)
    assert (missing.value.response_code, missing.value.error_message) == (400, "name is missing")
    with pytest.raises(gitlab.GitlabCreateError) as refused:
        project.environments.create({"name": "production", "slug": "mine"})
    assert refused.value.error_message == "slug is automatically generated and cannot be changed"


def test_an_environment_is_changed_but_never_renamed(project):
    environment = project.environments.create({"name": "staging"})
    environment.external_url = "https://staging.example.com"
    environment.tier = "testing"
    environment.description = "where we try"
    environment.save()
    read = project.environments.get(environment.id)
    assert (read.external_url, read.tier, read.description) == (
        "https://staging.example.com",
        "testing",
        "where we try",
    )
    project.environments.update(environment.id, {"name": "renamed"})
    assert project.environments.get(environment.id).name == "staging"


def test_errors_of_changes_are_an_object_of_lists(project):
    environment = project.environments.create({"name": "staging"})
    with pytest.raises(gitlab.GitlabUpdateError) as refusal:
        project.environments.update(environment.id, {"external_url": "https://" + "a" * 300 + ".example.com"})
    assert refusal.value.response_code == 400
    assert isinstance(refusal.value.error_message["external_url"], list)


def test_only_a_stopped_environment_can_be_deleted(project):
    environment = project.environments.create({"name": "review/x"})
    with pytest.raises(gitlab.GitlabDeleteError) as refusal:
        environment.delete()
    assert refusal.value.response_code == 403
    assert environment.stop()["state"] == "stopped"
    assert environment.stop()["state"] == "stopped"
    environment.delete()
    with pytest.raises(gitlab.GitlabGetError) as missing:
        project.environments.get(environment.id)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Not found")


def test_a_stopped_environment_keeps_its_name_until_deleted(project):
    environment = project.environments.create({"name": "review/x"})
    environment.stop()
    with pytest.raises(gitlab.GitlabCreateError) as taken:
        project.environments.create({"name": "review/x"})
    assert "Name has already been taken" in taken.value.error_message
    environment.delete()
    assert project.environments.create({"name": "review/x"}).state == "available"


def test_a_kubernetes_namespace_needs_an_agent(project):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        project.environments.create({"name": "production", "kubernetes_namespace": "web"})
    assert refusal.value.response_code == 400
    assert "Kubernetes namespace cannot be set without a cluster agent" in refusal.value.error_message


def test_reporters_read_and_developers_write(project, new_person):
    reporter, developer = new_person(), new_person()
    project.members.create({"user_id": reporter.id, "access_level": AccessLevel.REPORTER})
    project.members.create({"user_id": developer.id, "access_level": AccessLevel.DEVELOPER})
    seen = reporter.gitlab.projects.get(project.id)
    assert seen.environments.list(get_all=True) == []
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        seen.environments.create({"name": "production"})
    assert (refusal.value.response_code, refusal.value.error_message) == (403, "403 Forbidden")
    # The parameters are looked at before the role.
    with pytest.raises(gitlab.GitlabHttpError) as unnamed:
        reporter.gitlab.http_post(seen.environments.path)
    assert unnamed.value.response_code == 400
    assert developer.gitlab.projects.get(project.id).environments.create({"name": "production"}).state == "available"


def test_review_apps_with_nothing_to_delete_are_refused(admin, project):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_delete(f"{project.environments.path}/review_apps")
    assert refusal.value.response_code == 400
