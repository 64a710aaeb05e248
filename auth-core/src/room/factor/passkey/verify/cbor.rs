//! The part of CBOR (RFC 8949) that authenticators write: CTAP2's canonical form (CTAP 2.1 section 8). Definite lengths, the
//! shortest form of each number, keys of a map in order and each once, no tags, no floats, and not deeper than four. Whatever is
//! written in another way is refused, so that there is one reading of any bytes.

/// So many maps and arrays may stand in each other: what a certificate in an attestation takes.
const DEPTH: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// `0` to `2^64 - 1`, and `-1` to `-2^64`.
    Int(i128),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    Bool(bool),
    Null,
}

impl<'a> Value<'a> {
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn int(&self) -> Option<i128> {
        if let Value::Int(int) = self { Some(*int) } else { None }
    }
}

/// The value at the beginning, and what comes after it.
pub(super) fn first(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(DEPTH)?;
    Some((value, reader.rest))
}

/// The value that this is, and nothing else.
pub(super) fn whole(bytes: &[u8]) -> Option<Value<'_>> {
    first(bytes).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        let head = *self.take(1)?.first()?;
        let (major, short) = (head >> 5, head & 0x1f);
        if major == 7 {
            // The simple values that are written in one byte; `undefined` is none that anybody means.
            return match short {
                20 => Some(Value::Bool(false)),
                21 => Some(Value::Bool(true)),
                22 => Some(Value::Null),
                _ => None,
            };
        }
        let argument = self.argument(short)?;
        let count = || usize::try_from(argument).ok();
        match major {
            0 => Some(Value::Int(i128::from(argument))),
            1 => Some(Value::Int(-1 - i128::from(argument))),
            2 => self.take(count()?).map(Value::Bytes),
            3 => str::from_utf8(self.take(count()?)?).ok().map(Value::Text),
            4 => self.array(count()?, depth.checked_sub(1)?),
            5 => self.map(count()?, depth.checked_sub(1)?),
            // Six is a tag.
            _ => None,
        }
    }

    /// In as few bytes as it takes, and of a length that is told.
    fn argument(&mut self, short: u8) -> Option<u64> {
        let (value, least) = match short {
            0..24 => return Some(u64::from(short)),
            24 => (u64::from(*self.take(1)?.first()?), 24),
            25 => (u64::from(u16::from_be_bytes(*self.take(2)?.first_chunk()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(*self.take(4)?.first_chunk()?)), 1 << 16),
            27 => (u64::from_be_bytes(*self.take(8)?.first_chunk()?), 1 << 32),
            _ => return None,
        };
        (value >= least).then_some(value)
    }

    /// What it claims to have is not believed before it is read: nothing is set aside for it.
    fn array(&mut self, count: usize, depth: usize) -> Option<Value<'a>> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(depth)?);
        }
        Some(Value::Array(items))
    }

    fn map(&mut self, count: usize, depth: usize) -> Option<Value<'a>> {
        let (mut entries, mut before) = (Vec::new(), None);
        for _ in 0..count {
            let from = self.rest;
            let key = self.value(depth)?;
            let written = from.get(..from.len().checked_sub(self.rest.len())?)?;
            // By kind, then by length, then by their bytes; so each comes once.
            let place = (*written.first()? >> 5, written.len(), written);
            if before.is_some_and(|before| before >= place) {
                return None;
            }
            before = Some(place);
            entries.push((key, self.value(depth)?));
        }
        Some(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(hex: &str) -> Option<String> {
        let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
        whole(&bytes).map(|value| format!("{value:?}"))
    }

    /// RFC 8949 appendix A.
    #[test]
    fn values_are_those_of_the_rfc() {
        for (hex, expected) in [
            ("00", "Int(0)"),
            ("17", "Int(23)"),
            ("1818", "Int(24)"),
            ("1903e8", "Int(1000)"),
            ("1a000f4240", "Int(1000000)"),
            ("1bffffffffffffffff", "Int(18446744073709551615)"),
            ("20", "Int(-1)"),
            ("390100", "Int(-257)"),
            ("3bffffffffffffffff", "Int(-18446744073709551616)"),
            ("f4", "Bool(false)"),
            ("f6", "Null"),
            ("4401020304", "Bytes([1, 2, 3, 4])"),
            ("62c3bc", "Text(\"ü\")"),
            ("8301820203820405", "Array([Int(1), Array([Int(2), Int(3)]), Array([Int(4), Int(5)])])"),
            ("a201020304", "Map([(Int(1), Int(2)), (Int(3), Int(4))])"),
        ] {
            assert_eq!(read(hex).as_deref(), Some(expected), "{hex}");
        }
    }

    #[test]
    fn whatever_is_not_in_the_canonical_form_is_refused() {
        for (hex, why) in [
            ("", "nothing"),
            ("1817", "not the shortest form"),
            ("190017", "not the shortest form"),
            ("1a00000017", "not the shortest form"),
            ("1b0000000000000017", "not the shortest form"),
            ("5801aa", "not the shortest form of a length"),
            ("1c", "a reserved length"),
            ("5f41aaff", "a length that is not told"),
            ("9f01ff", "a length that is not told"),
            ("bf0102ff", "a length that is not told"),
            ("c001", "a tag"),
            ("f97e00", "a float"),
            ("fb3ff199999999999a", "a float"),
            ("f7", "undefined"),
            ("f0", "a simple value without a meaning"),
            ("f814", "false in two bytes"),
            ("a203040102", "keys out of order"),
            ("a201020103", "a key twice"),
            ("a2200101", "an end that is missing"),
            ("a220010102", "a negative key before a positive one"),
            ("62c328", "no UTF-8"),
            ("4401", "fewer bytes than it says"),
            ("9bffffffffffffffff", "more items than there are"),
            ("8181818181", "an end that is missing"),
            ("818181818100", "five deep"),
            ("0000", "two values"),
        ] {
            assert_eq!(read(hex), None, "{why}: {hex}");
        }
        assert!(read("8181818100").is_some(), "four deep");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            if let Some((_, rest)) = first(&bytes) {
                prop_assert!(rest.len() < bytes.len());
            }
        }
    }
}
