//! Consumers: in a group or with partitions of their choice, steered from request to request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use krafka::consumer::{
    AutoOffsetReset, Consumer, ConsumerRecord, OffsetAndMetadata, TopicPartition,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::Driver;
use crate::wire::{Base64, Failure};

pub type Consumers = Mutex<HashMap<String, Arc<Consumer>>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    name: String,
    group_id: Option<String>,
    from_beginning: bool,
    auto_commit: bool,
    max_wait_ms: u64,
    min_bytes: i32,
    max_bytes: i32,
}

/// The arguments of all other commands: what they have in common, and what one or the other adds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Steer {
    name: String,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    partitions: Vec<i32>,
    #[serde(default)]
    partition: i32,
    #[serde(default)]
    offset: i64,
    metadata: Option<String>,
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    count: usize,
    #[serde(default)]
    time_limit_ms: u64,
}

pub async fn answer(driver: &Driver, command: &str, arguments: Value) -> Result<Value, Failure> {
    if command == "open" {
        return open(driver, serde_json::from_value(arguments)?).await;
    }
    let steer: Steer = serde_json::from_value(arguments)?;
    let Steer { topic, partition, .. } = &steer;
    let consumer = driver.consumers.lock().await.get(&steer.name).cloned();
    let consumer = consumer.ok_or_else(|| Failure::of_driver("no such consumer"))?;
    match command {
        "subscribe" => consumer.subscribe(&steer.topics).await?,
        "assign" => consumer.assign(topic, steer.partitions.clone()).await?,
        "seek" => consumer.seek(topic, *partition, steer.offset).await?,
        "seekToTime" => consumer.seek_to_timestamp(topic, *partition, steer.timestamp).await?,
        "seekToEnd" => consumer.seek_to_end(topic, *partition).await?,
        "pause" => consumer.pause(topic, &steer.partitions).await,
        "resume" => consumer.resume(topic, &steer.partitions).await,
        "commit" => consumer.commit().await?,
        "commitOffset" => {
            let mut offset = OffsetAndMetadata::new(steer.offset);
            offset.metadata = steer.metadata.clone();
            let place = TopicPartition::new(topic, *partition);
            consumer.commit_offsets([(place, offset)]).await?;
        }
        "close" => consumer.close().await?,
        "poll" => return poll(&consumer, steer.count, steer.time_limit_ms).await,
        "committed" => {
            let asked: Vec<_> = steer.partitions.iter().map(|each| (topic.as_str(), *each)).collect();
            let committed = consumer.committed(&asked).await?;
            let offset = |each: &i32| committed.get(&(topic.clone(), *each)).map(|found| found.offset);
            return Ok(json!(steer.partitions.iter().map(offset).collect::<Vec<_>>()));
        }
        "offsetsForTime" => {
            let asked: Vec<_> = steer.partitions.iter().map(|each| (topic.as_str(), *each)).collect();
            let mut found = consumer.offsets_for_times(&asked, steer.timestamp).await;
            let mut offsets = Vec::new();
            for each in &steer.partitions {
                let offset = found.remove(&(topic.clone(), *each));
                offsets.push(offset.ok_or_else(|| Failure::of_driver("no answer"))??);
            }
            return Ok(json!(offsets));
        }
        "assignment" => return Ok(json!(consumer.assignment().await)),
        _ => return Err(Failure::of_driver(format!("there is no consumer.{command}"))),
    }
    Ok(Value::Null)
}

async fn open(driver: &Driver, open: Open) -> Result<Value, Failure> {
    let builder = match open.group_id {
        Some(group_id) => driver.kafka.consumer(group_id),
        None => driver.kafka.consumer_without_group(),
    };
    let consumer = builder
        .auto_offset_reset(match open.from_beginning {
            true => AutoOffsetReset::Earliest,
            false => AutoOffsetReset::Latest,
        })
        .enable_auto_commit(open.auto_commit)
        .auto_commit_interval(Duration::from_millis(200))
        .session_timeout(Duration::from_secs(10))
        .heartbeat_interval(Duration::from_millis(500))
        .fetch_max_wait(Duration::from_millis(open.max_wait_ms))
        .fetch_min_bytes(open.min_bytes)
        .fetch_max_bytes(open.max_bytes)
        .max_partition_fetch_bytes(open.max_bytes)
        .build()
        .await?;
    driver.consumers.lock().await.insert(open.name, Arc::new(consumer));
    Ok(Value::Null)
}

/// Records until `count` have come, or the time is over.
async fn poll(consumer: &Consumer, count: usize, time_limit_ms: u64) -> Result<Value, Failure> {
    let deadline = Instant::now() + Duration::from_millis(time_limit_ms);
    let mut records = Vec::new();
    while records.len() < count && Instant::now() < deadline {
        match consumer.poll(Duration::from_millis(200)).await {
            Ok(polled) => records.extend(polled.into_iter().map(stored)),
            Err(error) if error.is_retriable() => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(records.into())
}

fn stored(record: ConsumerRecord) -> Value {
    let headers: Vec<_> =
        record.headers.into_iter().map(|(name, value)| (name, value.map(Base64))).collect();
    json!({
        "topic": &*record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": record.key.map(Base64),
        "value": record.value.map(Base64),
        "headers": headers,
    })
}
