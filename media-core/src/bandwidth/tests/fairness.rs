//! What the issue asks of several flows on one bottleneck.
