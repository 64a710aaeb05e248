//! The header `traceparent` (W3C Trace Context): of which trace, and of which span in it, a request is a part.

use http::HeaderMap;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceParent<'a> {
    /// 32 hexadecimal digits.
    pub(crate) trace_id: &'a str,
    /// The caller's span, 16 of them.
    pub(crate) parent_id: &'a str,
}

/// What the one `traceparent` says, if it is sound; else it is as if there were none (section 4.3).
pub(crate) fn of(headers: &HeaderMap) -> Option<TraceParent<'_>> {
    let mut given = headers.get_all("traceparent").iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    parse(value.to_str().ok()?)
}

fn parse(value: &str) -> Option<TraceParent<'_>> {
    let mut parts = value.split('-');
    let (version, trace_id) = (parts.next()?, parts.next()?);
    let (parent_id, flags) = (parts.next()?, parts.next()?);
    // Later versions may add parts; this one has none.
    let sound = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(flags, 2)
        && is_id(trace_id, 32)
        && is_id(parent_id, 16);
    sound.then_some(TraceParent { trace_id, parent_id })
}

fn is_id(text: &str, length: usize) -> bool {
    is_hex(text, length) && text.bytes().any(|byte| byte != b'0')
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_sound_parent_is_understood_also_of_a_later_version() {
        for value in
            [format!("00-{TRACE}-b7ad6b7169203331-01"), format!("cc-{TRACE}-b7ad6b7169203331-01-what-comes")]
        {
            let parent = parse(&value).unwrap();
            assert_eq!((parent.trace_id, parent.parent_id), (TRACE, "b7ad6b7169203331"));
        }
    }

    #[test]
    fn whatever_is_not_as_it_should_be_is_as_good_as_nothing() {
        let zeros = "0".repeat(32);
        for value in [
            String::new(),
            format!("00-{TRACE}-b7ad6b7169203331"),
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{zeros}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}\"-b7ad6b7169203331-01"),
        ] {
            assert_eq!(parse(&value), None, "{value}");
        }
        let mut twice = HeaderMap::new();
        let value = HeaderValue::try_from(format!("00-{TRACE}-b7ad6b7169203331-01")).unwrap();
        twice.append("traceparent", value.clone());
        assert!(of(&twice).is_some());
        twice.append("traceparent", value);
        assert_eq!(of(&twice), None);
    }
}
