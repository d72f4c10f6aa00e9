"""The two kinds of rate limits (contract 1.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gitlab
import pytest

PROJECT_LIMIT = 400
# Two full windows and a little more: enough to meet a limit that starts anew while we count.
ENOUGH = 2 * PROJECT_LIMIT + 50
THROTTLED_REQUESTS = 5


@pytest.fixture
def throttle(admin: gitlab.Gitlab) -> Iterator[Callable[[int], None]]:
    """Switches the throttle of authenticated requests on, for a window of so many seconds; off again at the end."""

    def throttle(seconds: int) -> None:
        admin.settings.update(
            None,
            {
                "throttle_authenticated_api_enabled": True,
                "throttle_authenticated_api_requests_per_period": THROTTLED_REQUESTS,
                "throttle_authenticated_api_period_in_seconds": seconds,
            },
        )

    yield throttle
    admin.settings.update(
        None,
        {
            "throttle_authenticated_api_enabled": False,
            "throttle_authenticated_api_requests_per_period": 7200,
            "throttle_authenticated_api_period_in_seconds": 3600,
        },
    )


def refused_by_limit(call: Callable[[], object], attempts: int) -> gitlab.GitlabError:
    """The first 429 among so many calls."""
    for _ in range(attempts):
        try:
            call()
        except gitlab.GitlabError as error:
            if error.response_code != 429:
                raise
            return error
    raise AssertionError(f"no 429 within {attempts} requests")


def test_reading_one_project_is_limited_for_each_user_by_default(new_person, project):
    person, other = new_person(), new_person()
    for member in (person, other):
        project.members.create({"user_id": member.id, "access_level": 10})
    path = f"/projects/{project.id}"
    refusal = refused_by_limit(lambda: person.gitlab.http_get(path, obey_rate_limit=False), ENOUGH)
    assert refusal.error_message == {"error": "This endpoint has been requested too many times. Try again later."}
    assert other.gitlab.http_get(path)["id"] == project.id


def test_an_application_limit_names_the_whole_interval_and_no_quota(new_person, project, server):
    person = new_person()
    project.members.create({"user_id": person.id, "access_level": 10})
    url = f"{server.url}/api/v4/projects/{project.id}"
    headers = {"PRIVATE-TOKEN": person.token}
    for _ in range(ENOUGH):
        answer = person.gitlab.session.get(url, headers=headers, timeout=15)
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert not [name for name in answer.headers if name.lower().startswith("ratelimit-")]


@pytest.mark.parametrize(
    ("setting", "default", "path", "interval"),
    [
        ("projects_api_limit", 2000, "/projects", 600),
        ("project_api_limit", 400, "/projects/{project}", 60),
        ("groups_api_limit", 200, "/groups", 60),
        ("group_api_limit", 400, "/groups/{group}", 60),
        ("group_projects_api_limit", 600, "/groups/{group}/projects", 60),
        ("project_members_api_limit", 200, "/projects/{project}/members/all", 60),
        ("project_members_api_limit", 200, "/groups/{group}/members/all", 60),
        ("users_get_by_id_limit", 300, "/users/{user}", 600),
    ],
)
def test_each_application_limit_is_a_setting(
    admin, group, new_person, new_project, server, setting, default, path, interval
):
    assert getattr(admin.settings.get(), setting) == default
    person, project = new_person(), new_project(group)
    group.members.create({"user_id": person.id, "access_level": 10})
    url = f"{server.url}/api/v4{path.format(project=project.id, group=group.id, user=person.id)}"

    def statuses(number: int) -> list[int]:
        headers = {"PRIVATE-TOKEN": person.token}
        answers = [person.gitlab.session.get(url, headers=headers, timeout=15) for _ in range(number)]
        assert all(answer.headers["Retry-After"] == str(interval) for answer in answers if answer.status_code == 429)
        return [answer.status_code for answer in answers]

    try:
        admin.settings.update(None, {setting: 2})
        # One more than fits into two windows.
        assert statuses(5)[-1] == 429
        admin.settings.update(None, {setting: 0})
        assert set(statuses(5)) == {200}
    finally:
        admin.settings.update(None, {setting: default})


def test_removing_members_is_limited_for_each_source(admin, group, new_person, new_user):
    owner = new_person()
    group.members.create({"user_id": owner.id, "access_level": 50})
    users = [new_user() for _ in range(5)]
    for user in users:
        group.members.create({"user_id": user.id, "access_level": 10})
    path = f"/groups/{group.id}/members"
    admin.settings.update(None, {"members_delete_limit": 2})
    try:
        with pytest.raises(gitlab.GitlabHttpError) as refusal:
            for user in users:
                owner.gitlab.http_delete(f"{path}/{user.id}", obey_rate_limit=False)
        assert refusal.value.response_code == 429
    finally:
        admin.settings.update(None, {"members_delete_limit": 60})


def test_a_throttle_answers_in_plain_text_with_its_quota(throttle, new_person, server):
    person = new_person()
    throttle(600)
    url = f"{server.url}/api/v4/version"
    headers = {"PRIVATE-TOKEN": person.token}
    for _ in range(2 * THROTTLED_REQUESTS + 1):
        answer = person.gitlab.session.get(url, headers=headers, timeout=15)
        if answer.status_code == 429:
            break
        assert answer.headers["RateLimit-Name"] == "throttle_authenticated_api"
        assert answer.headers["RateLimit-Limit"] == "1"
    assert answer.status_code == 429
    assert answer.text == "Retry later\n"
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["RateLimit-Remaining"] == "0"
    reset = int(answer.headers["RateLimit-Reset"])
    assert reset % 600 == 0
    assert 0 < int(answer.headers["Retry-After"]) <= 600
    assert "GMT" in answer.headers["RateLimit-ResetTime"]


def test_a_client_that_obeys_the_throttle_gets_through(throttle, new_person):
    person = new_person()
    throttle(1)
    answers = [person.gitlab.http_get("/version", obey_rate_limit=True) for _ in range(THROTTLED_REQUESTS + 2)]
    assert len(answers) == THROTTLED_REQUESTS + 2
