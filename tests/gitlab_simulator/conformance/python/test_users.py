"""Users (contract 9, and the administration that a test of GitLab needs)."""

from __future__ import annotations

import gitlab
import pytest

BASIC_KEYS = {"id", "username", "public_email", "name", "state", "locked", "avatar_url", "web_url"}


def test_a_created_user_is_active_and_found_by_name(admin, new_user):
    user = new_user(name="Conformance User")
    assert (user.name, user.state, user.locked) == ("Conformance User", "active", False)
    assert [found.id for found in admin.users.list(username=user.username.upper(), get_all=True)] == [user.id]
    assert user.id in [found.id for found in admin.users.list(search=user.username, get_all=True)]
    assert admin.users.get(user.id).username == user.username


def test_users_are_listed_newest_first(admin, new_user):
    first, second = new_user(), new_user()
    ids = [user.id for user in admin.users.list(per_page=50, page=1)]
    assert ids == sorted(ids, reverse=True)
    assert ids.index(second.id) < ids.index(first.id)


def test_an_administrator_sees_more_of_a_user_than_others(admin, new_user, new_person):
    user, person = new_user(), new_person()
    seen = person.gitlab.users.list(username=user.username, get_all=True)[0]
    assert seen.attributes.keys() == BASIC_KEYS
    full = admin.users.list(username=user.username, get_all=True)[0]
    assert full.email == f"{user.username}@example.com"
    assert full.is_admin is False and full.bot is False and full.external is False


def test_the_current_user_is_the_owner_of_the_token(new_person):
    person = new_person("read_user")
    person.gitlab.auth()
    assert (person.gitlab.user.id, person.gitlab.user.username) == (person.id, person.username)


def test_a_taken_user_name_conflicts(new_user):
    user = new_user()
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        new_user(username=user.username)
    assert refusal.value.response_code == 409
    assert refusal.value.error_message == "Username has already been taken"


def test_a_user_needs_email_name_and_username(admin):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        admin.users.create({"force_random_password": True})
    assert refusal.value.response_code == 400
    assert refusal.value.error_message == "email is missing, name is missing, username is missing"


def test_only_administrators_create_users(new_person):
    person = new_person()
    data = {"username": "user-x", "name": "user-x", "email": "user-x@example.com", "force_random_password": True}
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        person.gitlab.users.create(data)
    assert (refusal.value.response_code, refusal.value.error_message) == (403, "403 Forbidden")


def test_a_user_can_be_renamed(admin, new_user, new_name):
    user = new_user()
    renamed = admin.users.get(user.id)
    renamed.username = new_name("renamed-user")
    renamed.save()
    assert admin.users.get(user.id).username == renamed.username
    assert admin.users.list(username=user.username, get_all=True) == []


def test_a_blocked_user_cannot_use_the_api_until_unblocked(admin, new_person):
    person = new_person()
    admin.users.get(person.id).block()
    assert admin.users.get(person.id).state == "blocked"
    assert person.id in [user.id for user in admin.users.list(blocked=True, get_all=True)]
    with pytest.raises(gitlab.GitlabError) as refusal:
        person.gitlab.http_get("/user")
    assert refusal.value.response_code == 403
    admin.users.get(person.id).unblock()
    assert admin.users.get(person.id).state == "active"
    person.gitlab.auth()


def test_users_can_be_banned_and_deactivated(admin, new_user):
    user = admin.users.get(new_user().id)
    user.deactivate()
    assert admin.users.get(user.id).state == "deactivated"
    user.activate()
    user.ban()
    assert admin.users.get(user.id).state == "banned"
    user.unban()
    assert admin.users.get(user.id).state == "active"


def test_a_deleted_user_is_gone(admin, new_user):
    user = new_user()
    admin.users.delete(user.id, hard_delete=True)
    with pytest.raises(gitlab.GitlabGetError) as missing:
        admin.users.get(user.id)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 User Not Found")


def test_administrators_can_be_told_apart(admin, new_user):
    other = new_user(admin=True)
    administrators = [user.id for user in admin.users.list(admins=True, get_all=True)]
    assert other.id in administrators
    assert new_user().id not in administrators


def test_users_are_not_listed_without_a_token(connect, new_user):
    with pytest.raises(gitlab.GitlabListError) as listing:
        connect().users.list(get_all=True)
    assert listing.value.response_code == 403
    with pytest.raises(gitlab.GitlabGetError) as reading:
        connect().users.get(new_user().id)
    assert reading.value.response_code == 403
