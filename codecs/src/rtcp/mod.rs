//! RTCP: compound packets and what is in them (RFC 3550 6, RFC 4585, RFC 5104, REMB, transport-wide feedback).

mod feedback;
mod framing;
mod packet;
mod report;
mod source;
mod transport;
mod transport_write;

pub use feedback::{FullIntra, Nack, Remb, write_fir, write_nack, write_pli, write_remb};
pub use packet::{Packets, RtcpPacket, is_rtcp, packets};
pub use report::{MAX_REPORTS, ReceiverReport, ReportBlock, SenderReport, write_receiver_report, write_sender_report};
pub use source::{Bye, write_bye, write_sdes_cname};
pub use transport::TransportFeedback;
pub use transport_write::write_transport_feedback;
