package conformance

import (
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func newEnvironment(t *testing.T, project *gitlab.Project, name string) *gitlab.Environment {
	t.Helper()
	return must[*gitlab.Environment](t)(administrator(t).Environments.CreateEnvironment(
		project.ID, &gitlab.CreateEnvironmentOptions{Name: &name}))
}

func TestAnEnvironmentIsCreatedChangedStoppedAndDeleted(t *testing.T) {
	admin, project := administrator(t).Environments, newProject(t)
	environment := newEnvironment(t, project, "production")
	equal(t, "slug", environment.Slug, "production")
	equal(t, "tier", environment.Tier, "production")
	equal(t, "state", environment.State, "available")
	equal(t, "project", environment.Project.ID, project.ID)

	must[*gitlab.Environment](t)(admin.EditEnvironment(project.ID, environment.ID, &gitlab.EditEnvironmentOptions{
		Tier: gitlab.Ptr("staging"), ExternalURL: gitlab.Ptr("https://web.example.com")}))
	read := must[*gitlab.Environment](t)(admin.GetEnvironment(project.ID, environment.ID))
	equal(t, "tier", read.Tier, "staging")
	equal(t, "address", read.ExternalURL, "https://web.example.com")

	_, err := admin.DeleteEnvironment(project.ID, environment.ID)
	if !gitlab.HasStatusCode(err, 403) {
		t.Fatalf("expected 403 for an environment that is not stopped, got %v", err)
	}
	stopped := must[*gitlab.Environment](t)(admin.StopEnvironment(project.ID, environment.ID,
		&gitlab.StopEnvironmentOptions{Force: gitlab.Ptr(true)}))
	equal(t, "state", stopped.State, "stopped")
	response, err := admin.DeleteEnvironment(project.ID, environment.ID)
	succeed(t, response, err)
	_, _, err = admin.GetEnvironment(project.ID, environment.ID)
	missing(t, err)
}

func TestEnvironmentsAreFoundByNameSearchAndState(t *testing.T) {
	admin, project := administrator(t).Environments, newProject(t)
	newEnvironment(t, project, "production")
	newEnvironment(t, project, "production-2")
	count := func(options gitlab.ListEnvironmentsOptions) int {
		return len(must[[]*gitlab.Environment](t)(admin.ListEnvironments(project.ID, &options)))
	}
	equal(t, "by name", count(gitlab.ListEnvironmentsOptions{Name: gitlab.Ptr("production")}), 1)
	equal(t, "by search", count(gitlab.ListEnvironmentsOptions{Search: gitlab.Ptr("prod")}), 2)
	equal(t, "by state", count(gitlab.ListEnvironmentsOptions{States: gitlab.Ptr("stopped")}), 0)
	_, _, err := admin.ListEnvironments(project.ID, &gitlab.ListEnvironmentsOptions{States: gitlab.Ptr("running")})
	refused(t, err, 400, "{error: states does not have a valid value}")
}

func TestATakenEnvironmentIsRefusedWithAListOfSentences(t *testing.T) {
	project := newProject(t)
	newEnvironment(t, project, "production")
	_, _, err := administrator(t).Environments.CreateEnvironment(
		project.ID, &gitlab.CreateEnvironmentOptions{Name: gitlab.Ptr("production")})
	refused(t, err, 400, "{message: [Name has already been taken, Slug has already been taken]}")
}
