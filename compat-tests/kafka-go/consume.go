package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"ottla.test/driver"
)

// consuming is a set of readers of partitions, a reader of a group, or a member made of generations.
type consuming interface{ close() error }

func openConsumer(p driver.Parameters) (any, error) {
	position, err := driver.PositionOf(p.Start)
	if err != nil {
		return nil, err
	}
	switch {
	case p.Group == "":
		consumer, err = openReaders(p, position)
	case p.Assignor == "":
		consumer = openGroupReader(p)
	default:
		consumer, err = openMember(p)
	}
	return nil, err
}

func readerConfig(topic string) kafka.ReaderConfig {
	return kafka.ReaderConfig{
		Brokers: []string{os.Args[1]}, Topic: topic, MaxWait: 100 * time.Millisecond,
		ReadBackoffMin: 20 * time.Millisecond, ReadBackoffMax: 200 * time.Millisecond,
		Dialer:      &kafka.Dialer{ClientID: clientName, Timeout: 10 * time.Second},
		ErrorLogger: kafka.LoggerFunc(driver.Note),
	}
}

// readers read one partition each.
type readers struct {
	topic string
	of    map[int32]*kafka.Reader
	stop  context.CancelFunc
	ended sync.WaitGroup
}

func openReaders(p driver.Parameters, position driver.Position) (*readers, error) {
	start := position.Number
	if position.Earliest {
		start = kafka.FirstOffset
	} else if position.Latest {
		start = kafka.LastOffset
	}
	ctx, stop := context.WithCancel(forever)
	all := &readers{topic: p.Topic, of: map[int32]*kafka.Reader{}, stop: stop}
	for _, partition := range p.Partitions {
		c := readerConfig(p.Topic)
		c.Partition = int(partition)
		reader := kafka.NewReader(c)
		if err := reader.SetOffset(start); err != nil {
			return nil, err
		}
		all.of[partition] = reader
		all.ended.Add(1)
		go func() {
			defer all.ended.Done()
			for {
				message, err := reader.ReadMessage(ctx)
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					driver.Note("read: %v", err)
					continue
				}
				tell(message)
			}
		}()
	}
	return all, nil
}

func (r *readers) close() error {
	r.stop()
	r.ended.Wait()
	for _, reader := range r.of {
		if err := reader.Close(); err != nil {
			return err
		}
	}
	return nil
}

func seek(p driver.Parameters) (any, error) {
	return nil, consumer.(*readers).of[p.Partition].SetOffset(p.Offset)
}

func seekToTime(p driver.Parameters) (any, error) {
	all := consumer.(*readers)
	offsets := make([]int64, len(all.of))
	for partition := range offsets {
		// SetOffsetAt tells no offset, and what Offset gives may have moved on already.
		offset, err := offsetAtTime(all.topic, partition, p.Timestamp)
		if err != nil {
			return nil, err
		}
		offsets[partition] = offset
		err = all.of[int32(partition)].SetOffsetAt(forever, time.UnixMilli(p.Timestamp))
		if err != nil {
			return nil, err
		}
	}
	return offsets, nil
}

// groupReader is what most users of groups have: a reader that shares the topic's partitions with others.
type groupReader struct {
	reader *kafka.Reader
	topic  string
	group  string
	stop   context.CancelFunc
	ended  chan struct{}
}

func openGroupReader(p driver.Parameters) *groupReader {
	c := readerConfig(p.Topic)
	c.GroupID = p.Group
	c.StartOffset = kafka.FirstOffset
	c.SessionTimeout = 6 * time.Second
	c.HeartbeatInterval = 200 * time.Millisecond
	c.RebalanceTimeout = 15 * time.Second
	c.JoinGroupBackoff = 200 * time.Millisecond
	ctx, stop := context.WithCancel(forever)
	g := &groupReader{kafka.NewReader(c), p.Topic, p.Group, stop, make(chan struct{})}
	go func() {
		defer close(g.ended)
		for {
			message, err := g.reader.FetchMessage(ctx)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				driver.Note("fetch: %v", err)
				continue
			}
			tell(message)
			if p.Commit != "each" {
				continue
			}
			if err := g.reader.CommitMessages(forever, message); err != nil {
				driver.Note("commit: %v", err)
			}
		}
	}()
	return g
}

