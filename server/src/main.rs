//! The `colloquy` binary.

fn main() -> std::process::ExitCode {
    colloquy_server::run()
}
