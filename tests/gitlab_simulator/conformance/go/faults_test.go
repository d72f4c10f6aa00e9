package conformance

import (
	"net/http"
	"strings"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// armed makes the simulator strike the next request for the version; the fault is JSON.
func armed(t *testing.T, fault string) {
	t.Helper()
	if !gitlabServer.isSimulator {
		t.Skip("GITLAB_URL names a server that is not the simulator")
	}
	response, err := http.Post(gitlabServer.url+"/-/simulator/faults", "application/json", strings.NewReader(fault))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	equal(t, "status", response.StatusCode, http.StatusCreated)
}

func TestATransientErrorIsRetried(t *testing.T) {
	armed(t, `{"kind": "status", "method": "GET", "path": "/version$", "count": 1, "status": 503,
		"body": {"message": "503 Service Unavailable"}}`)
	must[*gitlab.Version](t)(administrator(t).Version.GetVersion())
}

func TestATransientErrorIsSeenWithoutRetries(t *testing.T) {
	armed(t, `{"kind": "status", "method": "GET", "path": "/version$", "count": 1, "status": 503,
		"body": {"message": "503 Service Unavailable"}}`)
	_, _, err := connect(t, gitlabServer.adminToken, gitlab.WithoutRetries()).Version.GetVersion()
	refused(t, err, 503, "{message: 503 Service Unavailable}")
}
