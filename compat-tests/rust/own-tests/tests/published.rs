//! The file that `build.rs` names, as the crate has it.

include!(concat!(env!("OUT_DIR"), "/published.rs"));
