//! A client's transport, composed: ICE, DTLS, SRTP and the demultiplexer over them.

mod certificate;

pub use certificate::Certificate;
