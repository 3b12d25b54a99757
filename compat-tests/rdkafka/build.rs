//! Names each of rdkafka's own test files, which lie where cargo has unpacked the crate (OTTLA_COMPAT_CRATE), as a
//! module. What they share, `utils.rs`, is one too, because they look for it at the root.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-env-changed=OTTLA_COMPAT_CRATE");
    let source = env::var("OTTLA_COMPAT_CRATE").expect("OTTLA_COMPAT_CRATE names the folder of rdkafka's crate");
    let mut modules = String::new();
    for entry in fs::read_dir(Path::new(&source).join("tests")).expect("the crate has tests") {
        let path = entry.expect("its tests can be listed").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            modules += &format!("#[path = {:?}]\nmod {name};\n", path.display().to_string());
        }
    }
    let output = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("published.rs");
    fs::write(output, modules).expect("OUT_DIR can be written to");
}
