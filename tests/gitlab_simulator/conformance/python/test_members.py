"""Members of projects and groups, direct and effective (contract 6)."""

from __future__ import annotations

import gitlab
import pytest
from gitlab.const import AccessLevel

KEYS = {
    "id",
    "username",
    "public_email",
    "name",
    "state",
    "locked",
    "avatar_url",
    "web_url",
    "access_level",
    "created_at",
    "created_by",
    "expires_at",
}
DEVELOPER, MAINTAINER, OWNER = AccessLevel.DEVELOPER, AccessLevel.MAINTAINER, AccessLevel.OWNER


@pytest.fixture(params=["project", "group"])
def source(request: pytest.FixtureRequest):
    """Both kinds of members have the same calls."""
    return request.getfixturevalue(request.param)


def test_a_member_is_added_changed_and_removed(source, new_user, admin):
    user = new_user()
    member = source.members.create({"user_id": user.id, "access_level": DEVELOPER})
    assert (member.id, member.username, member.access_level, member.expires_at) == (user.id, user.username, 30, None)
    assert member.attributes.keys() >= KEYS
    assert member.created_by["id"] == admin.http_get("/user")["id"]

    member.access_level = MAINTAINER
    member.expires_at = "2099-12-31"
    member.save()
    read = source.members.get(user.id)
    assert (read.access_level, read.expires_at) == (40, "2099-12-31")

    member.delete()
    with pytest.raises(gitlab.GitlabGetError) as missing:
        source.members.get(user.id)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Not found")


def test_a_member_can_be_added_by_name(source, new_user):
    user = new_user()
    assert source.members.create({"username": user.username, "access_level": DEVELOPER}).id == user.id


def test_adding_a_member_twice_conflicts(source, new_user):
    user = new_user()
    source.members.create({"user_id": user.id, "access_level": DEVELOPER})
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.members.create({"user_id": user.id, "access_level": MAINTAINER})
    assert (refusal.value.response_code, refusal.value.error_message) == (409, "Member already exists")


def test_an_unknown_user_cannot_be_added(source):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.members.create({"user_id": 999_999_999, "access_level": DEVELOPER})
    assert (refusal.value.response_code, refusal.value.error_message) == (404, "404 User Not Found")


def test_a_list_of_users_is_answered_with_a_status(source, new_user, admin):
    users = [new_user(), new_user()]
    data = {"user_id": ",".join(str(user.id) for user in users), "access_level": int(DEVELOPER)}
    assert admin.http_post(source.members.path, post_data=data) == {"status": "success"}
    listed = [member.id for member in source.members.list(get_all=True)]
    assert [user.id for user in users] == [one for one in listed if one in {user.id for user in users}]


def test_an_access_level_must_be_one_that_gitlab_knows(source, new_user):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.members.create({"user_id": new_user().id, "access_level": 33})
    assert refusal.value.response_code == 400


def test_members_are_found_by_name_and_id(source, new_user):
    users = [new_user(), new_user()]
    for user in users:
        source.members.create({"user_id": user.id, "access_level": DEVELOPER})
    assert [one.id for one in source.members.list(query=users[1].username, get_all=True)] == [users[1].id]
    assert [one.id for one in source.members.list(user_ids=[users[0].id], get_all=True)] == [users[0].id]


def test_members_of_the_group_are_members_of_the_project_only_in_the_full_list(group, new_project, new_user):
    project, user = new_project(group), new_user()
    group.members.create({"user_id": user.id, "access_level": DEVELOPER})
    assert user.id not in [member.id for member in project.members.list(get_all=True)]
    assert user.id in [member.id for member in project.members_all.list(get_all=True)]
    assert project.members_all.get(user.id).access_level == 30
    with pytest.raises(gitlab.GitlabGetError) as missing:
        project.members.get(user.id)
    assert missing.value.response_code == 404


def test_the_full_list_has_one_row_per_user_with_the_highest_level(group, new_project, new_user):
    project, user = new_project(group), new_user()
    # In this order: a project membership below the inherited level is refused.
    project.members.create({"user_id": user.id, "access_level": DEVELOPER, "expires_at": "2099-01-31"})
    group.members.create({"user_id": user.id, "access_level": MAINTAINER})
    rows = [member for member in project.members_all.list(get_all=True) if member.id == user.id]
    assert [(row.access_level, row.expires_at) for row in rows] == [(40, "2099-01-31")]


