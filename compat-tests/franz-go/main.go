// The driver of franz-go, with its administrator kadm; see ../driven-clients/driver.ts for what it is told.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"ottla.test/driver"
)

var (
	producer  *kgo.Client
	consumer  *consuming
	adminConn *kadm.Client
	forever   = context.Background()
)

// consuming is a consumer with the goroutine that polls it.
type consuming struct {
	client *kgo.Client
	topic  string
	group  string
	stop   context.CancelFunc
	ended  chan struct{}
}

func connect(options ...kgo.Opt) (*kgo.Client, error) {
	common := []kgo.Opt{
		kgo.SeedBrokers(os.Args[1]),
		kgo.ClientID(fmt.Sprintf("driver-%d", os.Getpid())),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.MetadataMinAge(250 * time.Millisecond),
	}
	return kgo.NewClient(append(common, options...)...)
}

func admin() *kadm.Client {
	if adminConn == nil {
		client, err := connect()
		if err != nil {
			panic(err)
		}
		adminConn = kadm.NewClient(client)
	}
	return adminConn
}

func openProducer(p driver.Parameters) (any, error) {
	acks := map[string]kgo.Acks{"none": kgo.NoAck(), "leader": kgo.LeaderAck(), "all": kgo.AllISRAcks()}[p.Acks]
	codec := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[p.Compression]
	options := []kgo.Opt{
		kgo.RequiredAcks(acks), kgo.ProducerBatchCompression(codec), kgo.AllowAutoTopicCreation(),
		kgo.RecordPartitioner(partitioner()), kgo.UnknownTopicRetries(20),
	}
	if !p.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	var err error
	producer, err = connect(options...)
	return nil, err
}

// partitioner takes the partition that a record names, and the client's default one where it names none.
func partitioner() kgo.Partitioner {
	byKey := kgo.StickyKeyPartitioner(nil)
	return kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		ofTopic := byKey.ForTopic(topic)
		return func(r *kgo.Record, count int) int {
			if r.Partition >= 0 {
				return int(r.Partition)
			}
			return ofTopic.Partition(r, count)
		}
	})
}

func produce(p driver.Parameters) (any, error) {
	records := make([]*kgo.Record, len(p.Records))
	for i, r := range p.Records {
		record := &kgo.Record{Topic: p.Topic, Key: r.Key, Value: r.Value, Partition: -1}
		for _, header := range r.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
		if r.Partition != nil {
			record.Partition = *r.Partition
		}
		if r.Timestamp != nil {
			record.Timestamp = time.UnixMilli(*r.Timestamp)
		}
		records[i] = record
	}
	if err := producer.ProduceSync(forever, records...).FirstErr(); err != nil {
		return nil, err
	}
	stored := make([]driver.Stored, len(records))
	for i, record := range records {
		stored[i] = driver.Stored{Partition: record.Partition, Offset: &record.Offset}
	}
	return stored, nil
}

func openConsumer(p driver.Parameters) (any, error) {
	position, err := driver.PositionOf(p.Start)
	if err != nil {
		return nil, err
	}
	start := kgo.NewOffset().At(position.Number)
	if position.Earliest {
		start = kgo.NewOffset().AtStart()
	} else if position.Latest {
		start = kgo.NewOffset().AtEnd()
	}
	options := []kgo.Opt{kgo.FetchMaxWait(100 * time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	if p.Group == "" {
		partitions := map[int32]kgo.Offset{}
		for _, partition := range p.Partitions {
			partitions[partition] = start
		}
		options = append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.Topic: partitions}))
	} else {
		options = append(options, memberOptions(p)...)
	}
	client, err := connect(options...)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(forever)
	consumer = &consuming{client: client, topic: p.Topic, group: p.Group, stop: stop, ended: make(chan struct{})}
	go consumer.run(ctx, p.Commit == "each")
	return nil, nil
}

func memberOptions(p driver.Parameters) []kgo.Opt {
	balancers := map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(), "sticky": kgo.StickyBalancer(),
		"cooperative-sticky": kgo.CooperativeStickyBalancer(), "": kgo.CooperativeStickyBalancer(),
	}
	var mutex sync.Mutex
	owned := map[int32]bool{}
	lose := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
		mutex.Lock()
		defer mutex.Unlock()
		for _, partition := range lost[p.Topic] {
			delete(owned, partition)
		}
		driver.TellRevoked(lost[p.Topic])
	}
	assign := func(_ context.Context, client *kgo.Client, added map[string][]int32) {
		mutex.Lock()
		defer mutex.Unlock()
		for _, partition := range added[p.Topic] {
			owned[partition] = true
		}
		all := []int32{}
		for partition := range owned {
			all = append(all, partition)
		}
		memberID, _ := client.GroupMetadata()
		driver.TellAssigned(memberID, all)
	}
	options := []kgo.Opt{
		kgo.ConsumerGroup(p.Group), kgo.ConsumeTopics(p.Topic), kgo.Balancers(balancers[p.Assignor]),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.HeartbeatInterval(200 * time.Millisecond),
		kgo.RebalanceTimeout(15 * time.Second),
		kgo.OnPartitionsAssigned(assign), kgo.OnPartitionsRevoked(lose), kgo.OnPartitionsLost(lose),
	}
	if p.SessionTimeoutMs > 0 {
		options = append(options, kgo.SessionTimeout(time.Duration(p.SessionTimeoutMs)*time.Millisecond))
	} else {
		options = append(options, kgo.SessionTimeout(6*time.Second))
	}
	if p.InstanceID != "" {
		options = append(options, kgo.InstanceID(p.InstanceID))
	}
	return options
}

