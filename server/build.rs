//! Finds the built page. Cargo never runs npm: `make web` builds the page, and without it the server has a page that says so.

use std::path::{Path, PathBuf};
use std::{env, fs};

const WITHOUT_PAGE: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>Colloquy without its page</title>
<h1>This server was built without its page</h1>
<p>The API works. For the page, run <code>make web</code>, which needs Node.js, and build the server again;
<code>make run</code> does both.</p>
</html>
";

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let dist = manifest.join("../web/app/dist");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", dist.display());
    let folder = if dist.join("index.html").is_file() { dist } else { without_page() };
    // rust-embed puts it into `#[folder = "$COLLOQUY_WEB_DIST"]`.
    println!("cargo::rustc-env=COLLOQUY_WEB_DIST={}", folder.display());
}

fn without_page() -> PathBuf {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    let folder = Path::new(&out).join("without-page");
    fs::create_dir_all(&folder).expect("OUT_DIR can be written to");
    fs::write(folder.join("index.html"), WITHOUT_PAGE).expect("OUT_DIR can be written to");
    println!("cargo::warning=web/app/dist is not built: the server will have no page. `make web` builds it.");
    folder
}
