//! colloquy-bench
