//! colloquy-codecs
