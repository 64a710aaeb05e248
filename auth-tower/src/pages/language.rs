//! In which language somebody reads: that of their account, that of the menu (a cookie), that of their browser.

use std::time::{Duration, SystemTime};

use cookie::SameSite;
use http::{HeaderMap, header::ACCEPT_LANGUAGE};
use time::{OffsetDateTime, format_description::BorrowedFormatItem};

use super::texts::{LANGUAGES, MASTER, Texts};
use crate::transport::{Cookies, pairs, value_of, write};

/// One that the pages speak.
#[derive(Debug, Clone)]
pub(super) struct Language {
    /// As BCP 47 has it.
    pub(super) tag: &'static str,
    /// As it calls itself.
    pub(super) name: &'static str,
    /// Which way it is written, as HTML has it.
    pub(super) direction: &'static str,
    /// How it writes a moment.
    pub(super) time: &'static [BorrowedFormatItem<'static>],
    pub(super) texts: &'static Texts,
}

/// For as long as a device is known.
const KEPT_FOR: Duration = Duration::from_hours(365 * 24);
/// More than any browser sends.
const MOST_WANTED: usize = 32;

/// Those that there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Languages(pub(super) &'static [Language]);

impl Languages {
    pub(super) const OURS: Self = Self(LANGUAGES);

    /// The one that a tag means, by its first part: `de-AT` is German here.
    pub(super) fn of(self, tag: &str) -> Option<&'static Language> {
        let first = tag.split(['-', '_']).next()?;
        self.0.iter().find(|language| language.tag.eq_ignore_ascii_case(first))
    }

    /// By the cookie of the menu, else by what the browser would like, else English.
    pub(super) fn wanted(self, headers: &HeaderMap, cookies: Cookies) -> &'static Language {
        let wanted = self.chosen(headers, cookies).or_else(|| self.accepted(headers));
        wanted.or_else(|| self.of(MASTER.tag)).unwrap_or(MASTER)
    }

    fn chosen(self, headers: &HeaderMap, cookies: Cookies) -> Option<&'static Language> {
        let tag = pairs(headers).find_map(|pair| value_of(pair, name(cookies)))?;
        self.of(str::from_utf8(tag).ok()?)
    }

    /// By weight and then in the order in which they are named (RFC 9110 section 12.5.4).
    fn accepted(self, headers: &HeaderMap) -> Option<&'static Language> {
        let ranges = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        let ranges = ranges.flat_map(|value| value.split(',')).take(MOST_WANTED);
        let mut best: Option<(u32, &Language)> = None;
        for range in ranges {
            let (tag, weight) = range.split_once(';').map_or((range, None), |(tag, rest)| (tag, Some(rest)));
            let weight = weight.map_or(Some(1.0), |text| text.trim().strip_prefix("q=")?.trim().parse().ok());
            let Some(weight) = weight.filter(|weight: &f32| (0.0..=1.0).contains(weight)) else { continue };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
            let weight = (weight * 1000.0) as u32;
            if let Some(language) = self.of(tag.trim())
                && weight > best.map_or(0, |(best, _)| best)
            {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

impl Language {
    /// A moment, as people read it.
    pub(super) fn moment(&self, at: SystemTime) -> String {
        self.apart(OffsetDateTime::from(at).format(self.time).unwrap_or_default())
    }

    /// What is written from the left whatever is around it, such as an address: kept apart where that is from the right (UAX 9).
    pub(super) fn apart(&self, text: String) -> String {
        if self.direction == "rtl" { format!("\u{2066}{text}\u{2069}") } else { text }
    }

    /// Remembers it in this browser.
    pub(super) fn remember(&self, headers: &mut HeaderMap, cookies: Cookies) {
        let seconds = i64::try_from(KEPT_FOR.as_secs()).unwrap_or(i64::MAX);
        write(headers, (name(cookies), self.tag), cookies.are_secure(), SameSite::Lax, seconds);
    }
}

fn name(cookies: Cookies) -> &'static str {
    if cookies.are_secure() { "__Host-auth_language" } else { "auth_language" }
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    fn tag(accept: &str, cookie: &str) -> &'static str {
        let headers = HeaderMap::from_iter([
            (ACCEPT_LANGUAGE, accept.parse().unwrap()),
            (COOKIE, cookie.parse().unwrap()),
        ]);
        Languages::OURS.wanted(&headers, Cookies::SECURE).tag
    }

    #[test]
    fn the_heaviest_of_what_the_browser_names_and_there_is() {
        for (accept, expected) in [
            ("", "en"),
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("it-CH, it;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "en"),
            ("es-419, en;q=0.9", "es"),
            ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
            ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
            ("en;q=0.1, de;q=0.2", "de"),
            ("en, de", "en"),
            ("de;q=0", "en"),
            ("de;q=2, de;q=x, de;q=NaN", "en"),
            ("tlh", "en"),
            ("deu", "en"),
        ] {
            assert_eq!(tag(accept, "a=b"), expected, "{accept}");
        }
    }

    #[test]
    fn a_moment_is_kept_apart_from_what_is_written_from_the_right() {
        let moment = |language: &Language| language.moment(SystemTime::UNIX_EPOCH);
        assert_eq!(moment(MASTER), "1970-01-01, 00:00 UTC");
        let from_the_right = Language { direction: "rtl", ..MASTER.clone() };
        assert_eq!(moment(&from_the_right), "\u{2066}1970-01-01, 00:00 UTC\u{2069}");
    }

    #[test]
    fn the_menu_goes_before_the_browser() {
        assert_eq!(tag("en", "__Host-auth_language=de"), "de");
        assert_eq!(tag("de", "__Host-auth_language=en"), "en");
        assert_eq!(tag("de", "__Host-auth_language=<script>"), "de");
        assert_eq!(tag("de", "auth_language=en"), "de");
    }
}
