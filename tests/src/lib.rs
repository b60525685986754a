//! colloquy-tests
