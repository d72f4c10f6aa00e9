"""CI/CD variables of projects, groups and the instance (contract 3)."""

from __future__ import annotations

import gitlab
import pytest
from gitlab.const import AccessLevel

KEYS = [
    "variable_type",
    "key",
    "value",
    "hidden",
    "protected",
    "masked",
    "raw",
    "environment_scope",
    "description",
]


def scoped(scope: str) -> dict[str, str]:
    """The filter that selects one of several variables of a key."""
    return {"environment_scope": scope}


@pytest.fixture(params=["project", "group"])
def source(request: pytest.FixtureRequest):
    """Projects and groups have the same calls."""
    return request.getfixturevalue(request.param)


def test_a_variable_has_gitlabs_defaults(source):
    variable = source.variables.create({"key": "KUBE_URL", "value": "https://kube.example.com:6443"})
    known = {key: variable.attributes[key] for key in KEYS if key in variable.attributes}
    assert known == {
        "variable_type": "env_var",
        "key": "KUBE_URL",
        "value": "https://kube.example.com:6443",
        "hidden": False,
        "protected": False,
        "masked": False,
        "raw": False,
        "environment_scope": "*",
        "description": None,
    }


def test_a_change_leaves_alone_what_it_does_not_name(source):
    source.variables.create(
        {"key": "KUBECONFIG", "value": "one", "variable_type": "file", "raw": True, "description": "kept"}
    )
    variable = source.variables.get("KUBECONFIG")
    variable.value = "two"
    variable.save()
    read = source.variables.get("KUBECONFIG")
    assert (read.value, read.variable_type, read.raw, read.description) == ("two", "file", True, "kept")


def test_a_key_in_a_change_never_renames(admin, source):
    source.variables.create({"key": "FIRST", "value": "1"})
    admin.http_put(f"{source.variables.path}/FIRST", post_data={"key": "SECOND", "value": "2"})
    assert source.variables.get("FIRST").value == "2"
    with pytest.raises(gitlab.GitlabGetError):
        source.variables.get("SECOND")


def test_a_missing_variable_is_named_by_its_class(project, group, admin):
    for source, name in ((project, "Variable"), (group, "GroupVariable"), (admin, "InstanceVariable")):
        with pytest.raises(gitlab.GitlabGetError) as missing:
            source.variables.get("MISSING")
        assert (missing.value.response_code, missing.value.error_message) == (404, f"404 {name} Not Found")


def test_keys_are_checked(source):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.variables.create({"key": "NOT-GOOD", "value": "1"})
    assert refusal.value.response_code == 400
    assert refusal.value.error_message == {"key": ["can contain only letters, digits and '_'."]}


def test_key_and_value_are_required_but_a_value_may_be_empty(admin, source):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        admin.http_post(source.variables.path)
    assert (refusal.value.response_code, refusal.value.error_message) == (400, "key is missing, value is missing")
    assert source.variables.create({"key": "EMPTY", "value": ""}).value == ""


def test_a_taken_key_is_refused(project):
    project.variables.create({"key": "KUBECONFIG", "value": "1"})
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        project.variables.create({"key": "KUBECONFIG", "value": "2"})
    assert refusal.value.error_message == {"key": ["(KUBECONFIG) has already been taken"]}


def test_scopes_tell_variables_of_one_key_apart(project):
    for scope in ("production", "review/*"):
        project.variables.create({"key": "KUBE_TOKEN", "value": scope, "environment_scope": scope})
    assert project.variables.get("KUBE_TOKEN", filter=scoped("review/*")).value == "review/*"

    variable = project.variables.get("KUBE_TOKEN", filter=scoped("production"))
    variable.value = "renewed"
    variable.save(filter=scoped("production"))
    assert project.variables.get("KUBE_TOKEN", filter=scoped("production")).value == "renewed"
    assert project.variables.get("KUBE_TOKEN", filter=scoped("review/*")).value == "review/*"

    project.variables.delete("KUBE_TOKEN", filter=scoped("production"))
    assert [one.environment_scope for one in project.variables.list(get_all=True)] == ["review/*"]


def test_a_scope_filter_matches_literally(project):
    project.variables.create({"key": "KUBE_TOKEN", "value": "1", "environment_scope": "review/*"})
    with pytest.raises(gitlab.GitlabGetError) as missing:
        project.variables.get("KUBE_TOKEN", filter=scoped("review/feature"))
    assert (missing.value.response_code, missing.value.error_message) == (404, "404 Variable Not Found")


def test_several_variables_of_a_key_conflict_without_a_filter(project):
    for scope in ("production", "staging"):
        project.variables.create({"key": "KUBE_TOKEN", "value": scope, "environment_scope": scope})
    calls = (
        lambda: project.variables.get("KUBE_TOKEN"),
        lambda: project.variables.update("KUBE_TOKEN", {"value": "lost"}),
        lambda: project.variables.delete("KUBE_TOKEN"),
        lambda: project.variables.get("KUBE_TOKEN", filter=scoped("")),
    )
    for call in calls:
        with pytest.raises(gitlab.GitlabError) as refusal:
            call()
        assert refusal.value.response_code == 409
        assert refusal.value.error_message == (
            "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'"
        )


def test_a_change_may_move_a_variable_to_another_scope(project):
    project.variables.create({"key": "KUBE_TOKEN", "value": "1", "environment_scope": "staging"})
    project.variables.update("KUBE_TOKEN", {"environment_scope": "production"}, filter=scoped("staging"))
    assert [one.environment_scope for one in project.variables.list(get_all=True)] == ["production"]


