// Sarama 1.22.1, the last of its line in Debian 12, as a program that does one thing and ends; see ../old-client.ts for
// its command line. The first argument after the command is the protocol version that sarama is told to speak.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Shopify/sarama"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(command string, arguments []string) error {
	version, err := sarama.ParseKafkaVersion(arguments[0])
	if err != nil {
		return err
	}
	config := sarama.NewConfig()
	config.Version = version
	config.ClientID = "sarama"
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Return.Errors = true
	brokers, topic := []string{arguments[1]}, arguments[2]
	switch command {
	case "produce":
		return produce(config, brokers, topic, arguments[3], arguments[4])
	case "consume":
		offset, _ := strconv.ParseInt(arguments[3], 10, 64)
		count, _ := strconv.Atoi(arguments[4])
		return consume(config, brokers, topic, offset, count)
	case "group":
		count, _ := strconv.Atoi(arguments[4])
		if version.IsAtLeast(sarama.V0_10_2_0) {
			return consumeInGroup(config, brokers, topic, arguments[3], count)
		}
		return consumeFromCommitted(config, brokers, topic, arguments[3], count)
	}
	return fmt.Errorf("no command %s", command)
}

func produce(config *sarama.Config, brokers []string, topic, compression, acks string) error {
	config.Producer.Compression = map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
		"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4}[compression]
	config.Producer.RequiredAcks = map[string]sarama.RequiredAcks{
		"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll}[acks]
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Return.Successes = true
	config.Producer.Flush.Frequency = 50 * time.Millisecond
	producer, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 16<<20)
	for input.Scan() {
		fields := strings.Split(input.Text(), " ")
		message := &sarama.ProducerMessage{Topic: topic, Partition: 0, Timestamp: time.UnixMilli(1_700_000_000_000)}
		if fields[0] != "-" {
			message.Key = sarama.ByteEncoder(decode(fields[0]))
		}
		if fields[1] != "-" {
			message.Value = sarama.ByteEncoder(decode(fields[1]))
		}
		messages = append(messages, message)
	}
	err = producer.SendMessages(messages)
	if errors, many := err.(sarama.ProducerErrors); many {
		return errors[0]
	}
	return err
}

func consume(config *sarama.Config, brokers []string, topic string, offset int64, count int) error {
	consumer, err := sarama.NewConsumer(brokers, config)
	if err != nil {
		return err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, offset)
	if err != nil {
		return explained(err, config, brokers, topic)
	}
	defer partition.Close()
	for ; count > 0; count-- {
		message, err := next(partition)
		if err != nil {
			return err
		}
		print(message)
	}
	return nil
}

// With the offsets that the log has, which sarama compares before it reads.
func explained(err error, config *sarama.Config, brokers []string, topic string) error {
	client, failed := sarama.NewClient(brokers, config)
	if failed != nil {
		return err
	}
	defer client.Close()
	oldest, oldestErr := client.GetOffset(topic, 0, sarama.OffsetOldest)
	newest, newestErr := client.GetOffset(topic, 0, sarama.OffsetNewest)
	return fmt.Errorf("%v (the log is from %d to %d, %v, %v)", err, oldest, newest, oldestErr, newestErr)
}

func next(partition sarama.PartitionConsumer) (*sarama.ConsumerMessage, error) {
	select {
	case message := <-partition.Messages():
		return message, nil
	case err := <-partition.Errors():
		return nil, err
	}
}

// Before it knew groups, sarama kept their offsets: OffsetFetch and OffsetCommit without a member.
func consumeFromCommitted(config *sarama.Config, brokers []string, topic, group string, count int) error {
	client, err := sarama.NewClient(brokers, config)
	if err != nil {
		return err
	}
	defer client.Close()
	offsets, err := sarama.NewOffsetManagerFromClient(group, client)
	if err != nil {
		return err
	}
	defer offsets.Close()
	managed, err := offsets.ManagePartition(topic, 0)
	if err != nil {
		return err
	}
	defer managed.Close()
	committed, metadata := managed.NextOffset()
	if committed > 0 && metadata != "by sarama" {
		return fmt.Errorf("the metadata that comes back is %q", metadata)
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	partition, err := consumer.ConsumePartition(topic, 0, committed)
	if err != nil {
		return err
	}
	defer partition.Close()
	for ; count > 0; count-- {
		message, err := next(partition)
		if err != nil {
			return err
		}
		print(message)
		managed.MarkOffset(message.Offset+1, "by sarama")
	}
	return nil
}

func consumeInGroup(config *sarama.Config, brokers []string, topic, name string, count int) error {
	group, err := sarama.NewConsumerGroup(brokers, name, config)
	if err != nil {
		return err
	}
	defer group.Close()
	until, cancel := context.WithCancel(context.Background())
	return group.Consume(until, []string{topic}, &member{count, cancel})
}

type member struct {
	left int
	end  func()
}

func (member *member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (member *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (member *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		print(message)
		session.MarkMessage(message, "by sarama")
		if member.left--; member.left == 0 {
			member.end()
			return nil
		}
	}
	return nil
}

func print(message *sarama.ConsumerMessage) {
	timestamp := int64(-1)
	if !message.Timestamp.IsZero() {
		timestamp = message.Timestamp.UnixMilli()
	}
	fmt.Println(message.Offset, timestamp, encode(message.Key), encode(message.Value))
}

func encode(bytes []byte) string {
	if bytes == nil {
		return "-"
	}
	return "+" + base64.StdEncoding.EncodeToString(bytes)
}

func decode(text string) []byte {
	bytes, _ := base64.StdEncoding.DecodeString(text[1:])
	return bytes
}
