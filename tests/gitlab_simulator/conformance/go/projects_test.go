package conformance

import (
	"slices"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func projectID(project *gitlab.Project) int64 { return project.ID }

func TestARenamedProjectIsFoundByItsOldPath(t *testing.T) {
	admin, project := administrator(t).Projects, newProject(t)
	renamed := must[*gitlab.Project](t)(
		admin.EditProject(project.ID, &gitlab.EditProjectOptions{Path: gitlab.Ptr("renamed")}))
	equal(t, "path", renamed.PathWithNamespace, project.Namespace.FullPath+"/renamed")
	// The client follows the redirect.
	found := must[*gitlab.Project](t)(admin.GetProject(project.PathWithNamespace, nil))
	equal(t, "id", found.ID, project.ID)
	_, _, err := admin.EditProject(project.PathWithNamespace, &gitlab.EditProjectOptions{Name: gitlab.Ptr("lost")})
	refused(t, err, 405, "{message: Non GET methods are not allowed for moved projects}")
}

func TestAProjectIsArchivedAndUnarchived(t *testing.T) {
	admin, group := administrator(t), newGroup(t)
	live, archived := newProjectIn(t, group), newProjectIn(t, group)
	equal(t, "archived", must[*gitlab.Project](t)(admin.Projects.ArchiveProject(archived.ID)).Archived, true)
	for _, filter := range []struct {
		archived *bool
		expected []int64
	}{
		{nil, []int64{archived.ID, live.ID}},
		{gitlab.Ptr(true), []int64{archived.ID}},
		{gitlab.Ptr(false), []int64{live.ID}},
	} {
		options := &gitlab.ListGroupProjectsOptions{Archived: filter.archived}
		listed := ids(must[[]*gitlab.Project](t)(admin.Groups.ListGroupProjects(group.ID, options)), projectID)
		if !slices.Equal(listed, filter.expected) {
			t.Fatalf("listed %v instead of %v", listed, filter.expected)
		}
	}
	equal(t, "archived", must[*gitlab.Project](t)(admin.Projects.UnarchiveProject(archived.ID)).Archived, false)
}

func TestATransferredProjectKeepsItsID(t *testing.T) {
	admin, project, target := administrator(t).Projects, newProject(t), newGroup(t)
	moved := must[*gitlab.Project](t)(
		admin.TransferProject(project.ID, &gitlab.TransferProjectOptions{Namespace: target.ID}))
	equal(t, "id", moved.ID, project.ID)
	equal(t, "path", moved.PathWithNamespace, target.FullPath+"/"+project.Path)
}

func TestADeletedProjectIsMarkedRestoredAndRemoved(t *testing.T) {
	admin, project := administrator(t).Projects, newProject(t)
	response, err := admin.DeleteProject(project.ID, nil)
	succeed(t, response, err)
	equal(t, "status", response.StatusCode, 202)
	if must[*gitlab.Project](t)(admin.GetProject(project.ID, nil)).MarkedForDeletionOn == nil {
		t.Fatal("a deleted project is not marked")
	}
	_, err = admin.DeleteProject(project.ID, nil)
	refusedWith(t, err, 400, "Project has already been marked for deletion")
	restored := must[*gitlab.Project](t)(admin.RestoreProject(project.ID))
	equal(t, "path", restored.PathWithNamespace, project.PathWithNamespace)

	response, err = admin.DeleteProject(project.ID, nil)
	succeed(t, response, err)
	marked := must[*gitlab.Project](t)(admin.GetProject(project.ID, nil))
	response, err = admin.DeleteProject(project.ID, &gitlab.DeleteProjectOptions{
		PermanentlyRemove: gitlab.Ptr(true), FullPath: &marked.PathWithNamespace})
	succeed(t, response, err)
	_, _, err = admin.GetProject(project.ID, nil)
	missing(t, err)
}

func TestATakenPathIsRefused(t *testing.T) {
	project := newProject(t)
	_, _, err := administrator(t).Projects.CreateProject(&gitlab.CreateProjectOptions{
		Name: &project.Name, Path: &project.Path, NamespaceID: &project.Namespace.ID})
	refusedWith(t, err, 400, "{path: [has already been taken]}")
}

func TestMembersSeeTheirOwnProjects(t *testing.T) {
	admin, project := administrator(t), newProject(t)
	user, client := newPerson(t)
	must[*gitlab.ProjectMember](t)(admin.ProjectMembers.AddProjectMember(project.ID,
		&gitlab.AddProjectMemberOptions{UserID: user.ID, AccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions)}))
	options := &gitlab.ListProjectsOptions{Membership: gitlab.Ptr(true)}
	listed := must[[]*gitlab.Project](t)(client.Projects.ListProjects(options))
	equal(t, "number", len(listed), 1)
	equal(t, "level", listed[0].Permissions.ProjectAccess.AccessLevel, gitlab.DeveloperPermissions)
	higher := &gitlab.ListProjectsOptions{MinAccessLevel: gitlab.Ptr(gitlab.MaintainerPermissions)}
	equal(t, "number", len(must[[]*gitlab.Project](t)(client.Projects.ListProjects(higher))), 0)
}