func (g *groupReader) close() error {
	g.stop()
	<-g.ended
	return g.reader.Close()
}

func commit(p driver.Parameters) (any, error) {
	g := consumer.(*groupReader)
	messages := []kafka.Message{}
	for _, pair := range p.Offsets {
		messages = append(messages, kafka.Message{Topic: g.topic, Partition: int(pair[0]), Offset: pair[1] - 1})
	}
	return nil, g.reader.CommitMessages(forever, messages...)
}

func committed(p driver.Parameters) (any, error) {
	g := consumer.(*groupReader)
	found, err := offsetsOf(g.group, g.topic, p.Partitions)
	offsets := make([]*int64, len(p.Partitions))
	for i, partition := range p.Partitions {
		if offset, there := found[partition]; there {
			offsets[i] = &offset
		}
	}
	return offsets, err
}

// member takes part in a group by its generations, as one does who wants to know what is assigned.
type member struct {
	group *kafka.ConsumerGroup
	topic string
	stop  context.CancelFunc
	ended chan struct{}
}

func openMember(p driver.Parameters) (*member, error) {
	balancers := map[string]kafka.GroupBalancer{
		"range": kafka.RangeGroupBalancer{}, "roundrobin": kafka.RoundRobinGroupBalancer{},
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: p.Group, Brokers: []string{os.Args[1]}, Topics: []string{p.Topic},
		Dialer:         &kafka.Dialer{ClientID: clientName, Timeout: 10 * time.Second},
		GroupBalancers: []kafka.GroupBalancer{balancers[p.Assignor]},
		SessionTimeout: 6 * time.Second, HeartbeatInterval: 200 * time.Millisecond,
		RebalanceTimeout: 15 * time.Second, JoinGroupBackoff: 200 * time.Millisecond,
		StartOffset: kafka.FirstOffset, ErrorLogger: kafka.LoggerFunc(driver.Note),
	})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(forever)
	m := &member{group, p.Topic, stop, make(chan struct{})}
	go m.run(ctx)
	return m, nil
}

func (m *member) run(ctx context.Context) {
	defer close(m.ended)
	for {
		generation, err := m.group.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, kafka.ErrGroupClosed) {
			return
		}
		if err != nil {
			driver.Note("next generation: %v", err)
			continue
		}
		partitions := []int32{}
		for _, assignment := range generation.Assignments[m.topic] {
			partitions = append(partitions, int32(assignment.ID))
			generation.Start(func(ctx context.Context) { m.read(ctx, generation, assignment) })
		}
		driver.TellAssigned(generation.MemberID, partitions)
	}
}

func (m *member) read(ctx context.Context, generation *kafka.Generation, assignment kafka.PartitionAssignment) {
	c := readerConfig(m.topic)
	c.Partition = assignment.ID
	reader := kafka.NewReader(c)
	defer reader.Close()
	if err := reader.SetOffset(assignment.Offset); err != nil {
		driver.Note("set offset: %v", err)
		return
	}
	for {
		message, err := reader.ReadMessage(ctx)
		if ctx.Err() != nil || errors.Is(err, kafka.ErrGenerationEnded) {
			return
		}
		if err != nil {
			driver.Note("read: %v", err)
			continue
		}
		tell(message)
		next := map[string]map[int]int64{m.topic: {assignment.ID: message.Offset + 1}}
		if err := generation.CommitOffsets(next); err != nil {
			driver.Note("commit: %v", err)
		}
	}
}

func (m *member) close() error {
	m.stop()
	<-m.ended
	return m.group.Close()
}

func tell(m kafka.Message) {
	partition, timestamp := int32(m.Partition), m.Time.UnixMilli()
	record := driver.Record{
		Topic: m.Topic, Partition: &partition, Offset: m.Offset, Timestamp: &timestamp, Key: m.Key, Value: m.Value,
	}
	for _, header := range m.Headers {
		record.Headers = append(record.Headers, driver.Header{Name: header.Key, Value: header.Value})
	}
	driver.TellRecord(record)
}
