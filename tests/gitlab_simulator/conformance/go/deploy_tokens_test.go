package conformance

import (
	"strings"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func TestProjectDeployTokens(t *testing.T) {
	admin, project := administrator(t).DeployTokens, newProject(t)
	created := must[*gitlab.DeployToken](t)(admin.CreateProjectDeployToken(project.ID,
		&gitlab.CreateProjectDeployTokenOptions{Name: gitlab.Ptr("reader"), Scopes: &[]string{"read_registry"}}))
	if !strings.HasPrefix(created.Token, "gldt-") {
		t.Fatal("the secret of a new deploy token does not begin with gldt-")
	}
	read := must[*gitlab.DeployToken](t)(admin.GetProjectDeployToken(project.ID, created.ID))
	equal(t, "secret", read.Token, "")
	equal(t, "user", read.Username, created.Username)
	equal(t, "number", len(must[[]*gitlab.DeployToken](t)(admin.ListProjectDeployTokens(project.ID, nil))), 1)
	if len(must[[]*gitlab.DeployToken](t)(admin.ListAllDeployTokens())) == 0 {
		t.Fatal("not listed")
	}
	response, err := admin.DeleteProjectDeployToken(project.ID, created.ID)
	succeed(t, response, err)
	equal(t, "status", response.StatusCode, 204)
}

func TestGroupDeployTokens(t *testing.T) {
	admin, group := administrator(t).DeployTokens, newGroup(t)
	created := must[*gitlab.DeployToken](t)(admin.CreateGroupDeployToken(group.ID,
		&gitlab.CreateGroupDeployTokenOptions{
			Name: gitlab.Ptr("reader"), Username: gitlab.Ptr("reader"), Scopes: &[]string{"read_repository"}}))
	equal(t, "user", created.Username, "reader")
	read := must[*gitlab.DeployToken](t)(admin.GetGroupDeployToken(group.ID, created.ID))
	equal(t, "scope", read.Scopes[0], "read_repository")
	equal(t, "number", len(must[[]*gitlab.DeployToken](t)(admin.ListGroupDeployTokens(group.ID, nil))), 1)
	response, err := admin.DeleteGroupDeployToken(group.ID, created.ID)
	succeed(t, response, err)
}
