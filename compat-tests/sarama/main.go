// The driver of sarama; see ../driven-clients/driver.ts for what it is told.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/IBM/sarama"
	"ottla.test/driver"
)

var (
	producer sarama.SyncProducer
	consumer consuming
)

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.ClientID = fmt.Sprintf("driver-%d", os.Getpid())
	c.Metadata.Retry.Max = 600
	c.Metadata.Retry.Backoff = 100 * time.Millisecond
	c.Metadata.RefreshFrequency = 2 * time.Second
	c.Admin.Retry.Max = 50
	return c
}

func addresses() []string { return []string{os.Args[1]} }

func openProducer(p driver.Parameters) (any, error) {
	c := config()
	c.Producer.RequiredAcks = sarama.RequiredAcks(driver.AcksNumber(p.Acks))
	c.Producer.Compression = map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}[p.Compression]
	c.Producer.Idempotent = p.Idempotent
	if p.Idempotent {
		c.Net.MaxOpenRequests = 1
	}
	c.Producer.Return.Successes = true
	c.Producer.Retry.Max = 800
	c.Producer.Retry.Backoff = 100 * time.Millisecond
	c.Producer.Partitioner = func(topic string) sarama.Partitioner {
		return partitioner{byKey: sarama.NewHashPartitioner(topic)}
	}
	var err error
	producer, err = sarama.NewSyncProducer(addresses(), c)
	return nil, err
}

// partitioner takes the partition that a record names, and the client's default one where it names none.
type partitioner struct{ byKey sarama.Partitioner }

func (p partitioner) Partition(m *sarama.ProducerMessage, count int32) (int32, error) {
	if named, ok := m.Metadata.(int32); ok {
		return named, nil
	}
	return p.byKey.Partition(m, count)
}

func (p partitioner) RequiresConsistency() bool { return true }

func produce(p driver.Parameters) (any, error) {
	messages := make([]*sarama.ProducerMessage, len(p.Records))
	for i, r := range p.Records {
		message := &sarama.ProducerMessage{Topic: p.Topic}
		if r.Key != nil {
			message.Key = sarama.ByteEncoder(r.Key)
		}
		if r.Value != nil {
			message.Value = sarama.ByteEncoder(r.Value)
		}
		for _, header := range r.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
		}
		if r.Partition != nil {
			message.Metadata = *r.Partition
		}
		if r.Timestamp != nil {
			message.Timestamp = time.UnixMilli(*r.Timestamp)
		}
		messages[i] = message
	}
	if err := producer.SendMessages(messages); err != nil {
		var all sarama.ProducerErrors
		if errors.As(err, &all) {
			return nil, all[0].Err
		}
		return nil, err
	}
	stored := make([]driver.Stored, len(messages))
	for i, message := range messages {
		stored[i] = driver.Stored{Partition: message.Partition, Offset: &message.Offset}
	}
	return stored, nil
}

func codeOf(err error) (int16, bool) {
	var refused sarama.KError
	if errors.As(err, &refused) {
		return int16(refused), true
	}
	var topic *sarama.TopicError
	if errors.As(err, &topic) {
		return int16(topic.Err), true
	}
	var partition *sarama.TopicPartitionError
	if errors.As(err, &partition) {
		return int16(partition.Err), true
	}
	return 0, false
}

func main() {
	sarama.Logger = log.New(os.Stderr, "", 0)
	driver.Serve(map[string]driver.Command{
		"openProducer": openProducer, "produce": produce,
		"closeProducer": func(driver.Parameters) (any, error) { return nil, producer.Close() },
		"openConsumer":  openConsumer, "commit": commit, "committed": committed, "seek": seek,
		"seekToTime": seekToTime,
		"pause": func(p driver.Parameters) (any, error) {
			consumer.(*reader).each(p.Partitions, sarama.PartitionConsumer.Pause)
			return nil, nil
		},
		"resume": func(p driver.Parameters) (any, error) {
			consumer.(*reader).each(p.Partitions, sarama.PartitionConsumer.Resume)
			return nil, nil
		},
		"closeConsumer": func(driver.Parameters) (any, error) { return nil, consumer.close() },
		"listOffset":    listOffset, "createTopics": createTopics, "deleteTopics": deleteTopics,
		"createPartitions": createPartitions, "listTopics": listTopics, "describeTopic": describeTopic,
		"describeCluster": describeCluster, "describeConfigs": describeConfigs, "alterConfigs": alterConfigs,
		"listGroups": listGroups, "describeGroup": describeGroup,
		"deleteGroup":  func(p driver.Parameters) (any, error) { return nil, admin().DeleteConsumerGroup(p.Group) },
		"groupOffsets": groupOffsets, "alterGroupOffsets": alterGroupOffsets,
		"deleteGroupOffsets": deleteGroupOffsets, "deleteRecords": deleteRecords,
	}, codeOf)
}
