"""Projects (contract 1.4, 7, 15a)."""

from __future__ import annotations

import gitlab
import pytest

BASIC_KEYS = {
    "id",
    "description",
    "name",
    "name_with_namespace",
    "path",
    "path_with_namespace",
    "created_at",
    "default_branch",
    "tag_list",
    "topics",
    "ssh_url_to_repo",
    "http_url_to_repo",
    "web_url",
    "readme_url",
    "forks_count",
    "avatar_url",
    "star_count",
    "last_activity_at",
    "visibility",
    "namespace",
}


def test_a_project_is_created_and_found_by_id_and_path(admin, group, new_project):
    project = new_project(group, name="Web App", path="web-app", description="first")
    assert project.path_with_namespace == f"{group.full_path}/web-app"
    assert project.name_with_namespace == f"{group.name} / Web App"
    assert (project.visibility, project.archived, project.marked_for_deletion_on) == ("private", False, None)
    assert project.namespace["full_path"] == group.full_path
    assert admin.projects.get(project.path_with_namespace).id == project.id
    assert admin.projects.get(project.id).description == "first"


def test_a_path_is_made_from_the_name(group, new_project):
    assert new_project(group, name="My First App").path == "my-first-app"


def test_a_taken_project_path_is_refused(group, new_project):
    new_project(group, name="web", path="web")
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        new_project(group, name="web", path="web")
    assert refusal.value.response_code == 400
    assert "has already been taken" in refusal.value.error_message["path"]


def test_a_project_needs_a_name_or_a_path(admin):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_post("/projects")
    assert refusal.value.response_code == 400


def test_a_renamed_project_answers_301_on_its_old_path_and_refuses_writes_there(admin, connect, project, server):
    old_path = project.path_with_namespace
    project.path = "renamed"
    project.save()
    assert admin.projects.get(project.id).path_with_namespace == old_path.rsplit("/", 1)[0] + "/renamed"

    moved = f"{server.url}/api/v4/projects/{gitlab.utils.EncodedId(old_path)}"
    headers = {"PRIVATE-TOKEN": server.admin_token}
    redirect = admin.session.get(moved, headers=headers, allow_redirects=False, timeout=15)
    assert redirect.status_code == 301
    assert redirect.headers["Location"].endswith(f"/api/v4/projects/{project.id}")
    assert redirect.text.startswith("This resource has been moved permanently to ")
    assert admin.projects.get(old_path).id == project.id

    with pytest.raises(gitlab.GitlabUpdateError) as refusal:
        admin.projects.update(old_path, {"description": "lost"})
    assert refusal.value.response_code == 405
    assert refusal.value.error_message == "Non GET methods are not allowed for moved projects"


def test_a_redirect_ends_when_the_old_path_is_taken(admin, group, new_project):
    first = new_project(group, name="web", path="web")
    old_path = first.path_with_namespace
    first.path = "older"
    first.save()
    second = new_project(group, name="web again", path="web")
    assert admin.projects.get(old_path).id == second.id


def test_renaming_only_the_name_keeps_the_path(admin, project):
    path = project.path
    project.name = "Another Name"
    project.save()
    read = admin.projects.get(project.id)
    assert (read.name, read.path) == ("Another Name", path)


def test_an_archived_project_stays_listed_and_can_be_unarchived(admin, group, new_project):
    live, archived = new_project(group), new_project(group)
    archived.archive()
    assert admin.projects.get(archived.id).archived is True
    everything = {project.id for project in group.projects.list(get_all=True)}
    assert everything == {live.id, archived.id}
    assert [project.id for project in group.projects.list(archived=True, get_all=True)] == [archived.id]
    assert [project.id for project in group.projects.list(archived=False, get_all=True)] == [live.id]
    assert [project.id for project in group.projects.list(active=True, get_all=True)] == [live.id]
    admin.projects.get(archived.id).unarchive()
    assert admin.projects.get(archived.id).archived is False


def test_archiving_twice_is_refused(admin, project):
    project.archive()
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        project.archive()
    assert refusal.value.response_code == 400


