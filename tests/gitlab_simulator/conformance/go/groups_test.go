package conformance

import (
	"slices"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func groupID(group *gitlab.Group) int64 { return group.ID }

func TestAGroupIsCreatedReadChangedDeletedAndRestored(t *testing.T) {
	admin, group := administrator(t).Groups, newGroup(t)
	must[*gitlab.Group](t)(admin.UpdateGroup(group.ID, &gitlab.UpdateGroupOptions{Description: gitlab.Ptr("changed")}))
	read := must[*gitlab.Group](t)(admin.GetGroup(group.FullPath, nil))
	equal(t, "id", read.ID, group.ID)
	equal(t, "description", read.Description, "changed")

	response, err := admin.DeleteGroup(group.ID, nil)
	succeed(t, response, err)
	equal(t, "status", response.StatusCode, 202)
	if must[*gitlab.Group](t)(admin.GetGroup(group.ID, nil)).MarkedForDeletionOn == nil {
		t.Fatal("a deleted group is not marked")
	}
	must[*gitlab.Group](t)(admin.RestoreGroup(group.ID))
	if must[*gitlab.Group](t)(admin.GetGroup(group.ID, nil)).MarkedForDeletionOn != nil {
		t.Fatal("a restored group is still marked")
	}
}

func TestSubgroupsAndDescendantsAreListed(t *testing.T) {
	admin, top := administrator(t).Groups, newGroup(t)
	child := newSubgroup(t, &top.ID)
	grandchild := newSubgroup(t, &child.ID)
	children := must[[]*gitlab.Group](t)(admin.ListSubGroups(top.ID, nil))
	below := must[[]*gitlab.Group](t)(admin.ListDescendantGroups(top.ID, nil))
	if !slices.Equal(ids(children, groupID), []int64{child.ID}) {
		t.Fatalf("children: %v", ids(children, groupID))
	}
	if !slices.Equal(ids(below, groupID), []int64{child.ID, grandchild.ID}) {
		t.Fatalf("descendants: %v", ids(below, groupID))
	}
}

func TestProjectsOfSubgroupsAreListedWhenAskedFor(t *testing.T) {
	admin, top := administrator(t).Groups, newGroup(t)
	child := newSubgroup(t, &top.ID)
	above, below := newProjectIn(t, top), newProjectIn(t, child)
	options := &gitlab.ListGroupProjectsOptions{IncludeSubGroups: gitlab.Ptr(true), WithShared: gitlab.Ptr(false)}
	listed := ids(must[[]*gitlab.Project](t)(admin.ListGroupProjects(top.ID, options)), projectID)
	if !slices.Equal(listed, []int64{below.ID, above.ID}) {
		t.Fatalf("listed: %v", listed)
	}
}

func TestATransferredGroupGetsANewPath(t *testing.T) {
	admin, target, moved := administrator(t).Groups, newGroup(t), newGroup(t)
	must[*gitlab.Group](t)(admin.TransferSubGroup(moved.ID, &gitlab.TransferSubGroupOptions{GroupID: &target.ID}))
	read := must[*gitlab.Group](t)(admin.GetGroup(moved.ID, nil))
	equal(t, "path", read.FullPath, target.FullPath+"/"+moved.Path)
	_, _, err := admin.GetGroup(moved.FullPath, nil)
	missing(t, err)
}

func TestAGroupTakesAProject(t *testing.T) {
	admin, target, project := administrator(t), newGroup(t), newProject(t)
	must[*gitlab.Group](t)(admin.Groups.TransferGroup(target.ID, project.ID))
	read := must[*gitlab.Project](t)(admin.Projects.GetProject(project.ID, nil))
	equal(t, "path", read.PathWithNamespace, target.FullPath+"/"+project.Path)
}

func TestAPrivateGroupIsHiddenFromStrangers(t *testing.T) {
	_, client := newPerson(t)
	_, _, err := client.Groups.GetGroup(newGroup(t).ID, nil)
	missing(t, err)
}