func (c *consuming) run(ctx context.Context, commits bool) {
	defer close(c.ended)
	for ctx.Err() == nil {
		fetches := c.client.PollFetches(ctx)
		fetches.EachError(func(_ string, _ int32, err error) {
			if errors.Is(err, kerr.FencedInstanceID) {
				driver.Failed(err)
			} else if !errors.Is(err, context.Canceled) {
				driver.Note("%v", err)
			}
		})
		records := fetches.Records()
		for _, r := range records {
			tell(r)
		}
		if commits && len(records) > 0 {
			if err := c.client.CommitRecords(forever, records...); err != nil {
				driver.Note("commit: %v", err)
			}
		}
		c.client.AllowRebalance()
	}
}

func tell(r *kgo.Record) {
	timestamp := r.Timestamp.UnixMilli()
	record := driver.Record{
		Topic: r.Topic, Partition: &r.Partition, Offset: r.Offset, Timestamp: &timestamp, Key: r.Key, Value: r.Value,
	}
	for _, header := range r.Headers {
		record.Headers = append(record.Headers, driver.Header{Name: header.Key, Value: header.Value})
	}
	driver.TellRecord(record)
}

func commit(p driver.Parameters) (any, error) {
	var failure error
	wanted := map[int32]kgo.EpochOffset{}
	for _, pair := range p.Offsets {
		wanted[int32(pair[0])] = kgo.EpochOffset{Epoch: -1, Offset: pair[1]}
	}
	consumer.client.CommitOffsetsSync(forever, map[string]map[int32]kgo.EpochOffset{consumer.topic: wanted},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			failure = err
			if err != nil {
				return
			}
			for _, topic := range response.Topics {
				for _, partition := range topic.Partitions {
					if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
						failure = err
					}
				}
			}
		})
	return nil, failure
}

func committed(p driver.Parameters) (any, error) {
	found, err := kadm.NewClient(consumer.client).FetchOffsets(forever, consumer.group)
	offsets := make([]*int64, len(p.Partitions))
	for i, partition := range p.Partitions {
		if one, there := found.Lookup(consumer.topic, partition); there && one.At >= 0 {
			offsets[i] = &one.At
		}
	}
	return offsets, err
}

func seek(p driver.Parameters) (any, error) {
	consumer.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{
		consumer.topic: {p.Partition: {Epoch: -1, Offset: p.Offset}},
	})
	return nil, nil
}

func seekToTime(p driver.Parameters) (any, error) {
	found, err := admin().ListOffsetsAfterMilli(forever, p.Timestamp, consumer.topic)
	if err != nil {
		return nil, err
	}
	offsets := make([]int64, len(found[consumer.topic]))
	wanted := map[int32]kgo.EpochOffset{}
	for partition, one := range found[consumer.topic] {
		offsets[partition] = one.Offset
		wanted[partition] = kgo.EpochOffset{Epoch: -1, Offset: one.Offset}
	}
	consumer.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{consumer.topic: wanted})
	return offsets, nil
}

func pause(p driver.Parameters) (any, error) {
	consumer.client.PauseFetchPartitions(map[string][]int32{consumer.topic: p.Partitions})
	return nil, nil
}

func resume(p driver.Parameters) (any, error) {
	consumer.client.ResumeFetchPartitions(map[string][]int32{consumer.topic: p.Partitions})
	return nil, nil
}

func closeConsumer(driver.Parameters) (any, error) {
	consumer.stop()
	<-consumer.ended
	consumer.client.CloseAllowingRebalance()
	return nil, nil
}

func codeOf(err error) (int16, bool) {
	var refused *kerr.Error
	if errors.As(err, &refused) {
		return refused.Code, true
	}
	return 0, false
}

func main() {
	driver.Serve(map[string]driver.Command{
		"openProducer": openProducer, "produce": produce,
		"closeProducer": func(driver.Parameters) (any, error) {
			err := producer.Flush(forever)
			producer.Close()
			return nil, err
		},
		"openConsumer": openConsumer, "commit": commit, "committed": committed, "seek": seek,
		"seekToTime": seekToTime, "pause": pause, "resume": resume, "closeConsumer": closeConsumer,
		"listOffset": listOffset, "createTopics": createTopics, "deleteTopics": deleteTopics,
		"createPartitions": createPartitions, "listTopics": listTopics, "describeTopic": describeTopic,
		"describeCluster": describeCluster, "describeConfigs": describeConfigs, "alterConfigs": alterConfigs,
		"listGroups": listGroups, "describeGroup": describeGroup, "deleteGroup": deleteGroup,
		"groupOffsets": groupOffsets, "alterGroupOffsets": alterGroupOffsets,
		"deleteGroupOffsets": deleteGroupOffsets, "deleteRecords": deleteRecords,
	}, codeOf)
}
