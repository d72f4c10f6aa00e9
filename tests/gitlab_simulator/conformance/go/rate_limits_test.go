package conformance

import (
	"context"
	"errors"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

const (
	throttledRequests = 5
	defaultRequests   = 7200
	defaultPeriod     = 3600
	// Two windows of the application limit of single projects, and a little more.
	enoughForALimit = 850
)

// noWaiting lets every request through: the client would slow itself down by the headers.
type noWaiting struct{}

func (noWaiting) Wait(context.Context) error { return nil }

// throttle switches the throttle of authenticated requests on for the time of the test.
func throttle(t *testing.T, seconds int64) {
	t.Helper()
	admin := connect(t, gitlabServer.adminToken, gitlab.WithCustomLimiter(noWaiting{}))
	set := func(enabled bool, requests, period int64) {
		must[*gitlab.Settings](t)(admin.Settings.UpdateSettings(&gitlab.UpdateSettingsOptions{
			ThrottleAuthenticatedAPIEnabled:           &enabled,
			ThrottleAuthenticatedAPIRequestsPerPeriod: &requests,
			ThrottleAuthenticatedAPIPeriodInSeconds:   &period,
		}))
	}
	set(true, throttledRequests, seconds)
	t.Cleanup(func() { set(false, defaultRequests, defaultPeriod) })
}

func TestAThrottledClientIsRefusedInPlainText(t *testing.T) {
	client := connect(t, newToken(t, newUser(t), "api"), gitlab.WithCustomLimiter(noWaiting{}), gitlab.WithoutRetries())
	throttle(t, 600)
	var refusal *gitlab.ErrorResponse
	for range 2*throttledRequests + 1 {
		_, _, err := client.Version.GetVersion()
		if errors.As(err, &refusal) {
			break
		}
	}
	if refusal == nil || refusal.StatusCode != 429 {
		t.Fatalf("expected 429, got %v", refusal)
	}
	equal(t, "body", string(refusal.Body), "Retry later\n")
	if refusal.Response.Header.Get("RateLimit-Reset") == "" || refusal.Response.Header.Get("Retry-After") == "" {
		t.Fatalf("headers: %v", refusal.Response.Header)
	}
}

func TestAClientThatRetriesGetsThrough(t *testing.T) {
	client := connect(t, newToken(t, newUser(t), "api"), gitlab.WithCustomLimiter(noWaiting{}))
	throttle(t, 1)
	for range throttledRequests + 2 {
		must[*gitlab.Version](t)(client.Version.GetVersion())
	}
}

func TestAnApplicationLimitIsRefusedInJSON(t *testing.T) {
	admin, project := administrator(t), newProject(t)
	user := newUser(t)
	client := connect(t, newToken(t, user, "api"), gitlab.WithoutRetries())
	must[*gitlab.ProjectMember](t)(admin.ProjectMembers.AddProjectMember(project.ID,
		&gitlab.AddProjectMemberOptions{UserID: user.ID, AccessLevel: gitlab.Ptr(gitlab.GuestPermissions)}))
	var err error
	for range enoughForALimit {
		if _, _, err = client.Projects.GetProject(project.ID, nil); err != nil {
			break
		}
	}
	refused(t, err, 429,
		"{message: {error: This endpoint has been requested too many times. Try again later.}}")
}
