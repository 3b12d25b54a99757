package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"ottla.test/driver"
)

// consuming is a reader of partitions or a member of a group.
type consuming interface{ close() error }

func openConsumer(p driver.Parameters) (any, error) {
	c := config()
	c.Consumer.MaxWaitTime = 100 * time.Millisecond
	c.Consumer.Retry.Backoff = 100 * time.Millisecond
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	var err error
	if p.Group == "" {
		consumer, err = openReader(c, p)
	} else {
		consumer, err = openMember(c, p)
	}
	return nil, err
}

// reader reads partitions with a goroutine for each.
type reader struct {
	topic    string
	consumer sarama.Consumer
	reading  map[int32]sarama.PartitionConsumer
	ended    map[int32]chan struct{}
}

func openReader(c *sarama.Config, p driver.Parameters) (*reader, error) {
	opened, err := sarama.NewConsumer(addresses(), c)
	if err != nil {
		return nil, err
	}
	position, err := driver.PositionOf(p.Start)
	if err != nil {
		return nil, err
	}
	start := position.Number
	if position.Earliest {
		start = sarama.OffsetOldest
	} else if position.Latest {
		start = sarama.OffsetNewest
	}
	r := &reader{p.Topic, opened, map[int32]sarama.PartitionConsumer{}, map[int32]chan struct{}{}}
	for _, partition := range p.Partitions {
		if err := r.read(partition, start); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *reader) read(partition int32, start int64) error {
	reading, err := r.consumer.ConsumePartition(r.topic, partition, start)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	r.reading[partition], r.ended[partition] = reading, ended
	go func() {
		defer close(ended)
		for message := range reading.Messages() {
			tell(message)
		}
	}()
	return nil
}

// move goes on elsewhere, as sarama has it: by another consumer of the partition.
func (r *reader) move(partition int32, offset int64) error {
	r.reading[partition].AsyncClose()
	<-r.ended[partition]
	return r.read(partition, offset)
}

func (r *reader) each(partitions []int32, do func(sarama.PartitionConsumer)) {
	for _, partition := range partitions {
		do(r.reading[partition])
	}
}

func (r *reader) close() error {
	for partition, reading := range r.reading {
		reading.AsyncClose()
		<-r.ended[partition]
	}
	return r.consumer.Close()
}

func seek(p driver.Parameters) (any, error) {
	return nil, consumer.(*reader).move(p.Partition, p.Offset)
}

func seekToTime(p driver.Parameters) (any, error) {
	r := consumer.(*reader)
	offsets := make([]int64, len(r.reading))
	for partition := range offsets {
		offset, err := client().GetOffset(r.topic, int32(partition), p.Timestamp)
		if err != nil {
			return nil, err
		}
		offsets[partition] = offset
		if err := r.move(int32(partition), offset); err != nil {
			return nil, err
		}
	}
	return offsets, nil
}

// member is a member of a group, and the handler of its sessions.
type member struct {
	topic         string
	group         string
	consumer      sarama.ConsumerGroup
	commits       bool
	isCooperative bool
	stop          context.CancelFunc
	ended         chan struct{}
	mutex         sync.Mutex
	session       sarama.ConsumerGroupSession
	owned         map[int32]bool
}

func openMember(c *sarama.Config, p driver.Parameters) (*member, error) {
	strategies := map[string]sarama.BalanceStrategy{
		"": sarama.NewBalanceStrategyRange(), "range": sarama.NewBalanceStrategyRange(),
		"roundrobin": sarama.NewBalanceStrategyRoundRobin(), "sticky": sarama.NewBalanceStrategySticky(),
		"cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky(),
	}
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[p.Assignor]}
	c.Consumer.Group.Rebalance.Timeout = 15 * time.Second
	c.Consumer.Group.Rebalance.Retry.Max = 100
	c.Consumer.Group.Rebalance.Retry.Backoff = 200 * time.Millisecond
	c.Consumer.Group.Session.Timeout = 6 * time.Second
	c.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	c.Consumer.Group.InstanceId = p.InstanceID
	opened, err := sarama.NewConsumerGroup(addresses(), p.Group, c)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &member{
		topic: p.Topic, group: p.Group, consumer: opened, commits: p.Commit == "each",
		isCooperative: p.Assignor == "cooperative-sticky", stop: stop, ended: make(chan struct{}),
		owned: map[int32]bool{},
	}
	go m.run(ctx)
	return m, nil
}

func (m *member) run(ctx context.Context) {
	defer close(m.ended)
	for ctx.Err() == nil {
		err := m.consumer.Consume(ctx, []string{m.topic}, m)
		if errors.Is(err, sarama.ErrFencedInstancedId) {
			driver.Failed(errors.New("fenced: " + err.Error()))
			return
		}
		if err != nil {
			driver.Note("consume: %v", err)
		}
	}
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.session = session
	if !m.isCooperative {
		driver.TellAssigned(session.MemberID(), session.Claims()[m.topic])
		return nil
	}
	m.owned = map[int32]bool{}
	driver.TellAssigned(session.MemberID(), nil)
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// change tells of one claim that comes or goes while the others stay.
func (m *member) change(session sarama.ConsumerGroupSession, partition int32, owns bool) {
	if !m.isCooperative {
		return
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if owns {
		m.owned[partition] = true
	} else {
		delete(m.owned, partition)
		driver.TellRevoked([]int32{partition})
	}
	all := []int32{}
	for one := range m.owned {
		all = append(all, one)
	}
	driver.TellAssigned(session.MemberID(), all)
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	m.change(session, claim.Partition(), true)
	defer m.change(session, claim.Partition(), false)
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			tell(message)
			if m.commits {
				session.MarkMessage(message, "")
				session.Commit()
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) close() error {
	m.stop()
	<-m.ended
	return m.consumer.Close()
}

func commit(p driver.Parameters) (any, error) {
	m := consumer.(*member)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, pair := range p.Offsets {
		m.session.MarkOffset(m.topic, int32(pair[0]), pair[1], "")
	}
	m.session.Commit()
	return nil, nil
}

func committed(p driver.Parameters) (any, error) {
	m := consumer.(*member)
	found, err := offsetsOf(m.group, m.topic, p.Partitions)
	offsets := make([]*int64, len(p.Partitions))
	for i, partition := range p.Partitions {
		if offset, there := found[partition]; there {
			offsets[i] = &offset
		}
	}
	return offsets, err
}

func tell(m *sarama.ConsumerMessage) {
	timestamp := m.Timestamp.UnixMilli()
	record := driver.Record{
		Topic: m.Topic, Partition: &m.Partition, Offset: m.Offset, Timestamp: &timestamp, Key: m.Key, Value: m.Value,
	}
	for _, header := range m.Headers {
		record.Headers = append(record.Headers, driver.Header{Name: string(header.Key), Value: header.Value})
	}
	driver.TellRecord(record)
}
