//! Protocol Buffers as far as LiveKit's signalling needs them: fields of numbers and of bytes.
//!
//! LiveKit answers in JSON only after it has read a message in JSON, and speaks first; so its own encoding it is.

/// A message that is being written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// A number. 0 is what a field is when it is not there.
    pub(super) fn number(mut self, field: u32, value: u64) -> Self {
        if value != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(value);
        }
        self
    }

    /// Text, bytes or a message.
    pub(super) fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.varint(u64::from(field) << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message. Ends at the first thing that is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The last text of that number: a later one replaces an earlier one.
    pub(super) fn text(self, number: u32) -> Option<&'a str> {
        let of = |(field, value)| match value {
            Value::Bytes(bytes) if field == number => std::str::from_utf8(bytes).ok(),
            _ => None,
        };
        self.filter_map(of).last()
    }

    /// The last number of that field, or 0.
    pub(super) fn number(self, number: u32) -> u64 {
        let of = |(field, value)| match value {
            Value::Number(value) if field == number => Some(value),
            _ => None,
        };
        self.filter_map(of).last().unwrap_or(0)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((u32::try_from(tag >> 3).ok()?, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_bytes() {
        // The examples of the encoding's description: 150 in field 1, "testing" in field 2.
        let written = Writer::default().number(1, 150).bytes(2, "testing").done();
        assert_eq!(written, b"\x08\x96\x01\x12\x07testing");
        let fields = Fields::of(&written);
        assert_eq!((fields.number(1), fields.text(2), fields.text(1)), (150, Some("testing"), None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 1_u64.., text in ".*", field in 1_u32..536_870_911) {
            let written = Writer::default().number(field, number).bytes(field, &text).done();
            let read: Vec<_> = Fields::of(&written).collect();
            prop_assert_eq!(read, vec![(field, Value::Number(number)), (field, Value::Bytes(text.as_bytes()))]);
        }

        #[test]
        fn anything_is_read_to_its_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Fields::of(&bytes).count() <= bytes.len());
        }
    }
}
