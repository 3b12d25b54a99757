// The driver of segmentio's kafka-go; see ../driven-clients/driver.ts for what it is told.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"ottla.test/driver"
)

var (
	writing    *writer
	consumer   consuming
	forever    = context.Background()
	clientName = fmt.Sprintf("driver-%d", os.Getpid())
	client     *kafka.Client
)

func transport() *kafka.Transport {
	return &kafka.Transport{ClientID: clientName, MetadataTTL: time.Second}
}

// writer makes a kafka.Writer for each topic, and keeps what the last records were told.
type writer struct {
	parameters driver.Parameters
	ofTopic    map[string]*kafka.Writer
	mutex      sync.Mutex
	stored     []driver.Stored
}

// of is what a message carries through the writer: its index, and the partition that its record names.
type of struct {
	index     int
	partition *int32
}

func openProducer(p driver.Parameters) (any, error) {
	writing = &writer{parameters: p, ofTopic: map[string]*kafka.Writer{}}
	return nil, nil
}

func (w *writer) writerOf(topic string) *kafka.Writer {
	if known, ok := w.ofTopic[topic]; ok {
		return known
	}
	byKey := &kafka.Hash{}
	opened := &kafka.Writer{
		Addr: kafka.TCP(os.Args[1]), Topic: topic, Transport: transport(),
		RequiredAcks: kafka.RequiredAcks(driver.AcksNumber(w.parameters.Acks)),
		Compression: map[string]kafka.Compression{
			"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
		}[w.parameters.Compression],
		AllowAutoTopicCreation: true,
		BatchTimeout:           2 * time.Millisecond,
		MaxAttempts:            300,
		WriteBackoffMax:        200 * time.Millisecond,
		Balancer: kafka.BalancerFunc(func(m kafka.Message, partitions ...int) int {
			if named := m.WriterData.(of).partition; named != nil {
				return int(*named)
			}
			return byKey.Balance(m, partitions...)
		}),
		Completion: func(messages []kafka.Message, err error) {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			for _, m := range messages {
				w.stored[m.WriterData.(of).index] = driver.Stored{Partition: int32(m.Partition), Offset: &m.Offset}
			}
		},
	}
	w.ofTopic[topic] = opened
	return opened
}

func produce(p driver.Parameters) (any, error) {
	writing.stored = make([]driver.Stored, len(p.Records))
	messages := make([]kafka.Message, len(p.Records))
	for i, r := range p.Records {
		message := kafka.Message{Key: r.Key, Value: r.Value, WriterData: of{i, r.Partition}}
		for _, header := range r.Headers {
			message.Headers = append(message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
		}
		if r.Timestamp != nil {
			message.Time = time.UnixMilli(*r.Timestamp)
		}
		messages[i] = message
	}
	err := writing.writerOf(p.Topic).WriteMessages(forever, messages...)
	var all kafka.WriteErrors
	if errors.As(err, &all) {
		for _, one := range all {
			if one != nil {
				return nil, one
			}
		}
	}
	return writing.stored, err
}

func closeProducer(driver.Parameters) (any, error) {
	for _, one := range writing.ofTopic {
		if err := one.Close(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func codeOf(err error) (int16, bool) {
	var refused kafka.Error
	if errors.As(err, &refused) {
		return int16(refused), true
	}
	var tooLarge kafka.MessageTooLargeError
	if errors.As(err, &tooLarge) {
		return int16(kafka.MessageSizeTooLarge), true
	}
	return 0, false
}

func main() {
	client = &kafka.Client{Addr: kafka.TCP(os.Args[1]), Timeout: 20 * time.Second, Transport: transport()}
	driver.Serve(map[string]driver.Command{
		"openProducer": openProducer, "produce": produce, "closeProducer": closeProducer,
		"openConsumer": openConsumer, "commit": commit, "committed": committed, "seek": seek,
		"seekToTime":    seekToTime,
		"closeConsumer": func(driver.Parameters) (any, error) { return nil, consumer.close() },
		"listOffset":    listOffset, "createTopics": createTopics, "deleteTopics": deleteTopics,
		"createPartitions": createPartitions, "listTopics": listTopics, "describeTopic": describeTopic,
		"describeCluster": describeCluster, "describeConfigs": describeConfigs, "alterConfigs": alterConfigs,
		"listGroups": listGroups, "describeGroup": describeGroup, "deleteGroup": deleteGroup,
		"groupOffsets": groupOffsets, "alterGroupOffsets": alterGroupOffsets,
		"deleteGroupOffsets": deleteGroupOffsets,
	}, codeOf)
}
