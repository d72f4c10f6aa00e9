// Package conformance drives the GitLab simulator (or the GitLab that GITLAB_URL names) with GitLab's own Go client.
package conformance

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const startTimeout = 20 * time.Second

// server is the GitLab under test.
type server struct {
	url         string
	adminToken  string
	isSimulator bool
}

var (
	gitlabServer server
	recorder     *recording
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	recorder, err = newRecording(os.Getenv("CONFORMANCE_EXCHANGES"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, recorder.close()) }()
	if url := os.Getenv("GITLAB_URL"); url != "" {
		gitlabServer = server{url: strings.TrimRight(url, "/"), adminToken: os.Getenv("GITLAB_ADMIN_TOKEN")}
		return m.Run(), nil
	}
	stop, err := startSimulator()
	if err != nil {
		return 0, err
	}
	defer stop()
	return m.Run(), nil
}

// startSimulator starts the binary that GITLAB_SIMULATOR names and waits for the address it prints.
func startSimulator() (stop func(), err error) {
	binary := os.Getenv("GITLAB_SIMULATOR")
	if binary == "" {
		return nil, errors.New("set GITLAB_SIMULATOR to the simulator's binary, or GITLAB_URL to a GitLab (see ../run)")
	}
	token := "glpat-" + rand.Text()
	command := exec.Command(binary, "--listen", "127.0.0.1:0", "--admin-token", token)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("reading what the simulator prints: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting the simulator: %w", err)
	}
	stop = func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}
	address := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(output)
		lines.Scan()
		address <- strings.TrimRight(strings.TrimSpace(lines.Text()), "/")
	}()
	select {
	case url := <-address:
		if !strings.HasPrefix(url, "http") {
			stop()
			return nil, fmt.Errorf("the simulator printed %q instead of its address", url)
		}
		gitlabServer = server{url: url, adminToken: token, isSimulator: true}
		return stop, nil
	case <-time.After(startTimeout):
		stop()
		return nil, fmt.Errorf("the simulator printed no address within %s", startTimeout)
	}
}