def test_an_archived_project_refuses_new_environments_even_from_administrators(project):
    project.archive()
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        project.environments.create({"name": "production"})
    assert refusal.value.response_code == 403


def test_a_transferred_project_keeps_its_id(admin, new_group, project):
    target = new_group()
    old_path = project.path_with_namespace
    project.transfer(target.full_path)
    read = admin.projects.get(project.id)
    assert read.path_with_namespace == f"{target.full_path}/{project.path}"
    assert read.namespace["id"] == target.id
    assert admin.projects.get(old_path).id == project.id


def test_a_group_takes_a_project_by_transfer(admin, new_group, project):
    target = new_group()
    target.transfer_project(project.id)
    assert admin.projects.get(project.id).namespace["id"] == target.id


def test_a_deleted_project_is_only_marked_and_renamed(admin, project):
    path, name = project.path, project.name
    project.delete()
    marked = admin.projects.get(project.id)
    assert marked.path == f"{path}-deletion_scheduled-{project.id}"
    assert marked.name == f"{name}-deletion_scheduled-{project.id}"
    assert marked.marked_for_deletion_on is not None
    assert marked.marked_for_deletion_at == marked.marked_for_deletion_on

    with pytest.raises(gitlab.GitlabDeleteError) as again:
        project.delete()
    assert again.value.response_code == 400
    assert "Project has already been marked for deletion" in str(again.value.error_message)

    project.restore()
    restored = admin.projects.get(project.id)
    assert (restored.path, restored.name, restored.marked_for_deletion_on) == (path, name, None)


def test_restoring_an_unmarked_project_is_refused(project):
    with pytest.raises(gitlab.GitlabRestoreError) as refusal:
        project.restore()
    assert refusal.value.response_code == 400


def test_a_project_removed_for_good_is_not_found(admin, project):
    project.delete()
    marked = admin.projects.get(project.id)
    admin.projects.delete(project.id, permanently_remove=True, full_path=marked.path_with_namespace)
    with pytest.raises(gitlab.GitlabGetError) as missing:
        admin.projects.get(project.id)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Project Not Found")


def test_simple_lists_hide_the_archived_flag(admin, project):
    listed = next(one for one in admin.projects.list(simple=True, iterator=True) if one.id == project.id)
    assert listed.attributes.keys() == BASIC_KEYS


def test_full_elements_tell_permissions_and_access_levels(project, new_person):
    person = new_person()
    project.members.create({"user_id": person.id, "access_level": 40})
    listed = person.gitlab.projects.list(membership=True, get_all=True)
    assert [one.id for one in listed] == [project.id]
    assert listed[0].permissions["project_access"]["access_level"] == 40
    assert listed[0].permissions["group_access"] is None
    assert listed[0].environments_access_level == "enabled"
    assert listed[0].infrastructure_access_level == "enabled"


def test_an_update_filter_needs_its_order(admin):
    with pytest.raises(gitlab.GitlabListError) as refusal:
        admin.projects.list(updated_after="2026-01-01T00:00:00Z", get_all=True)
    assert refusal.value.response_code == 400
    assert refusal.value.error_message == (
        "400 Bad request - `updated_at` filter and `updated_at` sorting must be paired"
    )


def test_projects_are_found_by_search_and_topic(admin, group, new_project):
    project = new_project(group, topics=["conformance-topic"])
    assert project.id in [one.id for one in admin.projects.list(search=project.path, get_all=True)]
    assert project.id in [one.id for one in admin.projects.list(topic="conformance-topic", get_all=True)]


def test_a_private_project_is_not_found_by_strangers(connect, new_person, project):
    for client in (new_person().gitlab, connect()):
        with pytest.raises(gitlab.GitlabGetError) as missing:
            client.projects.get(project.id)
        assert (missing.value.response_code, missing.value.error_message) == (404, "404 Project Not Found")


