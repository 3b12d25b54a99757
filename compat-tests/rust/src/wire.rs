//! What goes over standard output, and how bytes and errors are written in it.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use krafka::error::KrafkaError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Writes one line; the process ends when nobody reads it any more.
pub fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

/// Why a request failed: Kafka's error code where it was a broker that said so.
#[derive(Debug, Serialize)]
pub struct Failure {
    pub code: Option<i16>,
    pub message: String,
}

impl Failure {
    /// One of the driver's own.
    pub fn of_driver(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into() }
    }
}

impl From<KrafkaError> for Failure {
    fn from(error: KrafkaError) -> Self {
        let code = match &error {
            KrafkaError::Broker { code, .. } => Some(code.to_i16()),
            _ => None,
        };
        Self { code, message: error.to_string() }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::of_driver(error.to_string())
    }
}

/// Bytes as base64.
#[derive(Clone, Debug)]
pub struct Base64(pub Bytes);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}
