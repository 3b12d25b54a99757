//! Drives krafka for the tests beside it. A request is a line of JSON on standard input, `{"id", "command", ...}`; the
//! answer is a line on standard output with the same id and `ok` or `error`. Requests run side by side, so that one can
//! wait for records while another one sends them; what they open is kept by the name that they give it. The end of the
//! input ends the process. With the argument `member` it is a member of a group instead (member.rs).

mod administer;
mod consume;
mod member;
mod produce;
mod wire;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use wire::{Failure, say};

/// What the requests of one process share.
pub struct Driver {
    kafka: krafka::Kafka,
    producers: produce::Producers,
    consumers: consume::Consumers,
}

#[derive(Deserialize)]
struct Request {
    id: u64,
    command: String,
    #[serde(flatten)]
    arguments: Value,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["member", settings] => member::run(serde_json::from_str(settings)?).await,
        [bootstrap] => drive(bootstrap).await,
        _ => Err("usage: ottla-compat-rust HOST:PORT, or member SETTINGS".into()),
    }
}

async fn drive(bootstrap: &str) -> Result<(), Box<dyn std::error::Error>> {
    let kafka = krafka::Kafka::builder(bootstrap)
        .client_id("compat")
        .allow_auto_create_topics(true)
        .connect()
        .await?;
    let driver = Arc::new(Driver {
        kafka,
        producers: Default::default(),
        consumers: Default::default(),
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Request = serde_json::from_str(&line)?;
        let driver = Arc::clone(&driver);
        tokio::spawn(async move {
            let id = request.id;
            match answer(&driver, request).await {
                Ok(ok) => say(&json!({ "id": id, "ok": ok })),
                Err(failure) => say(&json!({ "id": id, "error": failure })),
            }
        });
    }
    Ok(())
}

async fn answer(driver: &Driver, request: Request) -> Result<Value, Failure> {
    let Request { command, arguments, .. } = request;
    match command.split_once('.') {
        Some(("producer", command)) => produce::answer(driver, command, arguments).await,
        Some(("consumer", command)) => consume::answer(driver, command, arguments).await,
        Some(("admin", command)) => administer::answer(driver, command, arguments).await,
        _ => Err(Failure::of_driver(format!("there is no {command}"))),
    }
}
