"""Version, metadata, features and application settings (contract 1.6, 2, 11)."""

from __future__ import annotations

import gitlab
import pytest

from conftest import FLAG


def test_version_and_metadata_tell_the_same(admin):
    version, revision = admin.version()
    metadata = admin.http_get("/metadata")
    assert metadata == admin.http_get("/version")
    assert (metadata["version"], metadata["revision"]) == (version, revision)
    assert isinstance(metadata["enterprise"], bool)
    assert metadata.keys() == {"version", "revision", "kas", "enterprise"}
    assert metadata["kas"].keys() == {"enabled", "externalUrl", "externalK8sProxyUrl", "version"}


def test_the_version_is_one_that_clients_can_parse(admin):
    major, minor, _ = admin.version()[0].split(".", 2)
    assert (int(major), int(minor)) >= (17, 0)


def test_metadata_is_refused_without_a_token(connect):
    with pytest.raises(gitlab.GitlabAuthenticationError) as refusal:
        connect().http_get("/metadata")
    assert refusal.value.error_message == "401 Unauthorized"


def test_metadata_is_open_to_the_scope_read_user(new_person):
    assert "version" in new_person("read_user").gitlab.http_get("/metadata")


def test_a_flag_that_was_never_set_is_not_listed(admin):
    assert FLAG not in [feature.name for feature in admin.features.list(get_all=True)]


def test_a_flag_can_be_switched_on_off_and_back_to_its_default(admin):
    switched_on = admin.features.set(FLAG, True)
    assert (switched_on.name, switched_on.state) == (FLAG, "on")
    assert {"key": "boolean", "value": True} in switched_on.gates
    assert switched_on.definition["name"] == FLAG
    assert switched_on.definition["default_enabled"] is False

    assert admin.features.set(FLAG, False).state == "off"
    listed = {feature.name: feature.state for feature in admin.features.list(get_all=True)}
    assert listed[FLAG] == "off"

    admin.features.delete(FLAG)
    assert FLAG not in [feature.name for feature in admin.features.list(get_all=True)]


def test_a_flag_set_for_one_project_is_conditional(admin, project):
    feature = admin.features.set(FLAG, True, project=project.path_with_namespace)
    try:
        assert feature.state == "conditional"
    finally:
        admin.features.delete(FLAG)


def test_the_definitions_name_the_flag(admin):
    definitions = {definition["name"]: definition for definition in admin.http_get("/features/definitions")}
    assert definitions[FLAG]["type"] == "ops"
    assert definitions[FLAG]["default_enabled"] is False


def test_features_are_for_administrators_only(new_person):
    person = new_person()
    with pytest.raises(gitlab.GitlabListError) as listing:
        person.gitlab.features.list(get_all=True)
    assert (listing.value.response_code, listing.value.error_message) == (403, "403 Forbidden")
    with pytest.raises(gitlab.GitlabSetError) as setting:
        person.gitlab.features.set(FLAG, True)
    assert setting.value.response_code == 403


def test_application_settings_are_read_and_written(admin):
    settings = admin.settings.get()
    before = settings.allow_local_requests_from_web_hooks_and_services
    settings.allow_local_requests_from_web_hooks_and_services = not before
    settings.save()
    try:
        assert admin.settings.get().allow_local_requests_from_web_hooks_and_services is not before
    finally:
        admin.settings.update(None, {"allow_local_requests_from_web_hooks_and_services": before})


def test_application_settings_are_for_administrators_only(new_person):
    person = new_person()
    with pytest.raises(gitlab.GitlabGetError) as reading:
        person.gitlab.settings.get()
    assert reading.value.response_code == 403
    with pytest.raises(gitlab.GitlabUpdateError) as writing:
        person.gitlab.settings.update(None, {"throttle_authenticated_api_enabled": True})
    assert writing.value.response_code == 403


def test_a_flag_can_be_on_for_a_part_of_the_time(admin):
    feature = admin.features.set(FLAG, 50)
    try:
        assert feature.state == "conditional"
        assert {"key": "percentage_of_time", "value": 50} in feature.gates
    finally:
        admin.features.delete(FLAG)
