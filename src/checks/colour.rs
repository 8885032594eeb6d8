//! Colours and their contrast, by WCAG 2.

use std::fmt;

/// The basic names of CSS.
const NAMES: [(&str, [u8; 3]); 16] = [
    ("aqua", [0, 255, 255]),
    ("black", [0, 0, 0]),
    ("blue", [0, 0, 255]),
    ("fuchsia", [255, 0, 255]),
    ("gray", [128, 128, 128]),
    ("green", [0, 128, 0]),
    ("lime", [0, 255, 0]),
    ("maroon", [128, 0, 0]),
    ("navy", [0, 0, 128]),
    ("olive", [128, 128, 0]),
    ("purple", [128, 0, 128]),
    ("red", [255, 0, 0]),
    ("silver", [192, 192, 192]),
    ("teal", [0, 128, 128]),
    ("white", [255, 255, 255]),
    ("yellow", [255, 255, 0]),
];

/// A colour of 8 bits per channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour([u8; 3]);

impl Colour {
    /// Parses `#rgb` or `#rrggbb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> =
            text.strip_prefix('#')?.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect();
        match digits?[..] {
            [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
            [r, s, g, h, b, c] => Some(Self([r * 16 + s, g * 16 + h, b * 16 + c])),
            _ => None,
        }
    }

    /// Parses an opaque colour of CSS in lower case: in digits, by `rgb()`, or one of the 16 basic names.
    pub(super) fn of_css(text: &str) -> Option<Self> {
        let named =
            NAMES.iter().find(|(name, _)| *name == text).map(|(_, channels)| Self(*channels));
        let in_digits = || match text.len() {
            5 => text.strip_suffix(['f', 'F']).and_then(Self::parse),
            9 => text.to_ascii_lowercase().strip_suffix("ff").and_then(Self::parse),
            _ => Self::parse(text),
        };
        named.or_else(in_digits).or_else(|| {
            let inner = text.strip_prefix("rgb(")?.strip_suffix(')')?;
            let parts = inner.split([',', ' ']).filter(|part| !part.is_empty());
            let channels: Option<Vec<u8>> = parts.map(|part| part.parse().ok()).collect();
            Some(Self(channels?.try_into().ok()?))
        })
    }

    /// Returns the contrast ratio of two colours, from 1 to 21.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Returns the relative luminance.
    fn luminance(self) -> f64 {
        let [r, g, b] = self.0.map(|channel| {
            let part = f64::from(channel) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_wcag() {
        for (one, two, hundredths) in [
            ("#000", "#fff", 2100.0),
            ("#FFFFFF", "#000000", 2100.0),
            ("#777777", "#ffffff", 447.0),
            ("#767676", "#fff", 454.0),
            ("#abc", "#abc", 100.0),
        ] {
            let ratio = Colour::parse(one).unwrap().contrast(Colour::parse(two).unwrap());
            assert!(((ratio * 100.0).floor() - hundredths).abs() < 0.5, "{one} {two}: {ratio}");
        }
    }

    #[test]
    fn only_whole_colours_are_colours() {
        for wrong in ["", "#", "fff", "#ff", "#ffff", "#fffff", "#ggg", "#ffffff0", "#ü00", "red"]
        {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
        let white = Colour::parse("#fff").unwrap();
        for same in ["#FFF", "#ffff", "#ffffffff", "white", "rgb(255,255,255)", "rgb(255 255 255)"]
        {
            assert_eq!(Colour::of_css(same), Some(white), "{same}");
        }
        for other in ["#fff8", "#ffffff00", "rgb(255, 255)", "rgb(255, 255, 255, 0.5)", "snow", "é"]
        {
            assert_eq!(Colour::of_css(other), None, "{other}");
        }
        assert_eq!(Colour::of_css("teal").unwrap().to_string(), "#008080");
    }
}
