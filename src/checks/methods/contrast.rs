//! Text has enough contrast to what is behind it.

use super::{Built, Found, Kind, Measure, Method, Param, Params, Reading, Stop, Work, whole};
use crate::checks::colour::Colour;
use crate::checks::finding::listed;
use crate::checks::pattern::PathPattern;
use crate::checks::style::{Declared, Paint, Style};

pub(super) static METHOD: Method = Method {
    name: "contrast",
    description: "text has a contrast ratio of at least `min`, 4.5 by default, by WCAG 2",
    params: &[
        Param::optional("foreground", Kind::Colour, "the colour of the text"),
        Param::optional("background", Kind::Colour, "the colour behind it"),
        Param::optional("min", Kind::Number, "the lowest ratio allowed; 4.5 by default"),
        Param::optional(
            "path",
            Kind::Path,
            "the CSS, HTML or SVG; without two colours, each pair of a rule or element is measured",
        ),
    ],
    metrics: &["ratio", "pairs"],
    build,
};

/// The ratio that WCAG requires for text of normal size, level AA.
const RATIO_DEFAULT: f64 = 4.5;

fn build(params: &Params<'_>) -> Built {
    let colour = |name: &str| match params.text(name) {
        None => Ok(None),
        Some(text) => match Colour::parse(text) {
            Some(colour) => Ok(Some(colour)),
            None => Err(params.wrong(name, "is not a colour")),
        },
    };
    let measure = Contrast {
        foreground: colour("foreground")?,
        background: colour("background")?,
        least: params.number("min").unwrap_or(RATIO_DEFAULT),
        files: params.text("path").map(|_| params.path("path")).transpose()?,
    };
    let missing = match (measure.foreground, measure.background) {
        _ if measure.files.is_some() => None,
        (None, _) => Some("foreground"),
        (_, None) => Some("background"),
        _ => None,
    };
    match missing {
        None => Ok(Box::new(measure)),
        Some(name) => Err(params.wrong(name, "is missing: path, or two colours, are needed")),
    }
}

#[derive(Debug)]
struct Contrast {
    foreground: Option<Colour>,
    background: Option<Colour>,
    least: f64,
    files: Option<PathPattern>,
}

/// Two colours, and where they are used together.
struct Pair {
    ink: Colour,
    ground: Colour,
    place: String,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.ink.contrast(self.ground)
    }

    fn shown(&self) -> String {
        let Self { ink, ground, place } = self;
        format!("{} of {ink} on {ground} in {place}", cut(self.ratio()))
    }
}

/// Cuts a ratio and does not round it, so a ratio that is just too low does not look high enough.
fn cut(ratio: f64) -> f64 {
    (ratio * 100.0).floor() / 100.0
}

impl Measure for Contrast {
    fn measure(&self, work: &mut Work<'_>) -> Result<Vec<Reading>, Stop> {
        let style = match &self.files {
            None => None,
            Some(files) => {
                let mut style = Style::default();
                work.matching(files)?.iter().try_for_each(|path| style.add(path, work))?;
                Some(style)
            }
        };
        let found = match (self.foreground.zip(self.background), style) {
            (Some((ink, ground)), None) => self.named(ink, ground, "; no file was read"),
            (Some((ink, ground)), Some(style)) => match unused(&style, ink, ground) {
                unused if unused.is_empty() => self.named(ink, ground, ""),
                unused => Found::violated(format!("not declared: {}", listed(&unused, ", "))),
            },
            (None, style) => self.every_pair(&style.unwrap_or_default())?,
        };
        Ok(whole(found))
    }
}

impl Contrast {
    /// Compares the two colours that the constraint names.
    fn named(&self, ink: Colour, ground: Colour, read: &str) -> Found {
        let (ratio, shown) = (ink.contrast(ground), cut(ink.contrast(ground)));
        let found = if ratio < self.least {
            Found::violated(format!("the ratio is {shown}, {} at least{read}", self.least))
        } else {
            Found::satisfied(format!("the ratio is {shown}{read}"))
        };
        found.with_number("ratio", ratio).with("pairs", 1)
    }

    /// Compares the colours of each text with what the same rule or element declares behind it.
    fn every_pair(&self, style: &Style) -> Result<Found, Stop> {
        let mut pairs = Vec::new();
        for one in style.declared.iter().filter(|one| one.is_text) {
            pairs.extend(pair(style, one)?.filter(|pair| self.is_meant(pair)));
        }
        let Some(lowest) = pairs.iter().min_by(|a, b| a.ratio().total_cmp(&b.ratio())) else {
            let what = "no rule or element declares such a text colour with a background";
            return Err(Stop::Violated(what.to_owned()));
        };
        let low: Vec<String> =
            pairs.iter().filter(|pair| pair.ratio() < self.least).map(Pair::shown).collect();
        let found = if low.is_empty() {
            Found::satisfied(format!(
                "{} pairs, the lowest ratio is {}",
                pairs.len(),
                lowest.shown()
            ))
        } else {
            Found::violated(format!("below {}: {}", self.least, listed(&low, ", ")))
        };
        Ok(found.with_number("ratio", lowest.ratio()).with("pairs", pairs.len()))
    }

