"""Groups (contract 1.4, 8)."""

from __future__ import annotations

import gitlab
import pytest


def test_a_group_is_created_read_changed_and_deleted(admin, new_group, new_name):
    group = new_group(description="first")
    assert (group.full_path, group.parent_id, group.visibility, group.archived) == (group.path, None, "private", False)
    assert admin.groups.get(group.full_path).id == group.id
    group.description = "second"
    group.name = new_name("renamed group")
    group.save()
    read = admin.groups.get(group.id)
    assert (read.description, read.name, read.path) == ("second", group.name, group.path)
    admin.groups.delete(group.id)
    assert admin.groups.get(group.id).marked_for_deletion_on is not None


def test_a_marked_group_can_be_restored(admin, new_group):
    group = new_group()
    admin.groups.delete(group.id)
    admin.groups.get(group.id).restore()
    assert admin.groups.get(group.id).marked_for_deletion_on is None


def test_a_taken_path_is_refused(new_group, new_name):
    group = new_group()
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        new_group(name=new_name("other"), path=group.path)
    assert refusal.value.response_code == 400
    assert "has already been taken" in str(refusal.value.error_message)


def test_a_group_needs_name_and_path(admin):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_post("/groups")
    assert (refusal.value.response_code, refusal.value.error_message) == (400, "name is missing, path is missing")


def test_subgroups_and_descendants(admin, new_group):
    top = new_group()
    child = new_group(parent_id=top.id)
    grandchild = new_group(parent_id=child.id)
    assert child.full_path == f"{top.path}/{child.path}"
    assert grandchild.full_path == f"{top.path}/{child.path}/{grandchild.path}"
    assert [group.id for group in top.subgroups.list(get_all=True)] == [child.id]
    assert [group.id for group in top.descendant_groups.list(get_all=True)] == [child.id, grandchild.id]
    assert admin.groups.get(grandchild.full_path).parent_id == child.id


def test_groups_are_listed_by_name_ascending(admin, new_group):
    new_group(), new_group()
    names = [group.name for group in admin.groups.list(get_all=True)]
    assert names == sorted(names, key=str.lower)


def test_top_level_only_leaves_subgroups_out(admin, new_group):
    top = new_group()
    child = new_group(parent_id=top.id)
    ids = [group.id for group in admin.groups.list(top_level_only=True, get_all=True)]
    assert top.id in ids and child.id not in ids


def test_search_finds_groups_by_part_of_the_name(admin, new_group):
    group = new_group()
    assert [found.id for found in admin.groups.list(search=group.path, get_all=True)] == [group.id]


def test_projects_of_subgroups_come_only_when_asked_for(new_group, new_project):
    top = new_group()
    child = new_group(parent_id=top.id)
    above, below = new_project(top), new_project(child)
    assert [project.id for project in top.projects.list(get_all=True)] == [above.id]
    both = top.projects.list(include_subgroups=True, with_shared=False, order_by="id", sort="asc", get_all=True)
    assert [project.id for project in both] == [above.id, below.id]


def test_projects_of_a_group_come_without_permissions(new_group, new_project):
    group = new_group()
    new_project(group)
    full = group.projects.list(get_all=True)[0]
    assert full.archived is False
    assert "permissions" not in full.attributes
    simple = group.projects.list(simple=True, get_all=True)[0]
    assert "archived" not in simple.attributes


def test_a_group_names_its_projects(admin, new_group, new_project):
    group = new_group()
    project = new_project(group)
    detail = admin.http_get(f"/groups/{group.id}")
    assert [one["id"] for one in detail["projects"]] == [project.id]
    assert "projects" not in admin.http_get(f"/groups/{group.id}", query_data={"with_projects": "false"})


def test_a_transferred_group_takes_its_projects_along(admin, new_group, new_project):
    target, moved = new_group(), new_group()
    project = new_project(moved)
    moved.transfer(target.id)
    group = admin.groups.get(moved.id)
    assert group.full_path == f"{target.path}/{moved.path}"
    assert admin.projects.get(project.id).path_with_namespace == f"{group.full_path}/{project.path}"
    group.transfer()
    assert admin.groups.get(moved.id).full_path == moved.path


def test_an_old_group_path_does_not_redirect_but_its_projects_do(admin, new_group, new_project, new_name):
    group = new_group()
    project = new_project(group)
    old_group_path, old_project_path = group.full_path, project.path_with_namespace
    admin.groups.update(group.id, {"path": new_name("moved")})
    with pytest.raises(gitlab.GitlabGetError) as missing:
        admin.groups.get(old_group_path)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Group Not Found")
    assert admin.projects.get(old_project_path).id == project.id


def test_a_private_group_is_not_found_by_strangers(connect, new_group, new_person):
    group = new_group()
    for client in (new_person().gitlab, connect()):
        with pytest.raises(gitlab.GitlabGetError) as missing:
            client.groups.get(group.id)
        assert (missing.value.response_code, missing.value.error_message) == (404, "404 Group Not Found")


def test_a_maintainer_may_not_change_a_group(new_group, new_person):
    group, person = new_group(), new_person()
    group.members.create({"user_id": person.id, "access_level": gitlab.const.AccessLevel.MAINTAINER})
    with pytest.raises(gitlab.GitlabUpdateError) as refusal:
        person.gitlab.groups.update(group.id, {"description": "mine"})
    assert (refusal.value.response_code, refusal.value.error_message) == (403, "403 Forbidden")


def test_projects_shared_with_a_group_are_among_its_projects_unless_left_out(new_group, project):
    group = new_group()
    project.share(group.id, gitlab.const.AccessLevel.DEVELOPER)
    assert [one.id for one in group.projects.list(get_all=True)] == [project.id]
    assert group.projects.list(with_shared=False, get_all=True) == []


def test_a_public_group_is_seen_without_a_token_by_cursor(admin, connect, new_group):
    group = new_group(visibility="public")
    walked = connect().groups.list(iterator=True, pagination="keyset", order_by="name", sort="asc", per_page=1)
    assert group.id in [one.id for one in walked]
    # Signed-in callers get pages by number whatever they ask for.
    answer = admin.http_request("get", "/groups", query_data={"pagination": "keyset", "order_by": "name"})
    assert answer.headers["X-Page"] == "1"


def test_an_archived_group_takes_no_variables(admin, group):
    admin.http_post(f"/groups/{group.id}/archive")
    assert admin.groups.get(group.id).archived is True
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        group.variables.create({"key": "A", "value": "1"})
    assert refusal.value.response_code == 403
    admin.http_post(f"/groups/{group.id}/unarchive")
    group.variables.create({"key": "A", "value": "1"})


def test_the_projects_of_an_archived_group_count_as_archived(admin, group, new_project):
    project = new_project(group)
    admin.http_post(f"/groups/{group.id}/archive")
    assert admin.projects.get(project.id).archived is True
