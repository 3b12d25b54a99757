package main

import (
	"time"

	"github.com/segmentio/kafka-go"
	"ottla.test/driver"
)

func offsetAtTime(topic string, partition int, timestamp int64) (int64, error) {
	return listed(topic, kafka.TimeOffsetOf(partition, time.UnixMilli(timestamp)), func(p kafka.PartitionOffsets) int64 {
		for offset := range p.Offsets {
			return offset
		}
		return -1
	})
}

func listed(topic string, wanted kafka.OffsetRequest, pick func(kafka.PartitionOffsets) int64) (int64, error) {
	found, err := client.ListOffsets(forever, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {wanted}},
	})
	if err != nil {
		return 0, err
	}
	return pick(found.Topics[topic][0]), found.Topics[topic][0].Error
}

func listOffset(p driver.Parameters) (any, error) {
	position, err := driver.PositionOf(p.At)
	if err != nil {
		return nil, err
	}
	partition := int(p.Partition)
	switch {
	case position.Earliest:
		return listed(p.Topic, kafka.FirstOffsetOf(partition), func(p kafka.PartitionOffsets) int64 { return p.FirstOffset })
	case position.Latest:
		return listed(p.Topic, kafka.LastOffsetOf(partition), func(p kafka.PartitionOffsets) int64 { return p.LastOffset })
	}
	return offsetAtTime(p.Topic, partition, position.Number)
}

func codesOf(errors map[string]error) map[string]int16 {
	codes := map[string]int16{}
	for name, err := range errors {
		codes[name], _ = codeOf(err)
	}
	return codes
}

func createTopics(p driver.Parameters) (any, error) {
	wanted := []kafka.TopicConfig{}
	for _, topic := range p.Topics {
		config := kafka.TopicConfig{
			Topic: topic.Name, NumPartitions: int(topic.Partitions),
			ReplicationFactor: int(max(topic.ReplicationFactor, 1)),
		}
		for key, value := range topic.Configs {
			config.ConfigEntries = append(config.ConfigEntries, kafka.ConfigEntry{ConfigName: key, ConfigValue: value})
		}
		wanted = append(wanted, config)
	}
	asked := client
	if p.ValidateOnly {
		// It waits until the topic is to be seen, which one that was only validated never is.
		asked = &kafka.Client{Addr: client.Addr, Timeout: 2 * time.Second, Transport: client.Transport}
	}
	created, err := asked.CreateTopics(forever, &kafka.CreateTopicsRequest{Topics: wanted, ValidateOnly: p.ValidateOnly})
	if err != nil {
		return nil, err
	}
	return codesOf(created.Errors), nil
}

func deleteTopics(p driver.Parameters) (any, error) {
	deleted, err := client.DeleteTopics(forever, &kafka.DeleteTopicsRequest{Topics: p.Names})
	if err != nil {
		return nil, err
	}
	return codesOf(deleted.Errors), nil
}

func createPartitions(p driver.Parameters) (any, error) {
	created, err := client.CreatePartitions(forever, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: p.Topic, Count: p.Count}},
	})
	if err != nil {
		return nil, err
	}
	return nil, created.Errors[p.Topic]
}

func listTopics(driver.Parameters) (any, error) {
	found, err := client.Metadata(forever, &kafka.MetadataRequest{})
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, topic := range found.Topics {
		names = append(names, topic.Name)
	}
	return names, nil
}

func describeTopic(p driver.Parameters) (any, error) {
	found, err := client.Metadata(forever, &kafka.MetadataRequest{Topics: []string{p.Topic}})
	if err != nil {
		return nil, err
	}
	ids := func(brokers []kafka.Broker) []int32 {
		all := []int32{}
		for _, one := range brokers {
			all = append(all, int32(one.ID))
		}
		return all
	}
	partitions := []driver.Partition{}
	for _, one := range found.Topics[0].Partitions {
		partitions = append(partitions, driver.Partition{
			Partition: int32(one.ID), Leader: int32(one.Leader.ID), Replicas: ids(one.Replicas), ISR: ids(one.Isr),
		})
	}
	return partitions, found.Topics[0].Error
}

func describeCluster(driver.Parameters) (any, error) {
	found, err := client.Metadata(forever, &kafka.MetadataRequest{Topics: []string{}})
	if err != nil {
		return nil, err
	}
	cluster := driver.Cluster{Controller: int32(found.Controller.ID)}
	for _, one := range found.Brokers {
		cluster.Brokers = append(cluster.Brokers, driver.Broker{ID: int32(one.ID), Host: one.Host, Port: int32(one.Port)})
	}
	return cluster, nil
}

