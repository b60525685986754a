//! Offer and answer (RFC 8829, RFC 3264): an offer is read into what it means, and an answer written from what was decided.
//! Nothing here changes anything.

mod answer;
mod codec;
mod data;
mod extension;
mod fec;
mod fragment;
mod offer;
mod plain;
mod simulcast;
#[cfg(test)]
mod tests;

pub(crate) use answer::{AnswerPlan, PlaceLine, SectionPlan, write as write_answer};
pub(crate) use codec::{CodecEntry, Format, matching};
#[cfg(test)]
use data::DataSection;
pub(crate) use extension::{Extension, ExtensionIds, ExtensionTable};
pub(crate) use fragment::{read as read_fragment, write as write_fragment};
pub(crate) use offer::{BadOffer, Direction, DtlsRole, Fingerprint, OfferedSection, ParsedOffer, SetupRole};
pub(crate) use plain::{PlainPlan, PlainSession, media_name, plain_section, write as write_plain};