    fn is_meant(&self, pair: &Pair) -> bool {
        self.foreground.is_none_or(|ink| ink == pair.ink)
            && self.background.is_none_or(|ground| ground == pair.ground)
    }
}

/// Returns the pair that a rule or an element declares, if it declares one.
fn pair(style: &Style, one: &Declared) -> Result<Option<Pair>, Stop> {
    let read = |value: &Option<String>| style.paint(value.as_deref()?);
    let (Some(ink), Some(ground)) = (read(&one.ink), read(&one.ground)) else { return Ok(None) };
    let known =
        |paint: Paint| paint.map_err(|why| Stop::Unmeasured(format!("{why}, in {}", one.place)));
    Ok(Some(Pair { ink: known(ink)?, ground: known(ground)?, place: one.place.clone() }))
}

/// Returns which of two colours no rule or element declares in its role.
fn unused(style: &Style, ink: Colour, ground: Colour) -> Vec<String> {
    let is_used = |colour: Colour, value: fn(&Declared) -> &Option<String>| {
        style
            .declared
            .iter()
            .any(|one| value(one).as_deref().and_then(|text| style.paint(text)) == Some(Ok(colour)))
    };
    let mut unused = Vec::new();
    if !is_used(ink, |one| &one.ink) {
        unused.push(format!("{ink} as the colour of text or of a shape"));
    }
    if !is_used(ground, |one| &one.ground) {
        unused.push(format!("{ground} as a background"));
    }
    unused
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, refused, table};

    #[test]
    fn a_ratio_is_measured_and_never_rounded_up() {
        let dist = Dist::of(&[
            ("a.css", "p { color: #767676;\r\n background: #FFFFFF } /* color: #000 */"),
            ("apart.css", "body { background: #fff } p { color: #000 }"),
            ("empty.css", ""),
        ]);
        let colours = |foreground: &str| json!({"foreground": foreground, "background": "#fff"});
        let with = |foreground: &str, name: &str, value: serde_json::Value| {
            let mut params = colours(foreground);
            params[name] = value;
            params
        };
        let black = "#000000 as the colour of text or of a shape";
        table(
            &dist,
            "contrast",
            &[
                (colours("#000"), "+ the ratio is 21; no file was read"),
                (colours("#777777"), "- the ratio is 4.47, 4.5 at least; no file was read"),
                (colours("#767676"), "+ the ratio is 4.54; no file was read"),
                (
                    with("#767676", "min", json!(7)),
                    "- the ratio is 4.54, 7 at least; no file was read",
                ),
                (with("#767676", "path", json!("*.css")), "+ the ratio is 4.54"),
                (with("#000", "path", json!("apart.css")), "+ the ratio is 21"),
                (with("#000", "path", json!("a.css")), &format!("- not declared: {black}")),
                (
                    with("#000", "path", json!("empty.css")),
                    &format!("- not declared: {black}, #ffffff as a background"),
                ),
                (with("#000", "path", json!("gone.css")), "- there is no file gone.css in dist/"),
            ],
        );
    }

    #[test]
    fn every_pair_of_a_file_is_measured() {
        let dist = Dist::of(&[
            (
                "good.css",
                "p { color: #767676; background: #fff }\nb { color: #000; background: #fff }",
            ),
            ("bad.css", "p { color: #777; background: #fff }\nb { color: #000; background: #fff }"),
            ("none.css", "p { color: #000 } b { background: #fff }"),
            ("open.css", "p { color: var(--a); background: #fff }"),
            ("a.tsx", "color: #000; background: #fff"),
        ]);
        let of = |path: &str| json!({"path": path});
        table(
            &dist,
            "contrast",
            &[
                (
                    of("good.css"),
                    "+ 2 pairs, the lowest ratio is 4.54 of #767676 on #ffffff in good.css line 1",
                ),
                (of("bad.css"), "- below 4.5: 4.47 of #777777 on #ffffff in bad.css line 1"),
                (
                    json!({"path": "bad.css", "foreground": "#000000"}),
                    "+ 1 pairs, the lowest ratio is 21 of #000000 on #ffffff in bad.css line 2",
                ),
                (
                    of("none.css"),
                    "- no rule or element declares such a text colour with a background",
                ),
                (of("open.css"), "? --a has no value, in open.css line 1"),
                (of("a.tsx"), "? a.tsx: colours are read of .css, .html and .svg"),
            ],
        );
    }

    #[test]
    fn what_is_no_colour_is_refused() {
        let params = json!({"foreground": "red", "background": "#12345", "min": 0});
        assert_eq!(refused("contrast", &params), ["background", "foreground", "min"]);
        assert_eq!(refused("contrast", &json!({"foreground": "#000"})), ["background"]);
        assert_eq!(refused("contrast", &json!({})), ["foreground"]);
    }
}
