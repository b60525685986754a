//! What the issue asks of one viewer.
