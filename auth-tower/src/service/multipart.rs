//! Forms as `multipart/form-data` (RFC 7578): what `FormData` in a browser makes, and many a client of FastAPI. Text only, and
//! read as strictly as the other kind: each name once, real UTF-8, and nothing that could be cut in two ways.

use std::collections::BTreeMap;

use mime::Mime;

/// Why a form is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Where one part ends and the next begins is not told, or not so that a part could not hold it.
    Boundary,
    /// A part is a file, or anything else but text in UTF-8.
    NotText,
    /// A name is there twice.
    Repeated,
    /// It cannot be read.
    Malformed,
}

impl Fault {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Boundary => {
                "multipart/form-data needs a boundary of 1 to 70 characters in Content-Type: leave that header to the client."
            }
            Self::NotText => "The form must have fields of text in UTF-8 only, no files.",
            Self::Repeated => "The form must have no field repeated.",
            Self::Malformed => "The form is no multipart/form-data, or not whole.",
        }
    }
}

/// What `Content-Type` says stands between the parts.
pub(super) fn boundary(mime: &Mime) -> Option<String> {
    let boundary = mime.get_param(mime::BOUNDARY)?.as_str();
    let fits = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    let is_one = (1..=70).contains(&boundary.len()) && boundary.bytes().all(fits) && !boundary.ends_with(' ');
    is_one.then(|| boundary.to_owned())
}

/// Reads a whole body. A field without a value counts as not sent, as in the other kind of form.
pub(super) fn parse(body: &[u8], boundary: &str) -> Result<BTreeMap<String, String>, Fault> {
    let opening = format!("--{boundary}");
    let delimiter = format!("\r\n{opening}");
    // The first one stands at the very beginning; some clients begin with its line break all the same.
    let first = body.strip_prefix(b"\r\n").unwrap_or(body);
    let mut rest = first.strip_prefix(opening.as_bytes()).ok_or(Fault::Malformed)?;
    let mut fields = BTreeMap::new();
    while let Some(part) = after_delimiter(rest)? {
        let (content, next) = split_at(part, delimiter.as_bytes()).ok_or(Fault::Malformed)?;
        let (name, value) = field(content)?;
        if fields.insert(name, value).is_some() {
            return Err(Fault::Repeated);
        }
        rest = next;
    }
    fields.retain(|_, value| !value.is_empty());
    Ok(fields)
}

/// What follows a delimiter: the next part, or `None` after the last one. Anything else would be one that a part holds.
fn after_delimiter(rest: &[u8]) -> Result<Option<&[u8]>, Fault> {
    if let Some(end) = rest.strip_prefix(b"--") {
        return if end.is_empty() || end == b"\r\n" { Ok(None) } else { Err(Fault::Malformed) };
    }
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line = rest.get(padding..).and_then(|rest| rest.strip_prefix(b"\r\n"));
    line.map(Some).ok_or(Fault::Malformed)
}

/// What is before and behind the first `separator`.
fn split_at<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = text.windows(separator.len()).position(|window| window == separator)?;
    Some((text.get(..place)?, text.get(place + separator.len()..)?))
}

/// Name and text of a part.
fn field(part: &[u8]) -> Result<(String, String), Fault> {
    let (head, value) = split_at(part, b"\r\n\r\n").ok_or(Fault::Malformed)?;
    let head = str::from_utf8(head).map_err(|_| Fault::Malformed)?;
    let mut name = None;
    for line in head.split("\r\n") {
        let (header, said) = line.split_once(':').ok_or(Fault::Malformed)?;
        let said = said.trim_matches([' ', '\t']);
        match header.to_ascii_lowercase().as_str() {
            "content-disposition" if name.is_none() => name = Some(name_of(said)?),
            "content-disposition" => return Err(Fault::Malformed),
            "content-type" if !is_text(said) => return Err(Fault::NotText),
            "content-transfer-encoding" if !is_plain(said) => return Err(Fault::NotText),
            // A line that goes on from the one before is none of its own (RFC 9112 section 5.2).
            header if header.is_empty() || header.contains([' ', '\t', '\r', '\n']) => {
                return Err(Fault::Malformed);
            }
            _ => {}
        }
    }
    let text = str::from_utf8(value).map_err(|_| Fault::NotText)?;
    Ok((name.ok_or(Fault::Malformed)?, text.to_owned()))
}

