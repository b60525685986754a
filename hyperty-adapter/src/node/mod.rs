//! The message node: sessions, one table of who owns and who hears an address, and the routes between them. Sans-IO.
