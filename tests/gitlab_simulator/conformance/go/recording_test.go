package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

// recording keeps every exchange, one JSON line each, for the check against GitLab's OpenAPI document.
// Secrets are blanked before anything is written: against a real GitLab the tokens would be real.
type recording struct {
	mutex sync.Mutex
	file  *os.File
}

// exchange is one line; openapi_check/exchanges.py reads it.
type exchange struct {
	Test        string      `json:"test"`
	Method      string      `json:"method"`
	Path        string      `json:"path"`
	Query       [][2]string `json:"query"`
	RequestBody any         `json:"request_body"`
	Status      int         `json:"status"`
	ContentType string      `json:"content_type"`
	Body        any         `json:"body"`
}

var secretFields = map[string]bool{"token": true, "password": true, "private_token": true, "access_token": true}

func newRecording(path string) (*recording, error) {
	if path == "" {
		path = os.DevNull
	}
	file, err := os.Create(path)
	return &recording{file: file}, err
}

func (r *recording) close() error {
	return r.file.Close()
}

// transport records the exchanges of one test.
type transport struct {
	test     string
	recorder *recording
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	requestBody, err := taken(&request.Body)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := taken(&response.Body)
	if err != nil {
		return nil, err
	}
	return response, t.recorder.write(exchange{
		Test:        t.test,
		Method:      request.Method,
		Path:        apiPath(request),
		Query:       query(request),
		RequestBody: parsed(requestBody),
		Status:      response.StatusCode,
		ContentType: response.Header.Get("Content-Type"),
		Body:        parsed(body),
	})
}

func (r *recording) write(line exchange) error {
	if line.Path == "" {
		return nil
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	_, err = r.file.Write(append(text, '\n'))
	return err
}

// taken reads a body and puts a copy in its place.
func taken(body *io.ReadCloser) ([]byte, error) {
	if *body == nil {
		return nil, nil
	}
	content, err := io.ReadAll(*body)
	if err != nil {
		return nil, err
	}
	if err := (*body).Close(); err != nil {
		return nil, err
	}
	*body = io.NopCloser(bytes.NewReader(content))
	return content, nil
}

// apiPath is the path as it was sent, or empty outside the API.
func apiPath(request *http.Request) string {
	path := request.URL.EscapedPath()
	start := strings.Index(path, "/api/v4")
	if start < 0 {
		return ""
	}
	return path[start:]
}

func query(request *http.Request) [][2]string {
	pairs := [][2]string{}
	for name, values := range request.URL.Query() {
		for _, value := range values {
			if secretFields[name] {
				value = "blanked"
			}
			pairs = append(pairs, [2]string{name, value})
		}
	}
	return pairs
}

func parsed(body []byte) any {
	if len(body) == 0 {
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return string(body)
	}
	return blanked(value)
}

func blanked(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = blanked(value[i])
		}
	case map[string]any:
		for name, inner := range value {
			if _, isText := inner.(string); isText && secretFields[name] {
				value[name] = "blanked"
			} else {
				value[name] = blanked(inner)
			}
		}
	}
	return value
}
