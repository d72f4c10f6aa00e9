package conformance

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// The flag that certificate-based clusters hang on.
const clusterFlag = "certificate_based_clusters"

var (
	runID     = strings.ToLower(rand.Text()[:6])
	nameCount atomic.Int64
)

// newName gives names that no earlier run against the same server has taken.
func newName(kind string) string {
	return fmt.Sprintf("%s-%s-%d", kind, runID, nameCount.Add(1))
}

// must fails the test when a call failed.
func must[T any](t *testing.T) func(value T, _ *gitlab.Response, err error) T {
	t.Helper()
	return func(value T, _ *gitlab.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// succeed fails the test when a call without an answer failed.
func succeed(t *testing.T, _ *gitlab.Response, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks status and message of an error.
func refused(t *testing.T, err error, status int, message string) {
	t.Helper()
	refusedSoThat(t, err, status, func(actual string) bool { return actual == message }, message)
}

// refusedWith checks status and a part of the message of an error.
func refusedWith(t *testing.T, err error, status int, part string) {
	t.Helper()
	refusedSoThat(t, err, status, func(actual string) bool { return strings.Contains(actual, part) }, part)
}

func refusedSoThat(t *testing.T, err error, status int, fits func(string) bool, expected string) {
	t.Helper()
	var refusal *gitlab.ErrorResponse
	if !errors.As(err, &refusal) {
		t.Fatalf("expected status %d, got %v", status, err)
	}
	if refusal.StatusCode != status || !fits(refusal.Message) {
		t.Fatalf("expected %d %q, got %d %q", status, expected, refusal.StatusCode, refusal.Message)
	}
}

// missing checks that an error is a 404; the client tells no more of it.
func missing(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, gitlab.ErrNotFound) {
		t.Fatalf("expected 404, got %v", err)
	}
}

// equal compares two values.
func equal[T comparable](t *testing.T, what string, actual, expected T) {
	t.Helper()
	if actual != expected {
		t.Fatalf("%s: expected %v, got %v", what, expected, actual)
	}
}

// connect makes a client whose exchanges are recorded under the test's name.
func connect(t *testing.T, token string, options ...gitlab.ClientOptionFunc) *gitlab.Client {
	t.Helper()
	own := []gitlab.ClientOptionFunc{
		gitlab.WithBaseURL(gitlabServer.url),
		gitlab.WithHTTPClient(&http.Client{Transport: transport{test: t.Name(), recorder: recorder}}),
	}
	client, err := gitlab.NewClient(token, append(own, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// administrator is the administrator's client.
func administrator(t *testing.T) *gitlab.Client {
	t.Helper()
	return connect(t, gitlabServer.adminToken)
}

// newUser creates a user who is removed when the test ends.
func newUser(t *testing.T) *gitlab.User {
	t.Helper()
	admin, name := administrator(t), newName("user")
	user := must[*gitlab.User](t)(admin.Users.CreateUser(&gitlab.CreateUserOptions{
		Username:            &name,
		Name:                &name,
		Email:               gitlab.Ptr(name + "@example.com"),
		ForceRandomPassword: gitlab.Ptr(true),
		SkipConfirmation:    gitlab.Ptr(true),
	}))
	t.Cleanup(func() { removed(t)(admin.Users.DeleteUser(user.ID)) })
	return user
}

// newToken creates a token of a user.
func newToken(t *testing.T, user *gitlab.User, scopes ...string) string {
	t.Helper()
	options := &gitlab.CreatePersonalAccessTokenOptions{Name: gitlab.Ptr("conformance"), Scopes: &scopes}
	return must[*gitlab.PersonalAccessToken](t)(
		administrator(t).Users.CreatePersonalAccessToken(user.ID, options)).Token
}

// newPerson creates a user and a client with a token of theirs, scope `api`.
func newPerson(t *testing.T) (*gitlab.User, *gitlab.Client) {
	t.Helper()
	user := newUser(t)
	return user, connect(t, newToken(t, user, "api"))
}

// newGroup creates a top-level group that is deleted when the test ends.
func newGroup(t *testing.T) *gitlab.Group {
	t.Helper()
	admin := administrator(t)
	group := newSubgroup(t, nil)
	t.Cleanup(func() { removed(t)(admin.Groups.DeleteGroup(group.ID, nil)) })
	return group
}

// newSubgroup creates a group below a parent (none: top-level).
func newSubgroup(t *testing.T, parent *int64) *gitlab.Group {
	t.Helper()
	name := newName("group")
	return must[*gitlab.Group](t)(administrator(t).Groups.CreateGroup(
		&gitlab.CreateGroupOptions{Name: &name, Path: &name, ParentID: parent}))
}

// newProject creates a project in a group of its own.
func newProject(t *testing.T) *gitlab.Project {
	t.Helper()
	return newProjectIn(t, newGroup(t))
}

// newProjectIn creates a project in a group.
func newProjectIn(t *testing.T, group *gitlab.Group) *gitlab.Project {
	t.Helper()
	return must[*gitlab.Project](t)(administrator(t).Projects.CreateProject(
		&gitlab.CreateProjectOptions{Name: gitlab.Ptr(newName("project")), NamespaceID: &group.ID}))
}

// withClusters switches certificate-based clusters on for the time of the test.
func withClusters(t *testing.T) {
	t.Helper()
	admin := administrator(t)
	must[*gitlab.Feature](t)(admin.Features.SetFeatureFlag(clusterFlag, &gitlab.SetFeatureFlagOptions{Value: true}))
	t.Cleanup(func() { removed(t)(admin.Features.DeleteFeatureFlag(clusterFlag)) })
}

// removed accepts that something is gone already (404) or marked for deletion (400).
func removed(t *testing.T) func(_ *gitlab.Response, err error) {
	return func(_ *gitlab.Response, err error) {
		if err != nil && !errors.Is(err, gitlab.ErrNotFound) && !gitlab.HasStatusCode(err, http.StatusBadRequest) {
			t.Error(err)
		}
	}
}

// ids are the ids of some elements, in their order.
func ids[T any](elements []T, id func(T) int64) []int64 {
	found := make([]int64, 0, len(elements))
	for _, element := range elements {
		found = append(found, id(element))
	}
	return found
}
