"""Deploy tokens of projects and groups (contract 12)."""

from __future__ import annotations

import gitlab
import pytest
from gitlab.const import AccessLevel

KEYS = {"id", "name", "username", "expires_at", "scopes", "revoked", "expired"}
# What python-gitlab adds to an object itself.
PARENTS = {"project_id", "group_id"}


@pytest.fixture(params=["project", "group"])
def source(request: pytest.FixtureRequest):
    """Projects and groups have the same calls."""
    return request.getfixturevalue(request.param)


def test_the_secret_of_a_deploy_token_is_shown_once_only(source):
    created = source.deploytokens.create({"name": "gitlab-deploy-token", "scopes": ["read_registry"]})
    assert created.attributes.keys() - PARENTS == {*KEYS, "token"}
    assert created.token.startswith("gldt-")
    assert created.username == f"gitlab+deploy-token-{created.id}"
    assert (created.expires_at, created.revoked, created.expired) == (None, False, False)
    read = source.deploytokens.get(created.id)
    assert read.attributes.keys() - PARENTS == KEYS
    assert read.scopes == ["read_registry"]


def test_name_scopes_and_user_name_are_kept(source):
    created = source.deploytokens.create(
        {"name": "reader", "scopes": ["read_repository", "read_registry"], "username": "reader"}
    )
    assert (created.name, created.username) == ("reader", "reader")
    assert sorted(created.scopes) == ["read_registry", "read_repository"]


def test_names_are_not_unique(source):
    ids = [source.deploytokens.create({"name": "same", "scopes": ["read_registry"]}).id for _ in range(2)]
    assert sorted(token.id for token in source.deploytokens.list(get_all=True)) == sorted(ids)


def test_a_deleted_deploy_token_is_no_longer_active(source):
    token = source.deploytokens.create({"name": "reader", "scopes": ["read_registry"]})
    source.deploytokens.delete(token.id)
    assert source.deploytokens.list(active=True, get_all=True) == []


def test_an_expired_deploy_token_stays_listed_but_is_not_active(source):
    token = source.deploytokens.create(
        {"name": "old", "scopes": ["read_registry"], "expires_at": "2020-01-01T00:00:00Z"}
    )
    listed = {one.id: one for one in source.deploytokens.list(get_all=True)}
    assert listed[token.id].expired is True
    assert source.deploytokens.list(active=True, get_all=True) == []


def test_name_and_scopes_are_required(admin, source):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_post(source.deploytokens.path)
    assert refusal.value.response_code == 400
    assert refusal.value.error_message.startswith("name is missing, scopes is missing")


def test_an_unknown_scope_is_refused(source):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.deploytokens.create({"name": "reader", "scopes": ["everything"]})
    assert (refusal.value.response_code, refusal.value.error_message) == (400, "scopes does not have a valid value")


def test_maintainers_create_deploy_tokens_of_projects_but_only_read_those_of_groups(group, new_project, new_person):
    project, maintainer, developer = new_project(group), new_person(), new_person()
    group.members.create({"user_id": maintainer.id, "access_level": AccessLevel.MAINTAINER})
    group.members.create({"user_id": developer.id, "access_level": AccessLevel.DEVELOPER})
    data = {"name": "reader", "scopes": ["read_registry"]}
    of_project = maintainer.gitlab.projects.get(project.id, lazy=True).deploytokens
    of_group = maintainer.gitlab.groups.get(group.id, lazy=True).deploytokens
    assert of_project.create(data).name == "reader"
    assert of_group.list(get_all=True) == []
    with pytest.raises(gitlab.GitlabCreateError) as creating:
        of_group.create(data)
    assert creating.value.response_code == 403
    with pytest.raises(gitlab.GitlabListError) as reading:
        developer.gitlab.projects.get(project.id, lazy=True).deploytokens.list(get_all=True)
    assert reading.value.response_code == 403


def test_administrators_list_all_deploy_tokens(admin, project, new_person):
    token = project.deploytokens.create({"name": "reader", "scopes": ["read_registry"]})
    assert token.id in [one.id for one in admin.deploytokens.list(get_all=True)]
    with pytest.raises(gitlab.GitlabListError) as refusal:
        new_person().gitlab.deploytokens.list(get_all=True)
    assert refusal.value.response_code == 403


def test_a_deploy_token_is_no_key_to_the_api(connect, project):
    token = project.deploytokens.create({"name": "reader", "scopes": ["read_repository"]}).token
    with pytest.raises(gitlab.GitlabAuthenticationError):
        connect(token).projects.get(project.id)


def test_scopes_may_be_a_list_with_commas(admin, source):
    data = {"name": "reader", "scopes": "read_repository,read_registry"}
    created = admin.http_post(source.deploytokens.path, post_data=data)
    assert sorted(created["scopes"]) == ["read_registry", "read_repository"]