def test_a_membership_below_the_inherited_level_is_refused(group, new_project, new_user):
    project, user = new_project(group), new_user()
    group.members.create({"user_id": user.id, "access_level": MAINTAINER})
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        project.members.create({"user_id": user.id, "access_level": DEVELOPER})
    assert refusal.value.response_code == 400
    assert "should be greater than or equal to Maintainer" in refusal.value.error_message["access_level"][0]


def test_members_of_parent_groups_are_inherited_by_subgroups(new_group, new_user):
    top = new_group()
    child = new_group(parent_id=top.id)
    user = new_user()
    top.members.create({"user_id": user.id, "access_level": OWNER})
    assert child.members_all.get(user.id).access_level == 50
    assert user.id in [member.id for member in child.members_all.list(get_all=True)]


def test_members_of_an_invited_group_are_in_the_full_list(new_group, project, new_user):
    invited, user = new_group(), new_user()
    invited.members.create({"user_id": user.id, "access_level": OWNER})
    project.share(invited.id, DEVELOPER)
    assert project.members_all.get(user.id).access_level == 30
    project.unshare(invited.id)
    assert user.id not in [member.id for member in project.members_all.list(get_all=True)]


def test_minimal_access_is_no_membership_of_projects(group, new_project, new_user):
    project, user = new_project(group), new_user()
    group.members.create({"user_id": user.id, "access_level": AccessLevel.MINIMAL_ACCESS})
    assert user.id not in [member.id for member in project.members_all.list(get_all=True)]


def test_blocked_users_stay_in_the_lists(admin, source, new_user):
    user = new_user()
    source.members.create({"user_id": user.id, "access_level": DEVELOPER})
    admin.users.get(user.id).block()
    for listed in (source.members.list(get_all=True), source.members_all.list(get_all=True)):
        assert [member.state for member in listed if member.id == user.id] == ["blocked"]


def test_only_maintainers_add_members(project, new_person, new_user):
    developer, maintainer = new_person(), new_person()
    project.members.create({"user_id": developer.id, "access_level": DEVELOPER})
    project.members.create({"user_id": maintainer.id, "access_level": MAINTAINER})
    data = {"user_id": new_user().id, "access_level": DEVELOPER}
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        developer.gitlab.projects.get(project.id).members.create(data)
    assert (refusal.value.response_code, refusal.value.error_message) == (403, "403 Forbidden")
    assert maintainer.gitlab.projects.get(project.id).members.create(data).access_level == 30


def test_a_change_needs_an_access_level(admin, source, new_user):
    user = new_user()
    source.members.create({"user_id": user.id, "access_level": DEVELOPER})
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_put(f"{source.members.path}/{user.id}", post_data={"expires_at": "2099-01-31"})
    assert (refusal.value.response_code, refusal.value.error_message) == (400, "access_level is missing")


def test_members_are_listed_in_the_order_of_their_joining(source, new_user):
    users = [new_user() for _ in range(3)]
    joining = [users[2], users[0], users[1]]
    for user in joining:
        source.members.create({"user_id": user.id, "access_level": DEVELOPER})
    listed = [member.id for member in source.members.list(get_all=True)]
    assert [one for one in listed if one in {user.id for user in users}] == [user.id for user in joining]


def test_the_creator_of_a_group_owns_it(admin, group):
    creator = admin.http_get("/user")["id"]
    assert group.members.get(creator).access_level == 50


def test_an_expiry_must_be_a_day(source, new_user):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.members.create({"user_id": new_user().id, "access_level": DEVELOPER, "expires_at": "someday"})
    assert (refusal.value.response_code, refusal.value.error_message) == (400, "expires_at is invalid")


def test_a_user_is_named_by_id_or_by_name_not_both(admin, source, new_user):
    user = new_user()
    for data in ({}, {"user_id": user.id, "username": user.username}):
        with pytest.raises(gitlab.GitlabHttpError) as refusal:
            admin.http_post(source.members.path, post_data={"access_level": int(DEVELOPER), **data})
        assert refusal.value.response_code == 400