def test_a_public_project_shows_only_its_basics_without_a_token(connect, new_group, new_project):
    project = new_project(new_group(visibility="public"), visibility="public")
    assert connect().projects.get(project.id).path_with_namespace == project.path_with_namespace
    listed = connect().projects.list(search=project.path, get_all=True)
    assert [one.attributes.keys() for one in listed] == [BASIC_KEYS]


def test_everything_below_an_old_path_redirects_too(admin, project, server):
    project.variables.create({"key": "A", "value": "1"})
    old_path = gitlab.utils.EncodedId(project.path_with_namespace)
    project.path = "renamed"
    project.save()
    url = f"{server.url}/api/v4/projects/{old_path}/variables/A"
    redirect = admin.session.get(url, headers={"PRIVATE-TOKEN": server.admin_token}, allow_redirects=False, timeout=15)
    assert redirect.status_code == 301
    assert redirect.headers["Location"].endswith(f"/api/v4/projects/{project.id}/variables/A")
    assert admin.http_get(f"/projects/{old_path}/variables/A")["value"] == "1"


@pytest.mark.parametrize(
    ("feature", "calls"),
    [
        ("builds_access_level", ("variables", "environments")),
        ("repository_access_level", ("variables", "environments")),
        ("environments_access_level", ("environments",)),
        ("infrastructure_access_level", ("clusters",)),
    ],
)
def test_a_feature_that_is_switched_off_is_forbidden_to_everybody(
    admin, certificate_clusters, new_person, project, feature, calls
):
    owner = new_person()
    project.members.create({"user_id": owner.id, "access_level": 50})
    admin.projects.update(project.id, {feature: "disabled"})
    for call in calls:
        with pytest.raises(gitlab.GitlabHttpError) as refusal:
            owner.gitlab.http_get(f"/projects/{project.id}/{call}")
        assert (refusal.value.response_code, refusal.value.error_message) == (403, "403 Forbidden")


def test_only_owners_delete_a_project(project, new_person):
    maintainer, owner = new_person(), new_person()
    project.members.create({"user_id": maintainer.id, "access_level": 40})
    project.members.create({"user_id": owner.id, "access_level": 50})
    with pytest.raises(gitlab.GitlabDeleteError) as refusal:
        maintainer.gitlab.projects.delete(project.id)
    assert (refusal.value.response_code, refusal.value.error_message) == (403, "403 Forbidden")
    owner.gitlab.projects.delete(project.id)


def test_maintainers_rename_a_project_and_developers_do_not(project, new_person):
    developer, maintainer = new_person(), new_person()
    project.members.create({"user_id": developer.id, "access_level": 30})
    project.members.create({"user_id": maintainer.id, "access_level": 40})
    with pytest.raises(gitlab.GitlabUpdateError) as refusal:
        developer.gitlab.projects.update(project.id, {"description": "changed"})
    assert refusal.value.response_code == 403
    maintainer.gitlab.projects.update(project.id, {"description": "changed"})


def test_the_head_of_a_project_can_be_asked_for(admin, project):
    assert admin.projects.head(project.id)["Content-Type"].startswith("application/json")


def test_a_user_has_projects_of_their_own(new_person):
    person = new_person()
    project = person.gitlab.projects.create({"name": "mine"})
    assert project.path_with_namespace == f"{person.username}/mine"
    assert project.namespace["kind"] == "user"
    assert person.gitlab.projects.get(project.id).owner["id"] == person.id
    assert [one.id for one in person.gitlab.projects.list(owned=True, get_all=True)] == [project.id]
    project.delete()


def test_a_private_projects_deploy_tokens_are_not_found_without_a_token(connect, project):
    with pytest.raises(gitlab.GitlabListError) as missing:
        connect().projects.get(project.id, lazy=True).deploytokens.list(get_all=True)
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Project Not Found")


def test_environments_of_a_public_project_need_a_token(connect, new_group, new_person, new_project):
    project = new_project(new_group(visibility="public"), visibility="public")
    assert new_person().gitlab.projects.get(project.id).environments.list(get_all=True) == []
    with pytest.raises(gitlab.GitlabAuthenticationError):
        connect().projects.get(project.id, lazy=True).environments.list(get_all=True)
