package conformance

import (
	"slices"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func TestVersionAndMetadataTellTheSame(t *testing.T) {
	admin := administrator(t)
	version := must[*gitlab.Version](t)(admin.Version.GetVersion())
	metadata := must[*gitlab.Metadata](t)(admin.Metadata.GetMetadata())
	equal(t, "version", metadata.Version, version.Version)
	equal(t, "revision", metadata.Revision, version.Revision)
	if metadata.Version == "" {
		t.Fatal("no version")
	}
}

func TestMetadataNeedsAToken(t *testing.T) {
	_, _, err := connect(t, "").Metadata.GetMetadata()
	refused(t, err, 401, "{message: 401 Unauthorized}")
}

func TestAFlagIsSetListedAndReset(t *testing.T) {
	admin := administrator(t)
	listed := func() []string {
		var names []string
		for _, feature := range must[[]*gitlab.Feature](t)(admin.Features.ListFeatures()) {
			names = append(names, feature.Name)
		}
		return names
	}
	feature := must[*gitlab.Feature](t)(
		admin.Features.SetFeatureFlag(clusterFlag, &gitlab.SetFeatureFlagOptions{Value: true}))
	equal(t, "state", feature.State, "on")
	equal(t, "default", feature.Definition.DefaultEnabled, false)
	if !slices.Contains(listed(), clusterFlag) {
		t.Fatal("a flag that was set is not listed")
	}
	feature = must[*gitlab.Feature](t)(
		admin.Features.SetFeatureFlag(clusterFlag, &gitlab.SetFeatureFlagOptions{Value: false}))
	equal(t, "state", feature.State, "off")
	_, err := admin.Features.DeleteFeatureFlag(clusterFlag)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(listed(), clusterFlag) {
		t.Fatal("a flag that was reset is listed")
	}
}

func TestDefinitionsNameTheFlag(t *testing.T) {
	definitions := must[[]*gitlab.FeatureDefinition](t)(administrator(t).Features.ListFeatureDefinitions())
	found := slices.IndexFunc(definitions, func(one *gitlab.FeatureDefinition) bool { return one.Name == clusterFlag })
	if found < 0 {
		t.Fatal("not defined")
	}
	equal(t, "type", definitions[found].Type, "ops")
}

func TestSettingsAreReadAndWrittenByAdministratorsOnly(t *testing.T) {
	admin := administrator(t)
	before := must[*gitlab.Settings](t)(admin.Settings.GetSettings())
	toggle := func(value bool) *gitlab.Settings {
		return must[*gitlab.Settings](t)(admin.Settings.UpdateSettings(
			&gitlab.UpdateSettingsOptions{AllowLocalRequestsFromWebHooksAndServices: &value}))
	}
	original := before.AllowLocalRequestsFromWebHooksAndServices
	t.Cleanup(func() { toggle(original) })
	equal(t, "setting", toggle(!original).AllowLocalRequestsFromWebHooksAndServices, !original)
	_, client := newPerson(t)
	_, _, err := client.Settings.GetSettings()
	refused(t, err, 403, "{message: 403 Forbidden}")
}
