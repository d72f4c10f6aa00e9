package conformance

import (
	"strings"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

const severalVariables = "{message: There are multiple variables with provided parameters. " +
	"Please use 'filter[environment_scope]'}"

func TestProjectVariablesAreToldApartByScope(t *testing.T) {
	admin, project := administrator(t).ProjectVariables, newProject(t)
	for _, scope := range []string{"production", "review/*"} {
		must[*gitlab.ProjectVariable](t)(admin.CreateVariable(project.ID, &gitlab.CreateProjectVariableOptions{
			Key: gitlab.Ptr("KUBE_TOKEN"), Value: &scope, EnvironmentScope: &scope}))
	}
	filter := &gitlab.VariableFilter{EnvironmentScope: "review/*"}
	read := must[*gitlab.ProjectVariable](t)(
		admin.GetVariable(project.ID, "KUBE_TOKEN", &gitlab.GetProjectVariableOptions{Filter: filter}))
	equal(t, "value", read.Value, "review/*")
	// The filter of a change stands in the body.
	must[*gitlab.ProjectVariable](t)(admin.UpdateVariable(project.ID, "KUBE_TOKEN",
		&gitlab.UpdateProjectVariableOptions{Value: gitlab.Ptr("renewed"), Filter: filter}))
	response, err := admin.RemoveVariable(project.ID, "KUBE_TOKEN",
		&gitlab.RemoveProjectVariableOptions{Filter: &gitlab.VariableFilter{EnvironmentScope: "production"}})
	succeed(t, response, err)
	left := must[[]*gitlab.ProjectVariable](t)(admin.ListVariables(project.ID, nil))
	equal(t, "number left", len(left), 1)
	equal(t, "value", left[0].Value, "renewed")
	equal(t, "scope", left[0].EnvironmentScope, "review/*")
}

func TestSeveralVariablesOfAKeyNeedAFilter(t *testing.T) {
	admin, project := administrator(t).ProjectVariables, newProject(t)
	for _, scope := range []string{"production", "staging"} {
		must[*gitlab.ProjectVariable](t)(admin.CreateVariable(project.ID, &gitlab.CreateProjectVariableOptions{
			Key: gitlab.Ptr("KUBE_TOKEN"), Value: &scope, EnvironmentScope: &scope}))
	}
	_, _, err := admin.GetVariable(project.ID, "KUBE_TOKEN", nil)
	refused(t, err, 409, severalVariables)
	_, _, err = admin.UpdateVariable(project.ID, "KUBE_TOKEN",
		&gitlab.UpdateProjectVariableOptions{Value: gitlab.Ptr("lost")})
	refused(t, err, 409, severalVariables)
	_, err = admin.RemoveVariable(project.ID, "KUBE_TOKEN", nil)
	refused(t, err, 409, severalVariables)
}

func TestModelErrorsAreAnObjectOfLists(t *testing.T) {
	admin, project := administrator(t).ProjectVariables, newProject(t)
	_, _, err := admin.CreateVariable(project.ID, &gitlab.CreateProjectVariableOptions{
		Key: gitlab.Ptr("NOT-GOOD"), Value: gitlab.Ptr("1")})
	refused(t, err, 400, "{message: {key: [can contain only letters, digits and '_'.]}}")
	_, _, err = admin.CreateVariable(project.ID, &gitlab.CreateProjectVariableOptions{})
	refused(t, err, 400, "{error: key is missing, value is missing}")
}

func TestAHiddenVariableIsNeverReadAgain(t *testing.T) {
	admin, group := administrator(t).GroupVariables, newGroup(t)
	created := must[*gitlab.GroupVariable](t)(admin.CreateVariable(group.ID, &gitlab.CreateGroupVariableOptions{
		Key: gitlab.Ptr("TOKEN"), Value: gitlab.Ptr("abcdefgh12345678"), MaskedAndHidden: gitlab.Ptr(true)}))
	equal(t, "hidden", created.Hidden, true)
	equal(t, "value", must[*gitlab.GroupVariable](t)(admin.GetVariable(group.ID, "TOKEN", nil)).Value, "")
}

func TestGroupVariables(t *testing.T) {
	admin, group := administrator(t).GroupVariables, newGroup(t)
	must[*gitlab.GroupVariable](t)(admin.CreateVariable(group.ID, &gitlab.CreateGroupVariableOptions{
		Key: gitlab.Ptr("KUBE_URL"), Value: gitlab.Ptr("one"), VariableType: gitlab.Ptr(gitlab.FileVariableType)}))
	changed := must[*gitlab.GroupVariable](t)(admin.UpdateVariable(group.ID, "KUBE_URL",
		&gitlab.UpdateGroupVariableOptions{Value: gitlab.Ptr("two"), Protected: gitlab.Ptr(true)}))
	equal(t, "value", changed.Value, "two")
	equal(t, "type", changed.VariableType, gitlab.FileVariableType)
	equal(t, "number", len(must[[]*gitlab.GroupVariable](t)(admin.ListVariables(group.ID, nil))), 1)
	response, err := admin.RemoveVariable(group.ID, "KUBE_URL", nil)
	succeed(t, response, err)
	_, _, err = admin.GetVariable(group.ID, "KUBE_URL", nil)
	missing(t, err)
}

func TestInstanceVariables(t *testing.T) {
	admin := administrator(t).InstanceVariables
	key := strings.ToUpper(strings.ReplaceAll(newName("KEY"), "-", "_"))
	must[*gitlab.InstanceVariable](t)(admin.CreateVariable(
		&gitlab.CreateInstanceVariableOptions{Key: &key, Value: gitlab.Ptr("one")}))
	must[*gitlab.InstanceVariable](t)(admin.UpdateVariable(key,
		&gitlab.UpdateInstanceVariableOptions{Value: gitlab.Ptr("two")}))
	equal(t, "value", must[*gitlab.InstanceVariable](t)(admin.GetVariable(key)).Value, "two")
	listed := must[[]*gitlab.InstanceVariable](t)(admin.ListVariables(nil))
	if len(listed) == 0 {
		t.Fatal("not listed")
	}
	response, err := admin.RemoveVariable(key)
	succeed(t, response, err)
	_, _, err = admin.GetVariable(key)
	missing(t, err)
}