def test_a_group_change_whose_filter_matches_nothing_overwrites_another_variable(group):
    group.variables.create({"key": "KUBE_TOKEN", "value": "1"})
    group.variables.update("KUBE_TOKEN", {"value": "overwritten"}, filter=scoped("somewhere else"))
    assert group.variables.get("KUBE_TOKEN").value == "overwritten"


def test_masked_values_must_be_maskable(source):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.variables.create({"key": "TOKEN", "value": "two\nlines", "masked": True})
    assert refusal.value.error_message == {"value": ["is invalid"]}
    assert source.variables.create({"key": "TOKEN", "value": "abcdefgh12345678", "masked": True}).masked is True


def test_a_hidden_value_is_never_read_again(source):
    created = source.variables.create({"key": "TOKEN", "value": "abcdefgh12345678", "masked_and_hidden": True})
    assert (created.masked, created.hidden, created.value) == (True, True, None)
    assert source.variables.get("TOKEN").value is None
    with pytest.raises(gitlab.GitlabUpdateError) as refusal:
        source.variables.update("TOKEN", {"masked": False})
    assert refusal.value.error_message == {
        "base": ["The visibility setting cannot be changed for masked and hidden variables."]
    }
    source.variables.update("TOKEN", {"value": "87654321hgfedcba", "protected": True})
    assert (source.variables.get("TOKEN").value, source.variables.get("TOKEN").protected) == (None, True)


def test_an_existing_variable_cannot_become_hidden(source):
    source.variables.create({"key": "TOKEN", "value": "abcdefgh12345678"})
    source.variables.update("TOKEN", {"masked_and_hidden": True})
    assert (source.variables.get("TOKEN").hidden, source.variables.get("TOKEN").value) == (False, "abcdefgh12345678")


def test_variables_are_listed_in_the_order_of_their_making(source):
    keys = ["ZULU", "ALPHA", "MIKE"]
    for key in keys:
        source.variables.create({"key": key, "value": key})
    assert [one.key for one in source.variables.list(get_all=True)] == keys
    assert [one.key for one in source.variables.list(per_page=1, page=2)] == ["ALPHA"]


def test_maintainers_write_variables_of_projects_and_developers_do_not(project, new_person):
    developer, maintainer = new_person(), new_person()
    project.members.create({"user_id": developer.id, "access_level": AccessLevel.DEVELOPER})
    project.members.create({"user_id": maintainer.id, "access_level": AccessLevel.MAINTAINER})
    variables = developer.gitlab.projects.get(project.id).variables
    with pytest.raises(gitlab.GitlabListError) as reading:
        variables.list(get_all=True)
    assert reading.value.response_code == 403
    # The role is looked at before the parameters.
    with pytest.raises(gitlab.GitlabHttpError) as writing:
        developer.gitlab.http_post(variables.path)
    assert (writing.value.response_code, writing.value.error_message) == (403, "403 Forbidden")
    assert maintainer.gitlab.projects.get(project.id).variables.create({"key": "A", "value": "1"}).key == "A"


def test_only_owners_see_the_variables_of_a_group(group, new_person):
    maintainer, owner = new_person(), new_person()
    group.members.create({"user_id": maintainer.id, "access_level": AccessLevel.MAINTAINER})
    group.members.create({"user_id": owner.id, "access_level": AccessLevel.OWNER})
    with pytest.raises(gitlab.GitlabListError) as refusal:
        maintainer.gitlab.groups.get(group.id).variables.list(get_all=True)
    assert refusal.value.response_code == 403
    assert owner.gitlab.groups.get(group.id).variables.list(get_all=True) == []


def test_instance_variables_are_for_administrators(admin, new_person, new_name):
    key = new_name("CONFORMANCE").replace("-", "_").upper()
    variable = admin.variables.create({"key": key, "value": "1"})
    assert "environment_scope" not in variable.attributes
    variable.value = "2"
    variable.save()
    assert admin.variables.get(key).value == "2"
    assert key in [one.key for one in admin.variables.list(get_all=True)]
    with pytest.raises(gitlab.GitlabListError) as refusal:
        new_person().gitlab.variables.list(get_all=True)
    assert refusal.value.response_code == 403
    variable.delete()
    assert key not in [one.key for one in admin.variables.list(get_all=True)]


def test_an_instance_holds_twenty_five_variables(admin, new_name):
    keys = []
    try:
        with pytest.raises(gitlab.GitlabCreateError) as refusal:
            for _ in range(26):
                key = new_name("LIMIT").replace("-", "_").upper()
                admin.variables.create({"key": key, "value": "1"})
                keys.append(key)
        assert refusal.value.response_code == 400
        assert refusal.value.error_message == {"base": ["Maximum number of ci instance level variables (25) exceeded"]}
    finally:
        for key in keys:
            admin.variables.delete(key)


def test_a_long_description_is_refused(source):
    with pytest.raises(gitlab.GitlabCreateError) as refusal:
        source.variables.create({"key": "A", "value": "1", "description": "x" * 256})
    assert refusal.value.response_code == 400
    assert "description" in refusal.value.error_message


def test_project_variables_have_no_precondition(admin, project):
    project.variables.create({"key": "A", "value": "1"})
    admin.http_delete(
        f"{project.variables.path}/A", extra_headers={"If-Unmodified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"}
    )
    assert project.variables.list(get_all=True) == []
