//! colloquy-signalling
