//! One member of a consumer group, as ../group-under-test.ts wants it: its settings are the argument, its events go to
//! standard output as lines of JSON, and a line "leave" or the end of the input has it say goodbye.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use krafka::consumer::{
    AutoOffsetReset, Consumer, ConsumerRebalanceListener, PartitionAssignmentStrategy,
    TopicPartition,
};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::wire::say;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    bootstrap: String,
    group_id: String,
    topic: String,
    instance_id: Option<String>,
    assignor: Option<String>,
}

/// Remembers that there was a rebalance: what came of it is the consumer's to tell.
struct Rebalances(Arc<AtomicBool>);

impl ConsumerRebalanceListener for Rebalances {
    async fn on_partitions_assigned(&self, _: &[TopicPartition]) {
        self.0.store(true, Ordering::SeqCst);
    }

    async fn on_partitions_revoked(&self, _: &[TopicPartition]) {}
}

pub async fn run(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let result = read_until_told_to_leave(&settings).await;
    if let Err(error) = &result {
        say(&json!({ "event": "failed", "reason": error.to_string() }));
    }
    result
}

async fn read_until_told_to_leave(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let was_rebalanced = Arc::new(AtomicBool::new(false));
    let consumer = open(settings, Rebalances(Arc::clone(&was_rebalanced))).await?;
    consumer.subscribe([&settings.topic]).await?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let polled = tokio::select! {
            polled = consumer.poll(Duration::from_millis(100)) => polled,
            _ = input.next_line() => break,
        };
        match polled {
            Ok(records) => {
                if was_rebalanced.swap(false, Ordering::SeqCst) {
                    tell_assignment(&consumer, &settings.topic).await;
                }
                for record in records {
                    let value = record.value_str().unwrap_or_default();
                    say(&json!({
                        "event": "record",
                        "partition": record.partition,
                        "offset": record.offset,
                        "value": value,
                    }));
                }
            }
            // krafka would join again, and fence the twin that has fenced it: to end is up to its user.
            Err(error) if error.is_fatal() || error.to_string().contains("FencedInstanceId") => {
                return Err(error.into());
            }
            Err(error) => {
                say(&json!({ "event": "log", "line": error.to_string() }));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    consumer.close().await?;
    Ok(())
}

async fn open(settings: &Settings, listener: Rebalances) -> Result<Consumer, krafka::error::KrafkaError> {
    let kafka = krafka::Kafka::builder(&settings.bootstrap)
        .client_id(format!("member-{}", std::process::id()))
        .connect()
        .await?;
    let mut builder = kafka
        .consumer(&settings.group_id)
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .auto_commit_interval(Duration::from_millis(200))
        .session_timeout(Duration::from_secs(6))
        .heartbeat_interval(Duration::from_millis(200))
        .max_poll_interval(Duration::from_secs(15))
        .fetch_max_wait(Duration::from_millis(100))
        .rebalance_listener(listener);
    if let Some(instance_id) = &settings.instance_id {
        builder = builder.group_instance_id(instance_id);
    }
    if let Some(assignor) = &settings.assignor {
        builder = builder.partition_assignment_strategy(match assignor.as_str() {
            "roundrobin" => PartitionAssignmentStrategy::RoundRobin,
            "cooperative-sticky" => PartitionAssignmentStrategy::CooperativeSticky,
            _ => PartitionAssignmentStrategy::Range,
        });
    }
    builder.build().await
}

async fn tell_assignment(consumer: &Consumer, topic: &str) {
    let Some(metadata) = consumer.group_metadata().await else { return };
    let mut partitions = consumer.assignment().await.remove(topic).unwrap_or_default();
    partitions.sort_unstable();
    say(&json!({ "event": "joined", "memberId": metadata.member_id(), "partitions": partitions }));
}
