"""Tokens, scopes, sudo and the two shapes of errors (contract 1.1, 1.2, 1.3)."""

from __future__ import annotations

import json

import gitlab
import pytest


def test_an_unknown_token_is_unauthorized(connect):
    with pytest.raises(gitlab.GitlabAuthenticationError) as refusal:
        connect("glpat-nobody-has-this-token").projects.list(get_all=True)
    assert (refusal.value.response_code, refusal.value.error_message) == (401, "401 Unauthorized")


def test_an_unknown_path_answers_under_error_not_message(admin):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_get("/no-such-endpoint")
    assert refusal.value.response_code == 404
    assert json.loads(refusal.value.response_body) == {"error": "404 Not Found"}


def test_a_wrong_method_is_not_allowed(admin):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_delete("/version")
    assert refusal.value.response_code == 405
    assert json.loads(refusal.value.response_body) == {"error": "405 Not Allowed"}


def test_the_third_version_of_the_api_is_gone(admin, server):
    answer = admin.session.get(f"{server.url}/api/v3/projects", timeout=15)
    assert answer.status_code == 410


def test_the_scope_read_api_reads_only(new_person, group):
    person = new_person("read_api")
    assert person.gitlab.groups.list(get_all=True) == []
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        person.gitlab.projects.create({"name": "web"})
    body = json.loads(refusal.value.response_body)
    assert refusal.value.response_code == 403
    assert body["error"] == "insufficient_scope"
    assert body["error_description"] == ("The request requires higher privileges than provided by the access token.")
    assert "api" in body["scope"].split()


def test_the_scope_read_user_does_not_read_projects(new_person):
    with pytest.raises(gitlab.GitlabListError) as refusal:
        new_person("read_user").gitlab.projects.list(get_all=True)
    assert (refusal.value.response_code, refusal.value.error_message) == (403, "insufficient_scope")


def test_sudo_acts_as_another_user_by_name_or_id(admin, new_person):
    person = new_person()
    assert admin.http_get("/user", sudo=person.username)["id"] == person.id
    assert admin.http_get("/user", sudo=person.id)["id"] == person.id
    assert admin.http_get("/user", extra_headers={"Sudo": person.username})["id"] == person.id


def test_sudo_keeps_the_other_users_limits(admin, new_person, project):
    with pytest.raises(gitlab.GitlabGetError) as missing:
        admin.projects.get(project.id, sudo=new_person().id)
    assert missing.value.response_code == 404


def test_sudo_is_for_administrators_with_that_scope(admin, connect, new_person, new_user, token_of):
    other = new_person()
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        new_person("api", "sudo").gitlab.http_get("/user", sudo=other.id)
    assert refusal.value.response_code == 403
    administrator = new_user(admin=True)
    with pytest.raises(gitlab.GitlabHttpError) as without_scope:
        connect(token_of(administrator, ["api"])).http_get("/user", sudo=other.id)
    assert without_scope.value.response_code == 403
    assert connect(token_of(administrator, ["api", "sudo"])).http_get("/user", sudo=other.id)["id"] == other.id


def test_the_token_may_stand_in_the_query(connect, new_person):
    person = new_person()
    for name in ("private_token", "access_token"):
        answer = connect().http_get("/user", query_data={name: person.token})
        assert answer["id"] == person.id


@pytest.mark.parametrize("kind", ["json", "form", "multipart", "query"])
def test_parameters_are_taken_from_every_kind_of_body(admin, group, server, kind, new_name):
    name = new_name("variable").replace("-", "_").upper()
    url = f"{server.url}/api/v4{group.variables.path}"
    values = {"key": name, "value": "one", "raw": "true"}
    content = {
        "json": {"json": values},
        "form": {"data": values},
        "multipart": {"files": {key: (None, value) for key, value in values.items()}},
        "query": {"params": values},
    }[kind]
    answer = admin.session.post(url, headers={"PRIVATE-TOKEN": server.admin_token}, timeout=15, **content)
    assert answer.status_code == 201
    assert (answer.json()["key"], answer.json()["value"], answer.json()["raw"]) == (name, "one", True)


def test_unknown_parameters_are_ignored(admin, group):
    created = admin.http_post(group.variables.path, post_data={"key": "A", "value": "1", "colour": "blue"})
    assert "colour" not in created


def test_a_parameter_of_the_wrong_kind_is_invalid(admin, group):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_post(group.variables.path, post_data={"key": "A", "value": "1", "protected": "perhaps"})
    assert (refusal.value.response_code, refusal.value.error_message) == (400, "protected is invalid")


def test_a_record_below_a_visible_parent_is_spelt_with_a_small_f(project):
    with pytest.raises(gitlab.GitlabGetError) as missing:
        project.environments.get(999_999_999)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Not found")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/projects/999999999", "404 Project Not Found"),
        ("/projects/no%2Fsuch", "404 Project Not Found"),
        ("/groups/no-such-group", "404 Group Not Found"),
        ("/users/999999999", "404 User Not Found"),
    ],
)
def test_what_is_missing_is_named(admin, path, message):
    with pytest.raises(gitlab.GitlabHttpError) as missing:
        admin.http_get(path)
    assert (missing.value.response_code, missing.value.error_message) == (404, message)


def test_a_stale_precondition_fails_a_deletion(admin, group):
    group.variables.create({"key": "A", "value": "1"})
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_delete(
            f"{group.variables.path}/A", extra_headers={"If-Unmodified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"}
        )
    assert (refusal.value.response_code, refusal.value.error_message) == (412, "412 Precondition Failed")
    assert group.variables.get("A").value == "1"
