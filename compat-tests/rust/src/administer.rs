//! The admin client: topics, configurations, offsets, groups, the cluster.

use std::collections::HashMap;

use krafka::admin::{
    AlterConsumerGroupOffsetsOptions, ConfigOp, ConfigResource, CreatePartitionsOptions,
    CreateTopicsOptions, DeleteConsumerGroupsOptions, DeleteRecordsOptions, DeleteTopicsOptions,
    DescribeClusterOptions, DescribeConfigsOptions, DescribeConsumerGroupsOptions,
    DescribeTopicsOptions, IncrementalAlterConfigsOptions, ListConsumerGroupOffsetsOptions,
    ListConsumerGroupsOptions, ListOffsetsOptions, ListTopicsOptions, NewTopic, OffsetSpec,
    TopicPartition,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Driver;
use crate::wire::Failure;

/// The arguments of all commands; each takes those that it needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Arguments {
    topic: String,
    partitions: i32,
    replication_factor: i16,
    configs: HashMap<String, String>,
    validate_only: bool,
    group_id: String,
    states: Vec<String>,
    partition: i32,
    offset: i64,
    timestamp: i64,
    config_names: Vec<String>,
    deleted_configs: Vec<String>,
}

pub async fn answer(driver: &Driver, command: &str, arguments: Value) -> Result<Value, Failure> {
    let admin = driver.kafka.admin();
    let given: Arguments = serde_json::from_value(arguments)?;
    let place = TopicPartition::new(&given.topic, given.partition);
    match command {
        "createTopic" => {
            let mut topic = NewTopic::new(&given.topic, given.partitions, given.replication_factor)?;
            topic.configs = given.configs;
            let options = CreateTopicsOptions::default().validate_only(given.validate_only);
            only(admin.create_topics([topic], options).await?)?;
        }
        "deleteTopic" => only(admin.delete_topics([&given.topic], DeleteTopicsOptions::default()).await?)?,
        "createPartitions" => {
            let total = [(&given.topic, given.partitions)];
            only(admin.create_partitions(total, CreatePartitionsOptions::default()).await?)?;
        }
        "listTopics" => return Ok(json!(admin.list_topics(ListTopicsOptions::default()).await?)),
        "describeTopic" => {
            let described = admin.describe_topics([&given.topic], DescribeTopicsOptions::default()).await?;
            let partitions = only(described)?.partitions;
            let of = |each: krafka::admin::PartitionDescription| {
                json!({
                    "partition": each.partition,
                    "leader": each.leader,
                    "replicas": each.replicas,
                    "isr": each.isr,
                })
            };
            return Ok(partitions.into_iter().map(of).collect());
        }
        "listOffset" => {
            let spec = match given.timestamp {
                -2 => OffsetSpec::Earliest,
                -1 => OffsetSpec::Latest,
                -3 => OffsetSpec::MaxTimestamp,
                timestamp => OffsetSpec::Timestamp(timestamp),
            };
            let found = only(admin.list_offsets([(place, spec)], ListOffsetsOptions::default()).await?)?;
            return Ok(json!({ "offset": found.offset, "timestamp": found.timestamp }));
        }
        "deleteRecords" => {
            let places = [(place, given.offset)];
            only(admin.delete_records(places, DeleteRecordsOptions::default()).await?)?;
        }
        "describeConfigs" => {
            let options = DescribeConfigsOptions::default().config_names(given.config_names);
            let described = admin.describe_configs([ConfigResource::topic(&given.topic)], options).await?;
            let entries = only(described)?.into_iter().map(|entry| (entry.name, json!(entry.value)));
            return Ok(Value::Object(entries.collect()));
        }
        "alterConfigs" => {
            let set = given.configs.into_iter().map(|(name, value)| ConfigOp::set(name, value));
            let deleted = given.deleted_configs.into_iter().map(ConfigOp::delete);
            let changes = [(ConfigResource::topic(&given.topic), set.chain(deleted).collect())];
            let options = IncrementalAlterConfigsOptions::default().validate_only(given.validate_only);
            only(admin.incremental_alter_configs(changes, options).await?)?;
        }
        "describeCluster" => {
            let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await?;
            let brokers: Vec<_> =
                cluster.brokers.iter().map(|each| format!("{}:{}", each.host, each.port)).collect();
            return Ok(json!({ "clusterId": cluster.cluster_id, "brokers": brokers }));
        }
        "listGroups" => {
            let options = ListConsumerGroupsOptions::default().states(given.states);
            let listed = only(admin.list_consumer_groups(options).await?)?;
            let of = |each: krafka::admin::ConsumerGroupListing| {
                json!({ "groupId": each.group_id, "state": each.state, "protocolType": each.protocol_type })
            };
            return Ok(listed.into_iter().map(of).collect());
        }
        "describeGroup" => {
            let options = DescribeConsumerGroupsOptions::default();
            let group = only(admin.describe_consumer_groups([&given.group_id], options).await?)?;
            let members = group.members.into_iter().map(|member| {
                let owned = member.assignment.unwrap_or_default().into_iter();
                let owned = owned.filter(|of| of.topic_name == given.topic).flat_map(|of| of.partitions);
                json!({
                    "memberId": member.member_id,
                    "instanceId": member.instance_id,
                    "clientId": member.client_id,
                    "clientHost": member.client_host,
                    "owned": owned.collect::<Vec<_>>(),
                })
            });
            let members: Vec<_> = members.collect();
            return Ok(json!({ "state": group.state, "assignor": group.assignor, "members": members }));
        }
        "deleteGroup" => {
            let options = DeleteConsumerGroupsOptions::default();
            only(admin.delete_consumer_groups([&given.group_id], options).await?)?;
        }
        "groupOffsets" => {
            let options = ListConsumerGroupOffsetsOptions::default();
            let listed = admin.list_consumer_group_offsets(&given.group_id, options).await?;
            let mut offsets = Vec::new();
            for (place, found) in listed {
                let found = found?;
                offsets.push(json!({
                    "topic": place.topic,
                    "partition": place.partition,
                    "offset": found.offset,
                    "metadata": found.metadata,
                }));
            }
            return Ok(offsets.into());
        }
        "setGroupOffset" => {
            let options = AlterConsumerGroupOffsetsOptions::default();
            let offsets = [(place, given.offset)];
            only(admin.alter_consumer_group_offsets(&given.group_id, offsets, options).await?)?;
        }
        _ => return Err(Failure::of_driver(format!("there is no admin.{command}"))),
    }
    Ok(Value::Null)
}

/// The result for the one thing that was asked about.
fn only<K, T>(results: HashMap<K, krafka::error::Result<T>>) -> Result<T, Failure> {
    let first = results.into_values().next();
    Ok(first.ok_or_else(|| Failure::of_driver("the answer is empty"))??)
}
