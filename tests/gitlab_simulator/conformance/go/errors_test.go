package conformance

import (
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func TestAnUnknownTokenIsUnauthorized(t *testing.T) {
	_, _, err := connect(t, "glpat-nobody-has-this-token").Projects.ListProjects(nil)
	refused(t, err, 401, "{message: 401 Unauthorized}")
}

func TestAScopeThatIsTooSmallIsNamed(t *testing.T) {
	client := connect(t, newToken(t, newUser(t), "read_api"))
	_, _, err := client.Groups.CreateGroup(&gitlab.CreateGroupOptions{Name: gitlab.Ptr("a"), Path: gitlab.Ptr("a")})
	refusedWith(t, err, 403, "{error: insufficient_scope}")
	refusedWith(t, err, 403, "The request requires higher privileges than provided by the access token.")
}

func TestARoleThatIsTooSmallIsForbidden(t *testing.T) {
	admin, project := administrator(t), newProject(t)
	user, client := newPerson(t)
	must[*gitlab.ProjectMember](t)(admin.ProjectMembers.AddProjectMember(project.ID,
		&gitlab.AddProjectMemberOptions{UserID: user.ID, AccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions)}))
	_, _, err := client.ProjectVariables.ListVariables(project.ID, nil)
	refused(t, err, 403, "{message: 403 Forbidden}")
}

func TestWhatIsAbsentIsNotFound(t *testing.T) {
	admin := administrator(t)
	_, _, err := admin.Projects.GetProject("no/such/project", nil)
	missing(t, err)
	_, _, err = admin.Groups.GetGroup("no-such-group", nil)
	missing(t, err)
	_, _, err = admin.Users.GetUser(999_999_999, nil)
	missing(t, err)
}
