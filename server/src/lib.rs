//! colloquy-server
