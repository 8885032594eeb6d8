//! Colours and their contrast, by WCAG 2.

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

    /// Returns whether a text, such as a style sheet, has this colour in one of its two forms.
    pub(super) fn occurs_in(self, text: &str) -> bool {
        let is_hex = |c: char| c.is_ascii_hexdigit();
        text.match_indices('#').any(|(at, _)| {
            let rest = &text[at..];
            let end = rest[1..].find(|c| !is_hex(c)).map_or(rest.len(), |end| end + 1);
            Self::parse(&rest[..end.min(8)]) == Some(self)
        })
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
        assert!(white.occurs_in("a { color: #FFFFFF }"));
        assert!(white.occurs_in("é#fff;"));
        assert!(!white.occurs_in("#ffffff00 #ffff #fffffe #"));
    }
}
