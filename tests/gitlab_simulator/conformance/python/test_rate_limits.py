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