func describeConfigs(p driver.Parameters) (any, error) {
	resource := kafka.DescribeConfigRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: p.Name}
	if p.Type == "broker" {
		resource.ResourceType = kafka.ResourceTypeBroker
	}
	found, err := client.DescribeConfigs(forever, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{resource},
	})
	if err != nil {
		return nil, err
	}
	// DEFAULT_CONFIG; the flag of before there were sources is false then.
	const defaultSource = 5
	configs := map[string]driver.Config{}
	for _, one := range found.Resources[0].ConfigEntries {
		configs[one.ConfigName] = driver.Config{Value: &one.ConfigValue, IsDefault: one.ConfigSource == defaultSource}
	}
	return configs, found.Resources[0].Error
}

func alterConfigs(p driver.Parameters) (any, error) {
	configs := []kafka.IncrementalAlterConfigsRequestConfig{}
	for key, value := range p.Set {
		configs = append(configs, kafka.IncrementalAlterConfigsRequestConfig{
			Name: key, Value: value, ConfigOperation: kafka.ConfigOperationSet,
		})
	}
	for _, key := range p.Reset {
		configs = append(configs, kafka.IncrementalAlterConfigsRequestConfig{
			Name: key, ConfigOperation: kafka.ConfigOperationDelete,
		})
	}
	altered, err := client.IncrementalAlterConfigs(forever, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: p.Topic, Configs: configs},
		},
	})
	if err != nil {
		return nil, err
	}
	return nil, altered.Resources[0].Error
}

func listGroups(driver.Parameters) (any, error) {
	found, err := client.ListGroups(forever, &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, one := range found.Groups {
		names = append(names, one.GroupID)
	}
	return names, found.Error
}

func describeGroup(p driver.Parameters) (any, error) {
	found, err := client.DescribeGroups(forever, &kafka.DescribeGroupsRequest{GroupIDs: []string{p.Group}})
	if err != nil {
		return nil, err
	}
	group := driver.Group{State: found.Groups[0].GroupState, Members: []driver.Member{}}
	for _, one := range found.Groups[0].Members {
		member := driver.Member{MemberID: one.MemberID, ClientID: one.ClientID, Partitions: []int32{}}
		for _, topic := range one.MemberAssignments.Topics {
			if topic.Topic == p.Topic {
				for _, partition := range topic.Partitions {
					member.Partitions = append(member.Partitions, int32(partition))
				}
			}
		}
		group.Members = append(group.Members, member)
	}
	return group, found.Groups[0].Error
}

func deleteGroup(p driver.Parameters) (any, error) {
	deleted, err := client.DeleteGroups(forever, &kafka.DeleteGroupsRequest{GroupIDs: []string{p.Group}})
	if err != nil {
		return nil, err
	}
	return nil, deleted.Errors[p.Group]
}

// offsetsOf gives what is committed for these partitions, or for all of the topic's when none is named.
func offsetsOf(group, topic string, partitions []int32) (map[int32]int64, error) {
	wanted := []int{}
	for _, partition := range partitions {
		wanted = append(wanted, int(partition))
	}
	if partitions == nil {
		described, err := client.Metadata(forever, &kafka.MetadataRequest{Topics: []string{topic}})
		if err != nil {
			return nil, err
		}
		for _, one := range described.Topics[0].Partitions {
			wanted = append(wanted, one.ID)
		}
	}
	found, err := client.OffsetFetch(forever, &kafka.OffsetFetchRequest{
		GroupID: group, Topics: map[string][]int{topic: wanted},
	})
	if err != nil {
		return nil, err
	}
	offsets := map[int32]int64{}
	for _, one := range found.Topics[topic] {
		if one.CommittedOffset >= 0 {
			offsets[int32(one.Partition)] = one.CommittedOffset
		}
	}
	return offsets, found.Error
}

func groupOffsets(p driver.Parameters) (any, error) {
	found, err := offsetsOf(p.Group, p.Topic, nil)
	offsets := [][2]int64{}
	for partition, offset := range found {
		offsets = append(offsets, [2]int64{int64(partition), offset})
	}
	return offsets, err
}

func alterGroupOffsets(p driver.Parameters) (any, error) {
	commits := []kafka.OffsetCommit{}
	for _, pair := range p.Offsets {
		commits = append(commits, kafka.OffsetCommit{Partition: int(pair[0]), Offset: pair[1]})
	}
	answer, err := client.OffsetCommit(forever, &kafka.OffsetCommitRequest{
		GroupID: p.Group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{p.Topic: commits},
	})
	if err != nil {
		return nil, err
	}
	for _, one := range answer.Topics[p.Topic] {
		if one.Error != nil {
			return nil, one.Error
		}
	}
	return nil, nil
}

func deleteGroupOffsets(p driver.Parameters) (any, error) {
	wanted := []int{}
	for _, partition := range p.Partitions {
		wanted = append(wanted, int(partition))
	}
	answer, err := client.OffsetDelete(forever, &kafka.OffsetDeleteRequest{
		GroupID: p.Group, Topics: map[string][]int{p.Topic: wanted},
	})
	if err != nil {
		return nil, err
	}
	for _, one := range answer.Topics[p.Topic] {
		if one.Error != nil {
			return nil, one.Error
		}
	}
	return nil, answer.Error
}
