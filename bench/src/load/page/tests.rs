//! The page of made-up runs.
