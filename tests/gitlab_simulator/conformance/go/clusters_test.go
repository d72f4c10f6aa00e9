package conformance

import (
	"strconv"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

const (
	clusterAddress = "https://kube.example.com:6443"
	otherAddress   = "https://other.example.com"
)

func TestAProjectClusterIsCreatedChangedAndDeleted(t *testing.T) {
	withClusters(t)
	admin, project := administrator(t).ProjectCluster, newProject(t)
	created := must[*gitlab.ProjectCluster](t)(admin.AddCluster(project.ID, &gitlab.AddClusterOptions{
		Name: gitlab.Ptr("campus"), Managed: gitlab.Ptr(false), EnvironmentScope: gitlab.Ptr("production"),
		PlatformKubernetes: &gitlab.AddPlatformKubernetesOptions{
			APIURL: gitlab.Ptr(clusterAddress), Token: gitlab.Ptr("token-of-the-cluster"), Namespace: gitlab.Ptr("web")}}))
	equal(t, "type", created.ClusterType, "project_type")
	equal(t, "address", created.PlatformKubernetes.APIURL, clusterAddress)
	equal(t, "token", created.PlatformKubernetes.Token, "")
	equal(t, "project", created.Project.ID, project.ID)

	must[*gitlab.ProjectCluster](t)(admin.EditCluster(project.ID, created.ID, &gitlab.EditClusterOptions{
		PlatformKubernetes: &gitlab.EditPlatformKubernetesOptions{APIURL: gitlab.Ptr(otherAddress)}}))
	read := must[*gitlab.ProjectCluster](t)(admin.GetCluster(project.ID, created.ID))
	equal(t, "address", read.PlatformKubernetes.APIURL, otherAddress)
	equal(t, "namespace", read.PlatformKubernetes.Namespace, "web")
	equal(t, "number", len(must[[]*gitlab.ProjectCluster](t)(admin.ListClusters(project.ID))), 1)

	response, err := admin.DeleteCluster(project.ID, created.ID)
	succeed(t, response, err)
	_, _, err = admin.GetCluster(project.ID, created.ID)
	missing(t, err)
}

func TestAGroupClusterIsCreatedChangedAndDeleted(t *testing.T) {
	withClusters(t)
	admin, group := administrator(t).GroupCluster, newGroup(t)
	created := must[*gitlab.GroupCluster](t)(admin.AddCluster(group.ID, &gitlab.AddGroupClusterOptions{
		Name: gitlab.Ptr("campus"), Managed: gitlab.Ptr(false),
		PlatformKubernetes: &gitlab.AddGroupPlatformKubernetesOptions{
			APIURL: gitlab.Ptr(clusterAddress), Token: gitlab.Ptr("token-of-the-cluster")}}))
	equal(t, "type", created.ClusterType, "group_type")
	equal(t, "scope", created.EnvironmentScope, "*")
	equal(t, "group", created.Group.ID, group.ID)
	must[*gitlab.GroupCluster](t)(admin.EditCluster(group.ID, created.ID,
		&gitlab.EditGroupClusterOptions{EnvironmentScope: gitlab.Ptr("staging")}))
	equal(t, "scope", must[*gitlab.GroupCluster](t)(admin.GetCluster(group.ID, created.ID)).EnvironmentScope, "staging")
	equal(t, "number", len(must[[]*gitlab.GroupCluster](t)(admin.ListClusters(group.ID))), 1)
	response, err := admin.DeleteCluster(group.ID, created.ID)
	succeed(t, response, err)
	_, _, err = admin.GetCluster(group.ID, created.ID)
	missing(t, err)
}

func TestAnInstanceClusterIsCreatedChangedAndDeleted(t *testing.T) {
	withClusters(t)
	admin, scope := administrator(t).InstanceCluster, newName("scope")
	created := must[*gitlab.InstanceCluster](t)(admin.AddCluster(&gitlab.AddClusterOptions{
		Name: gitlab.Ptr("campus"), EnvironmentScope: &scope,
		PlatformKubernetes: &gitlab.AddPlatformKubernetesOptions{
			APIURL: gitlab.Ptr(clusterAddress), Token: gitlab.Ptr("token-of-the-cluster")}}))
	equal(t, "type", created.ClusterType, "instance_type")
	equal(t, "managed", created.Managed, true)
	must[*gitlab.InstanceCluster](t)(admin.EditCluster(created.ID, &gitlab.EditClusterOptions{Name: gitlab.Ptr("other")}))
	equal(t, "name", must[*gitlab.InstanceCluster](t)(admin.GetCluster(created.ID)).Name, "other")
	listed := must[[]*gitlab.InstanceCluster](t)(admin.ListClusters())
	if len(listed) == 0 {
		t.Fatal("not listed")
	}
	response, err := admin.DeleteCluster(created.ID)
	succeed(t, response, err)
	_, _, err = admin.GetCluster(created.ID)
	missing(t, err)
}

func TestAManagementProjectIsNamedByText(t *testing.T) {
	withClusters(t)
	admin, group := administrator(t).ProjectCluster, newGroup(t)
	project, manager := newProjectIn(t, group), newProjectIn(t, group)
	// The client sends the id as text.
	created := must[*gitlab.ProjectCluster](t)(admin.AddCluster(project.ID, &gitlab.AddClusterOptions{
		Name: gitlab.Ptr("campus"), ManagementProjectID: gitlab.Ptr(strconv.FormatInt(manager.ID, 10)),
		PlatformKubernetes: &gitlab.AddPlatformKubernetesOptions{
			APIURL: gitlab.Ptr(clusterAddress), Token: gitlab.Ptr("token-of-the-cluster")}}))
	equal(t, "management project", created.ManagementProject.ID, manager.ID)
}

func TestALocalAddressIsRefused(t *testing.T) {
	withClusters(t)
	_, _, err := administrator(t).ProjectCluster.AddCluster(newProject(t).ID, &gitlab.AddClusterOptions{
		Name: gitlab.Ptr("campus"),
		PlatformKubernetes: &gitlab.AddPlatformKubernetesOptions{
			APIURL: gitlab.Ptr("https://10.1.2.3"), Token: gitlab.Ptr("token-of-the-cluster")}})
	refused(t, err, 400, "{message: {platform_kubernetes.api_url: "+
		"[is blocked: Requests to the local network are not allowed]}}")
}

func TestWithoutTheFlagThereAreNoClusters(t *testing.T) {
	_, _, err := administrator(t).ProjectCluster.ListClusters(newProject(t).ID)
	missing(t, err)
}
