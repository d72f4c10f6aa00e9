"""Personal access tokens: creating them for others, reading and rotating one's own (contract 11)."""

from __future__ import annotations

import datetime

import gitlab
import pytest

KEYS = {
    "id",
    "name",
    "revoked",
    "created_at",
    "description",
    "scopes",
    "user_id",
    "last_used_at",
    "active",
    "granular",
    "expires_at",
}


def in_days(days: int) -> str:
    """A date in UTC as GitLab writes it."""
    return (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=days)).isoformat()


def test_a_token_created_for_a_user_acts_as_that_user(connect, new_user, token_of):
    user = new_user()
    token = connect(token_of(user, ["api"], name="operator", expires_at=in_days(30))).personal_access_tokens.get("self")
    assert token.attributes.keys() - {"last_used_ips"} == KEYS
    assert (token.user_id, token.name, token.scopes) == (user.id, "operator", ["api"])
    assert (token.revoked, token.active, token.granular) == (False, True, False)
    assert token.expires_at == in_days(30)
    assert token.description is None


def test_the_secret_is_shown_once_only(admin, connect, new_user):
    user = admin.users.get(new_user().id, lazy=True)
    created = user.personal_access_tokens.create({"name": "operator", "scopes": ["api"]})
    assert created.token.startswith("glpat-")
    assert "token" not in connect(created.token).personal_access_tokens.get("self").attributes


def test_a_token_can_be_read_by_any_scope(new_person):
    assert new_person("read_user").gitlab.personal_access_tokens.get("self").scopes == ["read_user"]


def test_tokens_work_as_bearer_too(connect, new_person, server):
    person = new_person()
    bearer = connect(oauth_token=person.token)
    assert bearer.personal_access_tokens.get("self").user_id == person.id


def test_using_a_token_is_noted(new_person):
    person = new_person()
    person.gitlab.auth()
    assert person.gitlab.personal_access_tokens.get("self").last_used_at is not None


def test_rotation_kills_the_old_token_at_once(connect, new_person):
    person = new_person()
    old = person.gitlab.personal_access_tokens.get("self")
    new = person.gitlab.personal_access_tokens.rotate("self", expires_at=in_days(20))
    assert new["token"] != person.token and new["token"].startswith("glpat-")
    assert new["id"] != old.id
    assert (new["name"], new["scopes"], new["expires_at"]) == (old.name, old.scopes, in_days(20))

    with pytest.raises(gitlab.GitlabAuthenticationError) as dead:
        person.gitlab.personal_access_tokens.get("self")
    assert dead.value.error_message == "invalid_token"
    assert b"Token was revoked. You have to re-authorize from the user." in dead.value.response_body
    assert connect(new["token"]).personal_access_tokens.get("self").id == new["id"]


def test_a_rotated_token_lives_a_week_unless_told_otherwise(new_person):
    new = new_person().gitlab.personal_access_tokens.rotate("self")
    assert new["expires_at"] == in_days(7)


def test_rotation_is_possible_with_the_scope_self_rotate(new_person):
    assert new_person("self_rotate").gitlab.personal_access_tokens.rotate("self")["scopes"] == ["self_rotate"]


def test_rotation_needs_more_than_read_api(new_person):
    with pytest.raises(gitlab.GitlabRotateError) as refusal:
        new_person("read_api").gitlab.personal_access_tokens.rotate("self")
    assert (refusal.value.response_code, refusal.value.error_message) == (403, "insufficient_scope")


def test_rotating_a_dead_token_destroys_its_descendants(connect, new_person):
    person = new_person()
    new = connect(person.gitlab.personal_access_tokens.rotate("self")["token"])
    with pytest.raises(gitlab.GitlabAuthenticationError):
        person.gitlab.personal_access_tokens.rotate("self")
    with pytest.raises(gitlab.GitlabAuthenticationError) as dead:
        new.personal_access_tokens.get("self")
    assert dead.value.response_code == 401


def test_a_token_can_revoke_itself(new_person):
    person = new_person()
    person.gitlab.personal_access_tokens.delete("self")
    with pytest.raises(gitlab.GitlabAuthenticationError):
        person.gitlab.auth()


def test_an_administrator_lists_the_tokens_of_a_user(admin, new_person):
    person = new_person()
    listed = admin.personal_access_tokens.list(user_id=person.id, get_all=True)
    assert [token.user_id for token in listed] == [person.id]
    assert admin.personal_access_tokens.get(listed[0].id).name == listed[0].name


def test_an_administrator_revokes_the_token_of_a_user(admin, new_person):
    person = new_person()
    token = admin.personal_access_tokens.list(user_id=person.id, get_all=True)[0]
    token.delete()
    with pytest.raises(gitlab.GitlabAuthenticationError):
        person.gitlab.auth()
    assert admin.personal_access_tokens.get(token.id).revoked is True


def test_an_administrator_rotates_the_token_of_a_user(admin, connect, new_person):
    person = new_person()
    token = admin.personal_access_tokens.list(user_id=person.id, get_all=True)[0]
    rotated = token.rotate(expires_at=in_days(10))
    assert connect(rotated["token"]).personal_access_tokens.get("self").expires_at == in_days(10)


def test_nobody_makes_tokens_for_others_but_administrators(new_person):
    person, other = new_person(), new_person()
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        person.gitlab.users.get(other.id, lazy=True).personal_access_tokens.create(
            {"name": "stolen", "scopes": ["api"]}
        )
    assert refusal.value.response_code == 403


def test_an_unknown_scope_is_refused(admin, new_user):
    user = admin.users.get(new_user().id, lazy=True)
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        user.personal_access_tokens.create({"name": "operator", "scopes": ["everything"]})
    assert (refusal.value.response_code, refusal.value.error_message) == (400, "scopes does not have a valid value")


def test_a_token_is_dead_on_the_day_it_expires(connect, new_user, token_of):
    token = token_of(new_user(), ["api"], expires_at=in_days(0))
    with pytest.raises(gitlab.GitlabAuthenticationError) as dead:
        connect(token).personal_access_tokens.get("self")
    assert dead.value.error_message == "invalid_token"
    assert b"Token is expired. You can either do re-authorization or token refresh." in dead.value.response_body


def test_a_dead_token_is_answered_with_a_challenge(new_person, server):
    person = new_person()
    person.gitlab.personal_access_tokens.delete("self")
    answer = person.gitlab.session.get(f"{server.url}/api/v4/user", headers={"PRIVATE-TOKEN": person.token}, timeout=15)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
