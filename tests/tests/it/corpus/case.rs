//! One file of the corpus, read: see `tests/corpus/README.md` for its form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file of `tests/corpus`.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// `area/nn-name.ext`.
    pub(crate) name: String,
    settings: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Every file of an area, in the order of its number.
pub(crate) fn cases(area: &str, extension: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(area);
    let listed = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == extension));
    paths.sort();
    assert!(!paths.is_empty(), "no {extension} in {}", folder.display());
    paths.iter().map(|path| Case::read(area, path)).collect()
}

impl Case {
    fn read(area: &str, path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = format!("{area}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let settings = head
            .iter()
            .filter_map(|line| line.trim_start_matches('#').trim().split_once(": "))
            .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
            .collect();
        let body = text.lines().skip(head.len()).collect::<Vec<_>>().join("\n");
        let case = Self { name, settings, body };
        assert!(case.setting("expect").is_some(), "{} does not say what it expects", case.name);
        case
    }

    /// The value of `# key: value`.
    pub(crate) fn setting(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    /// What is expected: alternatives.
    pub(crate) fn expected(&self) -> Vec<&str> {
        self.setting("expect").unwrap_or_default().split('|').map(str::trim).collect()
    }

    /// How often the whole file is sent.
    pub(crate) fn times(&self) -> u64 {
        self.setting("times").map_or(1, |times| times.parse().expect("times is a number"))
    }

    /// Whether it is also sent cut at every length.
    pub(crate) fn is_cut(&self) -> bool {
        self.setting("cut") != Some("no")
    }

    /// The body with everything written out: `«3×ab»` is `ababab`, with `{i}` for the number of the repetition; `⏎` is CRLF,
    /// `␀` a zero byte.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut rest = self.body.as_str();
        while let Some((before, more)) = rest.split_once('«') {
            let (inner, after) = more.split_once('»').unwrap_or_else(|| panic!("{}: « without »", self.name));
            let (times, what) = inner.split_once('×').unwrap_or_else(|| panic!("{}: « without ×", self.name));
            text.push_str(before);
            for i in 0..times.parse::<usize>().unwrap_or_else(|_| panic!("{}: {times:?} times", self.name)) {
                text.push_str(&what.replace("{i}", &i.to_string()));
            }
            rest = after;
        }
        text.push_str(rest);
        text.replace('⏎', "\r\n").replace('␀', "\0")
    }

    /// The packets of a hex file, with what `values` knows filled in.
    pub(crate) fn packets(&self, values: &dyn Values) -> Vec<Vec<u8>> {
        let lines = self.body.lines().map(|line| line.split(';').next().unwrap_or_default().trim());
        let mut packets: Vec<Vec<&str>> = vec![Vec::new()];
        let mut before_is_text = false;
        for line in lines {
            if line.is_empty() {
                if before_is_text {
                    packets.push(Vec::new());
                }
                before_is_text = false;
            } else {
                packets.last_mut().expect("there is one").extend(line.split_whitespace());
                before_is_text = true;
            }
        }
        packets.retain(|words| !words.is_empty());
        packets.iter().map(|words| self.packet(words, values)).collect()
    }

    fn packet(&self, words: &[&str], values: &dyn Values) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut length_at = None;
        for word in words {
            if *word == "LLLL" {
                length_at = Some(bytes.len());
                bytes.extend_from_slice(&[0, 0]);
            } else if let Some(name) = word.strip_prefix('@') {
                // STUN counts what is signed up to the attribute that signs it (RFC 8489 sections 14.5 and 14.7).
                let grown = match name {
                    "integrity" | "wrong-integrity" => 24,
                    "fingerprint" | "wrong-fingerprint" => 8,
                    _ => 0,
                };
                if let (Some(at), true) = (length_at, grown > 0) {
                    set_length(&mut bytes, at, grown);
                }
                values.write(name, &mut bytes).unwrap_or_else(|| panic!("{}: nothing is called @{name}", self.name));
            } else if let Some((times, byte)) = word.split_once('*') {
                let times: usize = times.parse().unwrap_or_else(|_| panic!("{}: {word}", self.name));
                for _ in 0..times {
                    self.hex(byte, &mut bytes);
                }
            } else {
                self.hex(word, &mut bytes);
            }
        }
        if let Some(at) = length_at {
            set_length(&mut bytes, at, 0);
        }
        bytes
    }

