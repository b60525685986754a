//! Refuses to build pictures at half the speed without a word.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PATH");
    println!("cargo:rerun-if-env-changed=COLLOQUY_NO_ASM");
    let is_asked = std::env::var_os("CARGO_FEATURE_VIDEO").is_some();
    let uses_nasm = std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64");
    if !is_asked || !uses_nasm || std::env::var_os("COLLOQUY_NO_ASM").is_some() {
        return;
    }
    // The H.264 codec's own build goes on without nasm, in silence, and is then twice as slow.
    let found = std::process::Command::new("nasm").arg("-v").output().is_ok_and(|output| output.status.success());
    assert!(
        found,
        "nasm is missing: the H.264 codec would be twice as slow. Install it (scripts/setup.sh build, or apt install nasm), \
         then `cargo clean -p openh264-sys2`. COLLOQUY_NO_ASM=1 builds without."
    );
}
