//! The form of every token of ours that only we read: `base64url(version | key id | content | mac)`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::mac::{KEY_ID_BYTES, KeyId, MAC_BYTES, Mac};

const VERSION: u8 = 1;
const FRAME_BYTES: usize = 1 + KEY_ID_BYTES + MAC_BYTES;
/// Longer than any of them.
const MOST_BYTES: usize = 128;

/// A token taken apart. Nothing is proven until its mac is verified; over what it goes is up to its kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opaque<const CONTENT: usize> {
    pub(crate) key_id: KeyId,
    pub(crate) content: [u8; CONTENT],
    pub(crate) mac: Mac,
}

impl<const CONTENT: usize> Opaque<CONTENT> {
    const BYTES: usize = FRAME_BYTES + CONTENT;
    /// base64url without padding.
    pub(crate) const CHARS: usize = (Self::BYTES * 4).div_ceil(3);

    /// `None` for anything that [`write`](Self::write) does not write.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        const { assert!(Self::BYTES <= MOST_BYTES) };
        if token.len() != Self::CHARS {
            return None;
        }
        let mut bytes = [0; MOST_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        let (version, rest) = bytes.get(..length)?.split_first_chunk::<1>()?;
        let (key_id, rest) = rest.split_first_chunk::<KEY_ID_BYTES>()?;
        let (content, mac) = rest.split_first_chunk::<CONTENT>()?;
        if *version != [VERSION] {
            return None;
        }
        Some(Self { key_id: *key_id, content: *content, mac: mac.try_into().ok()? })
    }

    pub(crate) fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode([&[VERSION][..], &self.key_id, &self.content, &self.mac].concat())
    }
}

/// The parts one after the other; together they have to be that long.
pub(crate) fn joined<const CONTENT: usize>(parts: &[&[u8]]) -> [u8; CONTENT] {
    let mut content = [0; CONTENT];
    let bytes = parts.iter().copied().flatten();
    for (to, from) in content.iter_mut().zip(bytes) {
        *to = *from;
    }
    content
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_joined_in_their_order() {
        assert_eq!(joined::<5>(&[&[1, 2], &[3], &[4, 5]]), [1, 2, 3, 4, 5]);
    }

    proptest! {
        #[test]
        fn a_token_that_was_written_is_read_and_no_other_text_is(key_id: [u8; 4], content: [u8; 40], mac: [u8; 32], text in "\\PC{0,120}") {
            let token = Opaque { key_id, content, mac };
            let written = token.write();
            prop_assert_eq!(written.len(), Opaque::<40>::CHARS);
            prop_assert!(Opaque::parse(&written) == Some(token));
            prop_assert!(Opaque::<24>::parse(&written).is_none());
            prop_assert!(Opaque::<40>::parse(&text).is_none_or(|read| read.write() == text));
        }
    }
}
