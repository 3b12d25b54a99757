// Package driver is the other end of driver.ts for drivers in Go: commands in, answers and events out, each a line
// of JSON. A driver gives Serve a function for each command that its client has.
package driver

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"sync"
)

// Record is a record to produce, or one that was consumed; nil bytes are null.
type Record struct {
	Topic     string   `json:"topic,omitempty"`
	Partition *int32   `json:"partition,omitempty"`
	Offset    int64    `json:"offset"`
	Timestamp *int64   `json:"timestamp,omitempty"`
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []Header `json:"headers"`
}

// Header is a pair of a name and a value in JSON.
type Header struct {
	Name  string
	Value []byte
}

func (h *Header) UnmarshalJSON(text []byte) error {
	var value *[]byte
	if err := json.Unmarshal(text, &[]any{&h.Name, &value}); err != nil {
		return err
	}
	if value != nil {
		h.Value = *value
	}
	return nil
}

func (h Header) MarshalJSON() ([]byte, error) { return json.Marshal([]any{h.Name, h.Value}) }

// Stored is where a record that was produced is.
type Stored struct {
	Partition int32  `json:"partition"`
	Offset    *int64 `json:"offset"`
}

// Parameters are what all commands together take.
type Parameters struct {
	Acks             string            `json:"acks"`
	Compression      string            `json:"compression"`
	Idempotent       bool              `json:"idempotent"`
	Topic            string            `json:"topic"`
	Records          []Record          `json:"records"`
	Group            string            `json:"group"`
	Partitions       []int32           `json:"partitions"`
	Start            json.RawMessage   `json:"start"`
	Commit           string            `json:"commit"`
	Assignor         string            `json:"assignor"`
	InstanceID       string            `json:"instanceId"`
	SessionTimeoutMs int64             `json:"sessionTimeoutMs"`
	Offsets          [][2]int64        `json:"offsets"`
	Partition        int32             `json:"partition"`
	Offset           int64             `json:"offset"`
	Timestamp        int64             `json:"timestamp"`
	At               json.RawMessage   `json:"at"`
	Topics           []Topic           `json:"topics"`
	ValidateOnly     bool              `json:"validateOnly"`
	Names            []string          `json:"names"`
	Count            int32             `json:"count"`
	Type             string            `json:"type"`
	Name             string            `json:"name"`
	Set              map[string]string `json:"set"`
	Reset            []string          `json:"reset"`
}

// Topic is one to be created.
type Topic struct {
	Name              string            `json:"name"`
	Partitions        int32             `json:"partitions"`
	ReplicationFactor int16             `json:"replicationFactor"`
	Configs           map[string]string `json:"configs"`
}

// Partition is what is told of one of a topic.
type Partition struct {
	Partition int32   `json:"partition"`
	Leader    int32   `json:"leader"`
	Replicas  []int32 `json:"replicas"`
	ISR       []int32 `json:"isr"`
}

// Broker is what is told of one of the cluster.
type Broker struct {
	ID   int32  `json:"id"`
	Host string `json:"host"`
	Port int32  `json:"port"`
}

// Cluster is the answer of describeCluster.
type Cluster struct {
	Brokers    []Broker `json:"brokers"`
	Controller int32    `json:"controller"`
}

// Config is what is told of one.
type Config struct {
	Value     *string `json:"value"`
	IsDefault bool    `json:"isDefault"`
}

// Group is the answer of describeGroup.
type Group struct {
	State   string   `json:"state"`
	Members []Member `json:"members"`
}

// Member is what is told of one of a group.
type Member struct {
	MemberID   string  `json:"memberId"`
	ClientID   string  `json:"clientId"`
	InstanceID *string `json:"instanceId"`
	Partitions []int32 `json:"partitions"`
}

// Position is a place given by name or by number.
type Position struct {
	Earliest, Latest bool
	Number           int64
}

// PositionOf reads "earliest", "latest" or a number.
func PositionOf(text json.RawMessage) (position Position, err error) {
	switch string(text) {
	case `"earliest"`:
		position.Earliest = true
	case `"latest"`:
		position.Latest = true
	default:
		err = json.Unmarshal(text, &position.Number)
	}
	return position, err
}

// AcksNumber is acks as the protocol has it.
func AcksNumber(acks string) int16 {
	return map[string]int16{"none": 0, "leader": 1, "all": -1}[acks]
}

// Refused is an error with Kafka's code.
type Refused struct {
	Code    int16
	Message string
}

func (r Refused) Error() string { return r.Message }

// Command does what it says and gives its result.
type Command func(Parameters) (any, error)

var output sync.Mutex

func write(message any) {
	line, err := json.Marshal(message)
	if err != nil {
		line, _ = json.Marshal(map[string]any{"event": "failed", "line": err.Error()})
	}
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

// TellRecord hands a record over.
func TellRecord(r Record) {
	headers := r.Headers
	if headers == nil {
		headers = []Header{}
	}
	write(map[string]any{
		"event": "record", "topic": r.Topic, "partition": r.Partition, "offset": r.Offset,
		"timestamp": r.Timestamp, "key": r.Key, "value": r.Value, "headers": headers,
	})
}

// TellAssigned says what the member owns from now on.
func TellAssigned(memberID string, partitions []int32) {
	write(map[string]any{"event": "assigned", "memberId": memberID, "partitions": sorted(partitions)})
}

// TellRevoked says what the member was asked to give up.
func TellRevoked(partitions []int32) {
	write(map[string]any{"event": "revoked", "partitions": sorted(partitions)})
}

// Note tells something to be shown when the test fails.
func Note(format string, values ...any) {
	write(map[string]any{"event": "note", "line": fmt.Sprintf(format, values...)})
}

// Failed tells that the consumer cannot go on.
func Failed(err error) { write(map[string]any{"event": "failed", "line": err.Error()}) }

func sorted(partitions []int32) []int32 {
	all := append([]int32{}, partitions...)
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return all
}

// Serve runs commands until the input ends. codeOf gives Kafka's code of the client's own errors.
func Serve(commands map[string]Command, codeOf func(error) (int16, bool)) {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			// No goodbyes: consumers would leave their groups.
			os.Exit(1)
		}
		var request struct {
			ID      int64  `json:"id"`
			Command string `json:"command"`
			Parameters
		}
		if err := json.Unmarshal(line, &request); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		result, err := run(commands, request.Command, request.Parameters)
		if err != nil {
			write(map[string]any{"id": request.ID, "error": describe(err, codeOf)})
			continue
		}
		write(map[string]any{"id": request.ID, "result": result})
	}
}

func run(commands map[string]Command, name string, parameters Parameters) (any, error) {
	command, found := commands[name]
	if !found {
		return nil, fmt.Errorf("this driver has no %s", name)
	}
	return command(parameters)
}

func describe(err error, codeOf func(error) (int16, bool)) map[string]any {
	var refused Refused
	if errors.As(err, &refused) {
		return map[string]any{"code": refused.Code, "message": refused.Message}
	}
	if code, found := codeOf(err); found {
		return map[string]any{"code": code, "message": err.Error()}
	}
	return map[string]any{"code": nil, "message": err.Error()}
}
