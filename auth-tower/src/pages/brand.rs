//! What a host makes of the pages: a colour, a picture, a style of its own.

use std::str::FromStr;

use bytes::Bytes;

use crate::ConfigError;

/// The least contrast of text (WCAG 2.2, 1.4.3).
const LEAST: f64 = 4.5;
/// What is behind text, as the style has it: the card, and what is around it.
const LIGHT: [Colour; 2] = [Colour(0xff, 0xff, 0xff), Colour(0xf4, 0xf5, 0xf7)];
const DARK: [Colour; 2] = [Colour(0x18, 0x1c, 0x22), Colour(0x0f, 0x12, 0x16)];
/// The most bytes of a picture, and of a style.
pub(super) const MOST: usize = 64 * 1024;

/// The colour of links, buttons and the mark of the focus: `"#1f5fd0".parse()`.
///
/// It is held against what is behind it and against the white text of buttons: a contrast under 4.5 is refused (WCAG 2.2, 1.4.3). No colour can be
/// read on white and on black, so where a system is dark it is mixed with as much white as it takes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent(Colour);

/// Red, green, blue (sRGB).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour(u8, u8, u8);

impl FromStr for Accent {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let refuse = |problem: String| ConfigError::new("accent", problem);
        let colour = Colour::read(text).ok_or_else(|| refuse("is no colour like #1f5fd0".to_owned()))?;
        let least = colour.least_contrast(LIGHT);
        if least < LEAST {
            // Rounded down, or what is refused would look good enough.
            let least = (least * 10.0).floor() / 10.0;
            let problem = format!(
                "has a contrast of {least} on light pages, and {LEAST} is the least: take a darker one"
            );
            return Err(refuse(problem));
        }
        Ok(Self(colour))
    }
}

impl Accent {
    /// The part of the style that says so.
    pub(super) fn style(self) -> String {
        let (light, dark) = (self.0.written(), self.in_the_dark().written());
        let (paper, ground) = (LIGHT[0].written(), DARK[1].written());
        format!(
            ":root {{ --accent: {light}; --accent-ink: {paper} }}\n\
             @media (prefers-color-scheme: dark) {{ :root {{ --accent: {dark}; --accent-ink: {ground} }} }}\n"
        )
    }

    /// With the least white by which it can be read there.
    fn in_the_dark(self) -> Colour {
        let mut mixed = (0..=100).map(|percent| self.0.with_white(percent));
        mixed.find(|colour| colour.least_contrast(DARK) >= LEAST).unwrap_or(LIGHT[0])
    }
}

impl Colour {
    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let number = |part: &str| u8::from_str_radix(part, 16).ok();
        match digits.len() {
            3 => {
                let twice = |at: usize| number(&digits.get(at..=at)?.repeat(2));
                Some(Self(twice(0)?, twice(1)?, twice(2)?))
            }
            6 => Some(Self(number(digits.get(..2)?)?, number(digits.get(2..4)?)?, number(digits.get(4..)?)?)),
            _ => None,
        }
    }

    fn written(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    fn with_white(self, percent: u16) -> Self {
        let mix = |part: u8| {
            let part = u16::from(part);
            u8::try_from(part + (255 - part) * percent / 100).unwrap_or(u8::MAX)
        };
        Self(mix(self.0), mix(self.1), mix(self.2))
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if one > other { one / other } else { other / one }
    }

    fn least_contrast(self, grounds: [Self; 2]) -> f64 {
        grounds.into_iter().map(|ground| self.contrast(ground)).fold(f64::INFINITY, f64::min)
    }
}

/// A picture in the place of ours, at the top of each page and in the tab: SVG, PNG, WebP or JPEG, up to 64 KiB.
///
/// What it is its first bytes say, not its name. It is served from where the pages are and shown as a picture, in which nothing runs; who
/// opens its address sees it in a sandbox without scripts.
#[derive(Debug, Clone)]
pub struct Logo {
    pub(super) bytes: Bytes,
    pub(super) media_type: &'static str,
}

impl Logo {
    /// Of the content of a file.
    ///
    /// # Errors
    /// [`ConfigError`] of `logo`: it is too large, or none of these.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, ConfigError> {
        let bytes = bytes.into();
        if bytes.len() > MOST {
            return Err(ConfigError::new("logo", format!("is larger than {MOST} bytes")));
        }
        let media_type = media_type(&bytes);
        let media_type =
            media_type.ok_or_else(|| ConfigError::new("logo", "is neither SVG, PNG, WebP nor JPEG"))?;
        Ok(Self { bytes, media_type })
    }
}

fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => is_svg(str::from_utf8(bytes).ok()?).then_some("image/svg+xml"),
    }
}

/// Whether the first element is one: before it there may be a declaration, comments and a document type.
fn is_svg(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest.get(..4) {
            Some("<!--") => "-->",
            Some(start) if start.starts_with("<?") => "?>",
            Some(start) if start.starts_with("<!") => ">",
            _ => break,
        };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    rest.strip_prefix("<svg").is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n', '>', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::files::STYLE;

    #[test]
    fn a_colour_that_cannot_be_read_on_a_light_page_is_refused_with_its_contrast() {
        for good in ["#1f5fd0", "#000", "#00f", "#8B0000", "#6b21a8", "#0b6e4f"] {
            assert!(good.parse::<Accent>().is_ok(), "{good}");
        }
        for (bad, contrast) in
            [("#fff", "1"), ("#82b1ff", "1.9"), ("#ffa500", "1.8"), ("#767676", "4.1"), ("#ff0000", "3.6")]
        {
            let error = bad.parse::<Accent>().unwrap_err();
            assert!(
                error.problem().starts_with(&format!("has a contrast of {contrast} on")),
                "{bad}: {error}"
            );
        }
        for no_colour in ["", "blue", "1f5fd0", "#1f5fd", "#1f5fd0ff", "#1f5fdg", "#é12", "#fff;}", "#+12"] {
            let error = no_colour.parse::<Accent>().unwrap_err();
            assert_eq!(
                (error.setting(), error.problem()),
                ("accent", "is no colour like #1f5fd0"),
                "{no_colour}"
            );
        }
    }

    #[test]
    fn every_colour_that_is_taken_can_be_read_in_light_and_dark_and_on_its_button() {
        let mut taken = 0;
        for number in (0..=0x00ff_ffff_u32).step_by(0x1f3d) {
            let [_, red, green, blue] = number.to_be_bytes();
            let Ok(accent) = Colour(red, green, blue).written().parse::<Accent>() else { continue };
            taken += 1;
            let dark = accent.in_the_dark();
            let contrasts =
                [accent.0.least_contrast(LIGHT), accent.0.contrast(LIGHT[0]), dark.least_contrast(DARK)];
            assert!(contrasts.iter().all(|contrast| *contrast >= LEAST), "{accent:?}: {contrasts:?}");
        }
        assert!(taken > 500, "{taken}");
        let black = "#000".parse::<Accent>().unwrap();
        assert!(black.in_the_dark().least_contrast(DARK) < 5.0, "no more white than it takes");
    }

    #[test]
    fn what_an_accent_is_held_against_is_what_the_style_has() {
        let style = String::from_utf8(STYLE.to_vec()).unwrap();
        let (light, dark) = style.split_once("@media (prefers-color-scheme: dark)").unwrap();
        for (part, [paper, ground]) in [(light, LIGHT), (dark, DARK)] {
            let value = |name: &str| {
                let rest = part.split_once(&format!("--{name}: ")).unwrap().1;
                Colour::read(rest.split(';').next().unwrap()).unwrap()
            };
            assert_eq!((value("paper"), value("ground")), (paper, ground));
            // Our own is held to the same.
            assert!(value("accent").least_contrast([paper, ground]) >= LEAST);
            assert!(value("accent").contrast(value("accent-ink")) >= LEAST);
        }
    }

    #[test]
    fn a_picture_is_what_its_bytes_say() {
        for (bytes, media_type) in [
            (&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], "image/svg+xml"),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <a> -->\n<!DOCTYPE svg>\n<svg>", "image/svg+xml"),
            (b"\x89PNG\r\n\x1a\n....", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        ] {
            assert_eq!(Logo::new(bytes).unwrap().media_type, media_type);
        }
        for bad in [
            &b""[..],
            b"<html><svg></svg></html>",
            b"<!-- <svg> ",
            b"<svgx>",
            b"GIF89a",
            b"\xff<svg>",
            b"text",
        ] {
            assert_eq!(Logo::new(bad).unwrap_err().problem(), "is neither SVG, PNG, WebP nor JPEG");
        }
        let large = format!("<svg>{}", " ".repeat(MOST));
        assert_eq!(Logo::new(large).unwrap_err().problem(), "is larger than 65536 bytes");
    }
}
