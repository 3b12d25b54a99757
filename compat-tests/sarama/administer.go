package main

import (
	"net"
	"strconv"

	"github.com/IBM/sarama"
	"ottla.test/driver"
)

var (
	clientConn sarama.Client
	adminConn  sarama.ClusterAdmin
)

func client() sarama.Client {
	if clientConn == nil {
		opened, err := sarama.NewClient(addresses(), config())
		if err != nil {
			panic(err)
		}
		clientConn = opened
	}
	return clientConn
}

func admin() sarama.ClusterAdmin {
	if adminConn == nil {
		opened, err := sarama.NewClusterAdminFromClient(client())
		if err != nil {
			panic(err)
		}
		adminConn = opened
	}
	return adminConn
}

func listOffset(p driver.Parameters) (any, error) {
	position, err := driver.PositionOf(p.At)
	if err != nil {
		return nil, err
	}
	at := position.Number
	if position.Earliest {
		at = sarama.OffsetOldest
	} else if position.Latest {
		at = sarama.OffsetNewest
	}
	offset, err := client().GetOffset(p.Topic, p.Partition, at)
	return offset, err
}

func createTopics(p driver.Parameters) (any, error) {
	codes := map[string]int16{}
	for _, topic := range p.Topics {
		configs := map[string]*string{}
		for key, value := range topic.Configs {
			configs[key] = &value
		}
		err := admin().CreateTopic(topic.Name, &sarama.TopicDetail{
			NumPartitions: topic.Partitions, ReplicationFactor: max(topic.ReplicationFactor, 1), ConfigEntries: configs,
		}, p.ValidateOnly)
		code, isKnown := codeOf(err)
		if err != nil && !isKnown {
			return nil, err
		}
		codes[topic.Name] = code
	}
	return codes, nil
}

func deleteTopics(p driver.Parameters) (any, error) {
	codes := map[string]int16{}
	for _, name := range p.Names {
		err := admin().DeleteTopic(name)
		code, isKnown := codeOf(err)
		if err != nil && !isKnown {
			return nil, err
		}
		codes[name] = code
	}
	return codes, nil
}

func createPartitions(p driver.Parameters) (any, error) {
	return nil, admin().CreatePartitions(p.Topic, p.Count, nil, false)
}

func listTopics(driver.Parameters) (any, error) {
	found, err := admin().ListTopics()
	names := []string{}
	for name := range found {
		names = append(names, name)
	}
	return names, err
}

func describeTopic(p driver.Parameters) (any, error) {
	found, err := admin().DescribeTopics([]string{p.Topic})
	if err != nil {
		return nil, err
	}
	if found[0].Err != sarama.ErrNoError {
		return nil, found[0].Err
	}
	partitions := []driver.Partition{}
	for _, one := range found[0].Partitions {
		partitions = append(partitions, driver.Partition{
			Partition: one.ID, Leader: one.Leader, Replicas: one.Replicas, ISR: one.Isr,
		})
	}
	return partitions, nil
}

func describeCluster(driver.Parameters) (any, error) {
	found, controller, err := admin().DescribeCluster()
	cluster := driver.Cluster{Controller: controller}
	for _, one := range found {
		host, port, err := splitAddress(one.Addr())
		if err != nil {
			return nil, err
		}
		cluster.Brokers = append(cluster.Brokers, driver.Broker{ID: one.ID(), Host: host, Port: port})
	}
	return cluster, err
}

func describeConfigs(p driver.Parameters) (any, error) {
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: p.Name}
	if p.Type == "broker" {
		resource.Type = sarama.BrokerResource
	}
	found, err := admin().DescribeConfig(resource)
	configs := map[string]driver.Config{}
	for _, one := range found {
		configs[one.Name] = driver.Config{Value: &one.Value, IsDefault: one.Source == sarama.SourceDefault}
	}
	return configs, err
}

func alterConfigs(p driver.Parameters) (any, error) {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for key, value := range p.Set {
		entries[key] = sarama.IncrementalAlterConfigsEntry{
			Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value,
		}
	}
	for _, key := range p.Reset {
		entries[key] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationDelete}
	}
	return nil, admin().IncrementalAlterConfig(sarama.TopicResource, p.Topic, entries, false)
}

func listGroups(driver.Parameters) (any, error) {
	found, err := admin().ListConsumerGroups()
	names := []string{}
	for name := range found {
		names = append(names, name)
	}
	return names, err
}

func describeGroup(p driver.Parameters) (any, error) {
	found, err := admin().DescribeConsumerGroups([]string{p.Group})
	if err != nil {
		return nil, err
	}
	if found[0].Err != sarama.ErrNoError {
		return nil, found[0].Err
	}
	group := driver.Group{State: found[0].State, Members: []driver.Member{}}
	for _, one := range found[0].Members {
		member := driver.Member{
			MemberID: one.MemberId, ClientID: one.ClientId, InstanceID: one.GroupInstanceId, Partitions: []int32{},
		}
		assigned, err := one.GetMemberAssignment()
		if err != nil {
			return nil, err
		}
		if assigned != nil {
			member.Partitions = append(member.Partitions, assigned.Topics[p.Topic]...)
		}
		group.Members = append(group.Members, member)
	}
	return group, nil
}

// offsetsOf gives what is committed for these partitions, or for all of the topic's when none is named.
func offsetsOf(group, topic string, partitions []int32) (map[int32]int64, error) {
	if partitions == nil {
		all, err := client().Partitions(topic)
		if err != nil {
			return nil, err
		}
		partitions = all
	}
	found, err := admin().ListConsumerGroupOffsets(group, map[string][]int32{topic: partitions})
	if err != nil {
		return nil, err
	}
	if found.Err != sarama.ErrNoError {
		return nil, found.Err
	}
	offsets := map[int32]int64{}
	for _, partition := range partitions {
		block := found.GetBlock(topic, partition)
		if block != nil && block.Err == sarama.ErrNoError && block.Offset >= 0 {
			offsets[partition] = block.Offset
		}
	}
	return offsets, nil
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
	wanted := map[int32]sarama.OffsetAndMetadata{}
	for _, pair := range p.Offsets {
		wanted[int32(pair[0])] = sarama.OffsetAndMetadata{Offset: pair[1], LeaderEpoch: -1}
	}
	answer, err := admin().AlterConsumerGroupOffsets(
		p.Group, map[string]map[int32]sarama.OffsetAndMetadata{p.Topic: wanted}, nil)
	if err != nil {
		return nil, err
	}
	for _, refused := range answer.Errors[p.Topic] {
		if refused != sarama.ErrNoError {
			return nil, refused
		}
	}
	return nil, nil
}

func deleteGroupOffsets(p driver.Parameters) (any, error) {
	for _, partition := range p.Partitions {
		if err := admin().DeleteConsumerGroupOffset(p.Group, p.Topic, partition); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func deleteRecords(p driver.Parameters) (any, error) {
	if err := admin().DeleteRecords(p.Topic, map[int32]int64{p.Partition: p.Offset}); err != nil {
		return nil, err
	}
	// Its administrator does not tell where the log starts now.
	return client().GetOffset(p.Topic, p.Partition, sarama.OffsetOldest)
}

func splitAddress(address string) (string, int32, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseInt(port, 10, 32)
	return host, int32(number), err
}