/// The name in `form-data; name="username"`. Quotes and line breaks in it are written as `%22`, `%0D` and `%0A` (HTML); what else
/// there may be with a backslash is read in two ways, and none of our fields needs it.
fn name_of(disposition: &str) -> Result<String, Fault> {
    let (kind, mut rest) = disposition.split_once(';').ok_or(Fault::Malformed)?;
    if !kind.trim().eq_ignore_ascii_case("form-data") || disposition.contains(['\\', '\r', '\n']) {
        return Err(Fault::Malformed);
    }
    let mut name = None;
    loop {
        let (parameter, value) = rest.split_once('=').ok_or(Fault::Malformed)?;
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or(Fault::Malformed)?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        match parameter.trim().to_ascii_lowercase().as_str() {
            "name" if name.is_none() => name = Some(value.to_owned()),
            "filename" | "filename*" => return Err(Fault::NotText),
            "name" | "name*" => return Err(Fault::Malformed),
            _ => {}
        }
        match behind.trim().strip_prefix(';') {
            Some(more) => rest = more,
            None if behind.trim().is_empty() => return name.ok_or(Fault::Malformed),
            None => return Err(Fault::Malformed),
        }
    }
}

fn is_text(kind: &str) -> bool {
    let is_utf8 = |mime: &Mime| {
        mime.params()
            .all(|(name, value)| name != mime::CHARSET || value == mime::UTF_8 || value == "us-ascii")
    };
    kind.parse().is_ok_and(|mime: Mime| mime.essence_str() == "text/plain" && is_utf8(&mime))
}

