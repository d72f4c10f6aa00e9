package conformance

import (
	"slices"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func TestOffsetPagesTellTheirPlace(t *testing.T) {
	admin, group := administrator(t), newGroup(t)
	var created []int64
	for range 5 {
		created = append(created, newProjectIn(t, group).ID)
	}
	options := &gitlab.ListGroupProjectsOptions{
		ListOptions: gitlab.ListOptions{PerPage: 2, Page: 2}, OrderBy: gitlab.Ptr("id"), Sort: gitlab.Ptr("asc")}
	page, response, err := admin.Groups.ListGroupProjects(group.ID, options)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids(page, projectID), created[2:4]) {
		t.Fatalf("page 2: %v of %v", ids(page, projectID), created)
	}
	equal(t, "total", response.TotalItems, 5)
	equal(t, "pages", response.TotalPages, 3)
	equal(t, "previous", response.PreviousPage, 1)
	equal(t, "current", response.CurrentPage, 2)
	equal(t, "next", response.NextPage, 3)

	options.Page = 3
	_, response, err = admin.Groups.ListGroupProjects(group.ID, options)
	succeed(t, response, err)
	equal(t, "next after the last", response.NextPage, 0)

	options.Page = 1
	scanned, failure := gitlab.Scan(func(next gitlab.PaginationOptionFunc) ([]*gitlab.Project, *gitlab.Response, error) {
		return admin.Groups.ListGroupProjects(group.ID, options, next)
	})
	if found := ids(slices.Collect(scanned), projectID); !slices.Equal(found, created) {
		t.Fatalf("scanned %v instead of %v", found, created)
	}
	if err := failure(); err != nil {
		t.Fatal(err)
	}
}

func TestAKeysetWalksThroughAllProjects(t *testing.T) {
	admin, group := administrator(t), newGroup(t)
	for range 3 {
		newProjectIn(t, group)
	}
	options := &gitlab.ListProjectsOptions{
		ListOptions: gitlab.ListOptions{Pagination: "keyset", PerPage: 2},
		OrderBy:     gitlab.Ptr("id"), Sort: gitlab.Ptr("asc")}
	scanned, failure := gitlab.Scan(func(next gitlab.PaginationOptionFunc) ([]*gitlab.Project, *gitlab.Response, error) {
		return admin.Projects.ListProjects(options, next)
	})
	walked := ids(slices.Collect(scanned), projectID)
	if err := failure(); err != nil {
		t.Fatal(err)
	}
	if len(walked) < 3 || !slices.IsSorted(walked) || len(slices.Compact(slices.Clone(walked))) != len(walked) {
		t.Fatalf("walked: %v", walked)
	}
}

func TestAKeysetWalksThroughAllUsers(t *testing.T) {
	admin := administrator(t)
	created := []int64{newUser(t).ID, newUser(t).ID, newUser(t).ID}
	options := &gitlab.ListUsersOptions{
		ListOptions: gitlab.ListOptions{Pagination: "keyset", PerPage: 2},
		OrderBy:     gitlab.Ptr("id"), Sort: gitlab.Ptr("asc")}
	scanned, failure := gitlab.Scan(func(next gitlab.PaginationOptionFunc) ([]*gitlab.User, *gitlab.Response, error) {
		return admin.Users.ListUsers(options, next)
	})
	walked := ids(slices.Collect(scanned), func(user *gitlab.User) int64 { return user.ID })
	if err := failure(); err != nil {
		t.Fatal(err)
	}
	for _, id := range created {
		if !slices.Contains(walked, id) {
			t.Fatalf("user %d is not among %v", id, walked)
		}
	}
}

func TestAKeysetOfProjectsGoesByIDOnly(t *testing.T) {
	_, _, err := administrator(t).Projects.ListProjects(&gitlab.ListProjectsOptions{
		ListOptions: gitlab.ListOptions{Pagination: "keyset"}, OrderBy: gitlab.Ptr("name")})
	refused(t, err, 405, "{error: Keyset pagination is not yet available for this type of request}")
}
