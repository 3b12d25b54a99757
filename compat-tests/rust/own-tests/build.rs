//! Names krafka's own test file, which lies where cargo has unpacked the crate (OTTLA_COMPAT_CRATE), as a module.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-env-changed=OTTLA_COMPAT_CRATE");
    let source = env::var("OTTLA_COMPAT_CRATE").expect("OTTLA_COMPAT_CRATE names the folder of krafka's crate");
    let tests = Path::new(&source).join("tests/integration_tests.rs");
    println!("cargo::rerun-if-changed={}", tests.display());
    let output = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("published.rs");
    let module = format!("#[path = {:?}]\nmod integration_tests;\n", tests.display().to_string());
    fs::write(output, module).expect("OUT_DIR can be written to");
}
