package main

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"ottla.test/driver"
)

func listOffset(p driver.Parameters) (any, error) {
	position, err := driver.PositionOf(p.At)
	if err != nil {
		return nil, err
	}
	var found kadm.ListedOffsets
	switch {
	case position.Earliest:
		found, err = admin().ListStartOffsets(forever, p.Topic)
	case position.Latest:
		found, err = admin().ListEndOffsets(forever, p.Topic)
	default:
		found, err = admin().ListOffsetsAfterMilli(forever, position.Number, p.Topic)
	}
	if err != nil {
		return nil, err
	}
	one, there := found.Lookup(p.Topic, p.Partition)
	if !there {
		return nil, kerr.UnknownTopicOrPartition
	}
	// For a time after the last record kadm gives the end.
	if !position.Earliest && !position.Latest && one.Timestamp == -1 {
		return -1, one.Err
	}
	return one.Offset, one.Err
}

func createTopics(p driver.Parameters) (any, error) {
	codes := map[string]int16{}
	for _, topic := range p.Topics {
		configs := map[string]*string{}
		for key, value := range topic.Configs {
			configs[key] = &value
		}
		factor := max(topic.ReplicationFactor, 1)
		create := admin().CreateTopics
		if p.ValidateOnly {
			create = admin().ValidateCreateTopics
		}
		created, err := create(forever, topic.Partitions, factor, configs, topic.Name)
		if err != nil {
			return nil, err
		}
		codes[topic.Name], _ = codeOf(created[topic.Name].Err)
	}
	return codes, nil
}

func deleteTopics(p driver.Parameters) (any, error) {
	deleted, err := admin().DeleteTopics(forever, p.Names...)
	codes := map[string]int16{}
	for name, one := range deleted {
		codes[name], _ = codeOf(one.Err)
	}
	return codes, err
}

func createPartitions(p driver.Parameters) (any, error) {
	updated, err := admin().UpdatePartitions(forever, int(p.Count), p.Topic)
	if err != nil {
		return nil, err
	}
	return nil, updated[p.Topic].Err
}

func listTopics(driver.Parameters) (any, error) {
	found, err := admin().ListTopics(forever)
	return found.Names(), err
}

func describeTopic(p driver.Parameters) (any, error) {
	found, err := admin().ListTopics(forever, p.Topic)
	if err != nil {
		return nil, err
	}
	partitions := []driver.Partition{}
	for _, one := range found[p.Topic].Partitions.Sorted() {
		partitions = append(partitions, driver.Partition{
			Partition: one.Partition, Leader: one.Leader, Replicas: one.Replicas, ISR: one.ISR,
		})
	}
	return partitions, found[p.Topic].Err
}

func describeCluster(driver.Parameters) (any, error) {
	found, err := admin().BrokerMetadata(forever)
	cluster := driver.Cluster{Controller: found.Controller}
	for _, one := range found.Brokers {
		cluster.Brokers = append(cluster.Brokers, driver.Broker{ID: one.NodeID, Host: one.Host, Port: one.Port})
	}
	return cluster, err
}

func describeConfigs(p driver.Parameters) (any, error) {
	var found kadm.ResourceConfigs
	var err error
	if p.Type == "topic" {
		found, err = admin().DescribeTopicConfigs(forever, p.Name)
	} else {
		id, _ := strconv.Atoi(p.Name)
		found, err = admin().DescribeBrokerConfigs(forever, int32(id))
	}
	if err != nil {
		return nil, err
	}
	configs := map[string]driver.Config{}
	for _, one := range found[0].Configs {
		configs[one.Key] = driver.Config{Value: one.Value, IsDefault: one.Source.String() == "DEFAULT_CONFIG"}
	}
	return configs, found[0].Err
}

func alterConfigs(p driver.Parameters) (any, error) {
	wanted := []kadm.AlterConfig{}
	for key, value := range p.Set {
		wanted = append(wanted, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value})
	}
	for _, key := range p.Reset {
		wanted = append(wanted, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: key})
	}
	altered, err := admin().AlterTopicConfigs(forever, wanted, p.Topic)
	if err != nil {
		return nil, err
	}
	return nil, altered[0].Err
}

func listGroups(driver.Parameters) (any, error) {
	found, err := admin().ListGroups(forever)
	return found.Groups(), err
}

func describeGroup(p driver.Parameters) (any, error) {
	found, err := admin().DescribeGroups(forever, p.Group)
	if err != nil {
		return nil, err
	}
	one := found[p.Group]
	group := driver.Group{State: one.State, Members: []driver.Member{}}
	for _, m := range one.Members {
		member := driver.Member{MemberID: m.MemberID, ClientID: m.ClientID, InstanceID: m.InstanceID, Partitions: []int32{}}
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, topic := range assigned.Topics {
				if topic.Topic == p.Topic {
					member.Partitions = append(member.Partitions, topic.Partitions...)
				}
			}
		}
		group.Members = append(group.Members, member)
	}
	return group, one.Err
}

func deleteGroup(p driver.Parameters) (any, error) {
	deleted, err := admin().DeleteGroup(forever, p.Group)
	if err != nil {
		return nil, err
	}
	return nil, deleted.Err
}

func groupOffsets(p driver.Parameters) (any, error) {
	found, err := admin().FetchOffsets(forever, p.Group)
	offsets := [][2]int64{}
	for partition, one := range found[p.Topic] {
		if one.At >= 0 {
			offsets = append(offsets, [2]int64{int64(partition), one.At})
		}
	}
	return offsets, err
}

func alterGroupOffsets(p driver.Parameters) (any, error) {
	wanted := kadm.Offsets{}
	for _, pair := range p.Offsets {
		wanted.AddOffset(p.Topic, int32(pair[0]), pair[1], -1)
	}
	return nil, admin().CommitAllOffsets(forever, p.Group, wanted)
}

func deleteGroupOffsets(p driver.Parameters) (any, error) {
	wanted := kadm.TopicsSet{}
	wanted.Add(p.Topic, p.Partitions...)
	deleted, err := admin().DeleteOffsets(forever, p.Group, wanted)
	if err != nil {
		return nil, err
	}
	return nil, deleted.Error()
}

func deleteRecords(p driver.Parameters) (any, error) {
	wanted := kadm.Offsets{}
	wanted.AddOffset(p.Topic, p.Partition, p.Offset, -1)
	deleted, err := admin().DeleteRecords(forever, wanted)
	if err != nil {
		return nil, err
	}
	one, _ := deleted.Lookup(p.Topic, p.Partition)
	return one.LowWatermark, one.Err
}