    fn hex(&self, word: &str, bytes: &mut Vec<u8>) {
        let digits = word.as_bytes();
        assert!(digits.len().is_multiple_of(2), "{}: {word} is half a byte", self.name);
        for pair in digits.chunks(2) {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            bytes.push(u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("{}: {word} is no hex", self.name)));
        }
    }
}

/// STUN's length does not count its header of 20 bytes.
fn set_length(bytes: &mut [u8], at: usize, grown: usize) {
    let len = (bytes.len() + grown).saturating_sub(20);
    bytes[at..at + 2].copy_from_slice(&(len as u16).to_be_bytes());
}

/// What the words with an `@` in a hex file stand for.
pub(crate) trait Values {
    /// Appends what is called `name`; `None` when nothing is.
    fn write(&self, name: &str, bytes: &mut Vec<u8>) -> Option<()>;
}

/// What an attacker knows who is a participant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// `<ours>:<theirs>` of the server's and the client's fragments, the other way round: as the client sends it.
    pub(crate) username: String,
    /// The server's ICE password.
    pub(crate) password: String,
    /// The same user name of somebody else.
    pub(crate) other_username: String,
    /// SSRCs by name.
    pub(crate) ssrcs: BTreeMap<String, u32>,
    /// Which repetition it is.
    pub(crate) round: u64,
}

impl Values for Known {
    fn write(&self, name: &str, bytes: &mut Vec<u8>) -> Option<()> {
        match name {
            "username" => stun_attribute(0x0006, self.username.as_bytes(), bytes),
            "other-username" => stun_attribute(0x0006, self.other_username.as_bytes(), bytes),
            "no-colon" => stun_attribute(0x0006, self.username.replace(':', "").as_bytes(), bytes),
            "integrity" => stun_attribute(0x0008, &hmac_sha1(self.password.as_bytes(), bytes), bytes),
            "wrong-integrity" => stun_attribute(0x0008, &hmac_sha1(b"another password", bytes), bytes),
            "fingerprint" => stun_attribute(0x8028, &(crc32(bytes) ^ 0x5354_554e).to_be_bytes(), bytes),
            "wrong-fingerprint" => stun_attribute(0x8028, &crc32(bytes).to_be_bytes(), bytes),
            "round" => bytes.extend_from_slice(&(self.round as u32).to_be_bytes()),
            "crc32c" => {
                // SCTP's checksum is in its own bytes 8 to 12, as zeros while it is made; see `seal_sctp`.
                bytes.extend_from_slice(&[0; 4]);
            }
            _ => {
                let ssrc = self.ssrcs.get(name.strip_prefix("ssrc:")?)?;
                bytes.extend_from_slice(&ssrc.to_be_bytes());
            }
        }
        Some(())
    }
}

fn stun_attribute(kind: u16, value: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn hmac_sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    hmac::sign(&key, text).as_ref().to_vec()
}

/// CRC-32 as FINGERPRINT has it (RFC 8489 section 14.7).
fn crc32(bytes: &[u8]) -> u32 {
    crc(bytes, 0xedb8_8320)
}

/// Writes SCTP's checksum, CRC-32C (RFC 9260 appendix A), where it belongs.
pub(crate) fn seal_sctp(bytes: &mut [u8]) {
    let checksum = crc(bytes, 0x82f6_3b78);
    if let Some(place) = bytes.get_mut(8..12) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

fn crc(bytes: &[u8], polynomial: u32) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    #[test]
    fn checksums_are_those_of_the_books() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(super::crc(b"123456789", 0x82f6_3b78), 0xe306_9283);
    }
}
