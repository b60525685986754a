//! Finds the built objects of the catalogue. Cargo never runs npm: `make web` builds them, and without them the catalogue has only what is in its
//! folder.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let dist = manifest.join("../web/rethink/dist/catalogue_objects");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", dist.display());
    let folder = if dist.is_dir() { dist } else { without_objects() };
    // rust-embed puts it into `#[folder = "$COLLOQUY_RETHINK_DIST"]`.
    println!("cargo::rustc-env=COLLOQUY_RETHINK_DIST={}", folder.display());
}

fn without_objects() -> PathBuf {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    let folder = Path::new(&out).join("without-objects");
    fs::create_dir_all(&folder).expect("OUT_DIR can be written to");
    println!(
        "cargo::warning=web/rethink/dist is not built: the catalogue will have no objects of its own. `make web` builds them."
    );
    folder
}
