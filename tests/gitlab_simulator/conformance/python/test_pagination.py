"""Offset and keyset pagination (contract 1.5)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import gitlab
import pytest
import requests

NUMBER = 5


@pytest.fixture(scope="module")
def several(new_group, new_project):
    """A group with a few projects, by ascending id."""
    group = new_group()
    return group, [new_project(group).id for _ in range(NUMBER)]


def get(admin, path: str, **query: object) -> requests.Response:
    """An answer with its headers."""
    return admin.http_request("get", path, query_data=query)


def links(answer: requests.Response) -> list[str]:
    """The relations of the `Link` header in their order."""
    return [part.rsplit('rel="', 1)[1].rstrip('"') for part in answer.headers.get("Link", "").split(", ") if part]


def test_an_iterator_walks_through_all_pages(several):
    group, ids = several
    walked = group.projects.list(iterator=True, per_page=2, order_by="id", sort="asc")
    assert (walked.total, walked.total_pages, walked.per_page, walked.current_page) == (NUMBER, 3, 2, 1)
    assert (walked.prev_page, walked.next_page) == (None, 2)
    assert [project.id for project in walked] == ids


def test_all_pages_are_collected(several):
    group, ids = several
    assert [project.id for project in group.projects.list(get_all=True, per_page=2)] == ids[::-1]


def test_headers_and_links_of_the_first_middle_and_last_page(admin, several):
    group, _ = several
    path = f"/groups/{group.id}/projects"
    first, middle, last = (get(admin, path, per_page=2, page=page) for page in (1, 2, 3))
    assert (first.headers["X-Prev-Page"], first.headers["X-Next-Page"]) == ("", "2")
    assert (middle.headers["X-Prev-Page"], middle.headers["X-Next-Page"]) == ("1", "3")
    assert (last.headers["X-Prev-Page"], last.headers["X-Next-Page"]) == ("2", "")
    for number, answer in enumerate((first, middle, last), start=1):
        assert answer.headers["X-Page"] == str(number)
        assert (answer.headers["X-Per-Page"], answer.headers["X-Total"], answer.headers["X-Total-Pages"]) == (
            "2",
            str(NUMBER),
            "3",
        )
    assert links(first) == ["next", "first", "last"]
    assert links(middle) == ["prev", "next", "first", "last"]
    assert links(last) == ["prev", "first", "last"]


def test_links_carry_every_parameter(admin, several):
    group, _ = several
    answer = get(admin, f"/groups/{group.id}/projects", per_page=2, order_by="id", sort="asc")
    query = parse_qs(urlsplit(answer.links["next"]["url"]).query)
    assert query["page"] == ["2"] and query["per_page"] == ["2"]
    assert query["order_by"] == ["id"] and query["sort"] == ["asc"]


def test_a_page_past_the_end_is_empty(admin, several):
    answer = get(admin, f"/groups/{several[0].id}/projects", per_page=2, page=9)
    assert (answer.status_code, answer.json()) == (200, [])


def test_an_empty_list_has_one_page(admin, project):
    answer = get(admin, f"/projects/{project.id}/variables")
    assert (answer.headers["X-Total"], answer.headers["X-Total-Pages"]) == ("0", "1")


def test_pages_hold_twenty_by_default_and_a_hundred_at_most(admin, project):
    assert get(admin, f"/projects/{project.id}/variables").headers["X-Per-Page"] == "20"
    assert get(admin, f"/projects/{project.id}/variables", per_page=500).headers["X-Per-Page"] == "100"


def test_a_page_of_nothing_is_refused(admin, project):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        get(admin, f"/projects/{project.id}/variables", per_page=0)
    assert (refusal.value.response_code, refusal.value.error_message) == (400, "per_page has a value not allowed")


def test_a_keyset_walks_through_all_projects(admin, several):
    _, ids = several
    walked = admin.projects.list(iterator=True, pagination="keyset", order_by="id", sort="asc", per_page=2)
    seen = [project.id for project in walked]
    assert seen == sorted(seen)
    assert set(ids) <= set(seen)
    backwards = admin.projects.list(iterator=True, pagination="keyset", order_by="id", sort="desc", per_page=3)
    assert [project.id for project in backwards] == seen[::-1]


def test_a_keyset_page_has_a_link_until_it_is_empty_and_no_totals(admin, several):
    _, ids = several
    options = {"pagination": "keyset", "order_by": "id", "sort": "asc", "per_page": 100}
    page = get(admin, "/projects", **options, id_after=ids[-2])
    assert ids[-1] in [project["id"] for project in page.json()]
    assert "X-Total" not in page.headers and "X-Next-Page" not in page.headers
    assert links(page) == ["next"]
    newest = page.json()[-1]["id"]
    assert parse_qs(urlsplit(page.links["next"]["url"]).query)["id_after"] == [str(newest)]
    end = get(admin, "/projects", **options, id_after=newest)
    assert (end.json(), "Link" in end.headers) == ([], False)


def test_projects_have_a_keyset_by_id_only(admin):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        get(admin, "/projects", pagination="keyset", order_by="name")
    assert refusal.value.response_code == 405
    assert refusal.value.error_message == "Keyset pagination is not yet available for this type of request"


def test_users_have_a_keyset_with_a_cursor(admin, new_user):
    users = [new_user().id for _ in range(3)]
    walked = admin.users.list(iterator=True, pagination="keyset", order_by="id", sort="asc", per_page=2)
    seen = [user.id for user in walked]
    assert seen == sorted(seen) and set(users) <= set(seen)
    page = get(admin, "/users", pagination="keyset", order_by="id", sort="asc", per_page=1)
    assert "cursor" in parse_qs(urlsplit(page.links["next"]["url"]).query)
    assert page.headers["X-NEXT-CURSOR"] and "X-PREV-CURSOR" not in page.headers


def test_the_offset_of_users_is_limited(admin):
    with pytest.raises(gitlab.GitlabHttpError) as refusal:
        get(admin, "/users", page=501, per_page=100)
    assert refusal.value.response_code == 405
    assert refusal.value.error_message == (
        "Offset pagination has a maximum allowed offset of 50000 for requests that return objects of type User. "
        "Remaining records can be retrieved using keyset pagination."
    )


def test_the_offset_of_projects_is_not_limited_for_signed_in_callers(admin):
    assert get(admin, "/projects", page=501, per_page=100).json() == []
