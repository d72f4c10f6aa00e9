package conformance

import (
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func TestAProjectMemberIsAddedChangedAndRemoved(t *testing.T) {
	admin, project, user := administrator(t).ProjectMembers, newProject(t), newUser(t)
	added := must[*gitlab.ProjectMember](t)(admin.AddProjectMember(project.ID, &gitlab.AddProjectMemberOptions{
		UserID: user.ID, AccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions)}))
	equal(t, "user", added.ID, user.ID)
	_, _, err := admin.AddProjectMember(project.ID, &gitlab.AddProjectMemberOptions{
		UserID: user.ID, AccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions)})
	refused(t, err, 409, "{message: Member already exists}")

	must[*gitlab.ProjectMember](t)(admin.EditProjectMember(project.ID, user.ID, &gitlab.EditProjectMemberOptions{
		AccessLevel: gitlab.Ptr(gitlab.MaintainerPermissions), ExpiresAt: gitlab.Ptr("2099-12-31")}))
	read := must[*gitlab.ProjectMember](t)(admin.GetProjectMember(project.ID, user.ID))
	equal(t, "level", read.AccessLevel, gitlab.MaintainerPermissions)
	equal(t, "expiry", read.ExpiresAt.String(), "2099-12-31")

	response, err := admin.DeleteProjectMember(project.ID, user.ID)
	succeed(t, response, err)
	_, _, err = admin.GetProjectMember(project.ID, user.ID)
	missing(t, err)
}

func TestAGroupMemberIsAddedChangedAndRemoved(t *testing.T) {
	admin, group, user := administrator(t), newGroup(t), newUser(t)
	added := must[*gitlab.GroupMember](t)(admin.GroupMembers.AddGroupMember(group.ID, &gitlab.AddGroupMemberOptions{
		Username: &user.Username, AccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions)}))
	equal(t, "user", added.ID, user.ID)
	must[*gitlab.GroupMember](t)(admin.GroupMembers.EditGroupMember(group.ID, user.ID,
		&gitlab.EditGroupMemberOptions{AccessLevel: gitlab.Ptr(gitlab.OwnerPermissions)}))
	read := must[*gitlab.GroupMember](t)(admin.GroupMembers.GetGroupMember(group.ID, user.ID))
	equal(t, "level", read.AccessLevel, gitlab.OwnerPermissions)
	response, err := admin.GroupMembers.RemoveGroupMember(group.ID, user.ID, nil)
	succeed(t, response, err)
	for _, member := range must[[]*gitlab.GroupMember](t)(admin.Groups.ListGroupMembers(group.ID, nil)) {
		if member.ID == user.ID {
			t.Fatal("a removed member is listed")
		}
	}
}

func TestInheritedMembersStandInTheFullListOnly(t *testing.T) {
	admin, group, user := administrator(t), newGroup(t), newUser(t)
	project := newProjectIn(t, group)
	must[*gitlab.GroupMember](t)(admin.GroupMembers.AddGroupMember(group.ID, &gitlab.AddGroupMemberOptions{
		UserID: &user.ID, AccessLevel: gitlab.Ptr(gitlab.MaintainerPermissions)}))
	_, _, err := admin.ProjectMembers.GetProjectMember(project.ID, user.ID)
	missing(t, err)
	inherited := must[*gitlab.ProjectMember](t)(admin.ProjectMembers.GetInheritedProjectMember(project.ID, user.ID))
	equal(t, "level", inherited.AccessLevel, gitlab.MaintainerPermissions)

	options := &gitlab.ListProjectMembersOptions{Query: &user.Username}
	direct := must[[]*gitlab.ProjectMember](t)(admin.ProjectMembers.ListProjectMembers(project.ID, options))
	all := must[[]*gitlab.ProjectMember](t)(admin.ProjectMembers.ListAllProjectMembers(project.ID, options))
	equal(t, "direct members", len(direct), 0)
	equal(t, "all members", len(all), 1)
	equal(t, "the member", all[0].ID, user.ID)
}

func TestMembersOfAnInvitedGroupStandInTheFullList(t *testing.T) {
	admin, project, invited, user := administrator(t), newProject(t), newGroup(t), newUser(t)
	must[*gitlab.GroupMember](t)(admin.GroupMembers.AddGroupMember(invited.ID, &gitlab.AddGroupMemberOptions{
		UserID: &user.ID, AccessLevel: gitlab.Ptr(gitlab.MaintainerPermissions)}))
	response, err := admin.Projects.ShareProjectWithGroup(project.ID, &gitlab.ShareWithGroupOptions{
		GroupID: &invited.ID, GroupAccess: gitlab.Ptr(gitlab.DeveloperPermissions)})
	succeed(t, response, err)
	member := must[*gitlab.ProjectMember](t)(admin.ProjectMembers.GetInheritedProjectMember(project.ID, user.ID))
	equal(t, "level", member.AccessLevel, gitlab.DeveloperPermissions)
	response, err = admin.Projects.DeleteSharedProjectFromGroup(project.ID, invited.ID)
	succeed(t, response, err)
	_, _, err = admin.ProjectMembers.GetInheritedProjectMember(project.ID, user.ID)
	missing(t, err)
}