/// Whether the bytes are there as they are.
fn is_plain(encoding: &str) -> bool {
    ["7bit", "8bit", "binary"].iter().any(|plain| plain.eq_ignore_ascii_case(encoding))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: &str = "Content-Disposition: form-data; name=\"username\"";

    fn part(head: &str, value: &str) -> String {
        format!("--B\r\n{head}\r\n\r\n{value}\r\n")
    }

    fn read(body: &str) -> Result<Vec<(String, String)>, Fault> {
        Ok(parse(body.as_bytes(), "B")?.into_iter().collect())
    }

    fn one(head: &str, value: &str) -> Result<String, Fault> {
        let mut fields = parse(format!("{}--B--\r\n", part(head, value)).as_bytes(), "B")?;
        Ok(fields.remove("username").unwrap_or_default())
    }

    #[test]
    fn fields_are_read_as_browsers_and_other_clients_write_them() {
        let password = "Content-Disposition: form-data; name=\"password\"";
        let form = format!("{}{}--B--\r\n", part(USUAL, "a@b.example"), part(password, " p%41+\r\n--b "));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = vec![pair("password", " p%41+\r\n--b "), pair("username", "a@b.example")];
        assert_eq!(read(&form).unwrap(), expected, "nothing is decoded and nothing trimmed");
        assert_eq!(read(&format!("\r\n{form}")).unwrap(), expected);
        assert_eq!(read(form.trim_end()).unwrap(), expected);
        assert_eq!(read(&form.replace("--B\r\n", "--B \t\r\n")).unwrap(), expected);
        for head in [
            "content-disposition: FORM-DATA; NAME=username",
            "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition:form-data;name=username",
            "Content-Disposition: form-data; name=\"username\"\r\nContent-Length: 6\r\nContent-Type: text/plain",
            "Content-Disposition: form-data; name=\"username\"\r\ncontent-transfer-encoding: Binary",
        ] {
            assert_eq!(one(head, "grüße").as_deref(), Ok("grüße"), "{head}");
        }
        assert_eq!(read("--B--").unwrap(), []);
        assert_eq!(read(&format!("{}--B--", part(USUAL, ""))).unwrap(), [], "not sent");
    }

    #[test]
    fn what_is_no_text_is_refused_however_it_is_called() {
        for head in [
            "Content-Disposition: form-data; name=\"username\"; filename=\"a.txt\"",
            "Content-Disposition: form-data; filename*=utf-8''a.txt; name=\"username\"",
            "Content-Disposition: form-data; name=\"username\"; FileName=\"\"",
            "Content-Disposition: form-data; name=\"username\"\r\nContent-Type: application/octet-stream",
            "Content-Disposition: form-data; name=\"username\"\r\nContent-Type: multipart/mixed; boundary=C",
            "Content-Disposition: form-data; name=\"username\"\r\nContent-Type: text/plain; charset=utf-16",
            "Content-Disposition: form-data; name=\"username\"\r\nContent-Transfer-Encoding: base64",
        ] {
            assert_eq!(one(head, "x"), Err(Fault::NotText), "{head}");
        }
        let mut form = part(USUAL, "?").into_bytes();
        let place = form.iter().position(|byte| *byte == b'?').unwrap();
        form[place] = 0xff;
        form.extend(b"--B--");
        assert_eq!(parse(&form, "B"), Err(Fault::NotText));
    }

    #[test]
    fn what_is_cut_off_or_could_be_read_in_two_ways_is_refused() {
        for head in [
            "Content-Disposition: attachment; name=\"username\"",
            "Content-Disposition: form-data",
            "Content-Disposition: form-data; name=\"user\\\"name\"",
            "Content-Disposition: form-data; name=\"username",
            "Content-Disposition: form-data; name=\"username\"; name=\"password\"",
            "Content-Disposition: form-data; name=\"username\" x",
            "Content-Disposition: form-data; name*=utf-8''username",
            "Content-Disposition: form-data;\r\n name=\"username\"",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"username\"",
            "Content-Disposition : form-data; name=\"username\"",
            "Content-Type: text/plain",
            "username",
        ] {
            assert_eq!(one(head, "x"), Err(Fault::Malformed), "{head}");
        }
        let form = format!("{}--B--\r\n", part(USUAL, "x"));
        for length in 1..form.len() - 2 {
            assert_eq!(read(&form[..length]), Err(Fault::Malformed), "{}", &form[..length]);
        }
        for broken in [
            format!("before\r\n{form}"),
            format!("{form}behind"),
            form.replace("\r\n", "\n"),
            form.replace("--B--", "--BB--"),
            form.replace('x', "x\r\n--Bound"),
        ] {
            assert_eq!(read(&broken), Err(Fault::Malformed), "{broken}");
        }
        let twice = format!("{}{}--B--", part(USUAL, "x"), part(USUAL, ""));
        assert_eq!(read(&twice), Err(Fault::Repeated));
    }

    #[test]
    fn a_boundary_is_told_and_keeps_its_case() {
        let told = |kind: &str| kind.parse().ok().and_then(|mime| boundary(&mime));
        assert_eq!(
            told("multipart/form-data; boundary=----WebKitFormBoundaryAbC").unwrap(),
            "----WebKitFormBoundaryAbC"
        );
        assert_eq!(
            told("multipart/form-data; charset=utf-8; boundary=\"a B'()+_,-./:=?\"").unwrap(),
            "a B'()+_,-./:=?"
        );
        for kind in [
            "multipart/form-data",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=\"a \"",
        ] {
            assert_eq!(told(kind), None, "{kind}");
        }
        assert_eq!(told(&format!("multipart/form-data; boundary={}", "b".repeat(71))), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body: Vec<u8>) {
            let _ = parse(&body, "B");
            let _ = parse(&[b"--B\r\n", body.as_slice(), b"\r\n--B--"].concat(), "B");
        }

        #[test]
        fn any_form_of_its_own_signs_is_read_without_a_panic(body in "(--B|\r\n|--|:|;|=|\"|name|filename|form-data|content-disposition| |x)*") {
            let _ = parse(body.as_bytes(), "B");
        }

        #[test]
        fn whatever_text_is_sent_comes_back(value in "[^\r]+") {
            prop_assert_eq!(one(USUAL, &value), Ok(value));
        }
    }
}
