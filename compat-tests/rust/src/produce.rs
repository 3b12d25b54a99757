//! Producers: opened with their settings, given records, closed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use krafka::producer::{Acks, Producer};
use krafka::{Compression, Record};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::Driver;
use crate::wire::{Base64, Failure};

pub type Producers = Mutex<HashMap<String, Arc<Producer>>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    name: String,
    acks: i16,
    compression: String,
    idempotent: bool,
    linger_ms: u64,
    max_request_size: Option<usize>,
}

#[derive(Deserialize)]
struct Send {
    name: String,
    records: Vec<SentRecord>,
}

#[derive(Deserialize)]
struct SentRecord {
    topic: String,
    partition: Option<i32>,
    key: Option<Base64>,
    value: Option<Base64>,
    timestamp: Option<i64>,
    #[serde(default)]
    headers: Vec<(String, Option<Base64>)>,
}

pub async fn answer(driver: &Driver, command: &str, arguments: Value) -> Result<Value, Failure> {
    match command {
        "open" => open(driver, serde_json::from_value(arguments)?).await,
        "send" => send(driver, serde_json::from_value(arguments)?).await,
        _ => Err(Failure::of_driver(format!("there is no producer.{command}"))),
    }
}

async fn open(driver: &Driver, open: Open) -> Result<Value, Failure> {
    let mut builder = driver
        .kafka
        .producer()
        .acks(match open.acks {
            0 => Acks::None,
            1 => Acks::Leader,
            _ => Acks::All,
        })
        .compression(match open.compression.as_str() {
            "gzip" => Compression::Gzip,
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            _ => Compression::None,
        })
        .idempotent(open.idempotent)
        .linger(Duration::from_millis(open.linger_ms));
    if let Some(size) = open.max_request_size {
        builder = builder.max_request_size(size);
    }
    let producer = builder.build().await?;
    driver.producers.lock().await.insert(open.name, Arc::new(producer));
    Ok(Value::Null)
}

/// Queues all records, then waits for each one's acknowledgement.
async fn send(driver: &Driver, send: Send) -> Result<Value, Failure> {
    let producer = driver.producers.lock().await.get(&send.name).cloned();
    let producer = producer.ok_or_else(|| Failure::of_driver("no such producer"))?;
    let mut handles = Vec::with_capacity(send.records.len());
    for record in send.records {
        handles.push(producer.enqueue(record.into()).await?);
    }
    let mut acknowledged = Vec::with_capacity(handles.len());
    for handle in handles {
        let metadata = handle.await?;
        acknowledged.push(json!({ "partition": metadata.partition, "offset": metadata.offset }));
    }
    Ok(acknowledged.into())
}

impl From<SentRecord> for Record {
    fn from(sent: SentRecord) -> Self {
        let mut record = Record::new(sent.topic, "");
        record.partition = sent.partition;
        record.key = sent.key.map(|key| key.0);
        record.value = sent.value.map(|value| value.0);
        record.timestamp = sent.timestamp;
        record.headers = sent
            .headers
            .into_iter()
            .map(|(name, value)| (name, value.map(|value| value.0)))
            .collect();
        record
    }
}
