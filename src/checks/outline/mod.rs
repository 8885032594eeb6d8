//! What a reader sees of a text: headings, links, anchors and words, of Markdown and of HTML.

mod html;
mod markdown;

use std::collections::{BTreeMap, BTreeSet};

use super::text::Words;
use super::work::{Stop, Work};

pub(super) use markdown::faults;

/// Bytes of a Markdown file that is parsed. Its parser takes longer than linear time for some
/// texts.
pub(super) const MARKDOWN_BYTES_MAX: u64 = 2 << 20;
/// Bytes of an HTML file that is parsed.
pub(super) const HTML_BYTES_MAX: u64 = 8 << 20;

/// A text as its reader sees it.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) headings: Vec<Heading>,
    /// Where links and images lead, in their order.
    pub(crate) links: Vec<Link>,
    /// The names that a fragment may lead to.
    pub(super) anchors: BTreeSet<String>,
    words: Words,
    /// How many things there are that are seen and have no words, such as images.
    drawn: usize,
    /// Whether a script may make any part of it.
    scripted: bool,
    /// The heading that is open.
    open: Option<Heading>,
    /// How often each slug was made of a heading.
    slugs: BTreeMap<String, usize>,
}

/// A heading.
#[derive(Clone, Debug)]
pub(crate) struct Heading {
    /// From 1 to 6.
    pub(crate) level: usize,
    pub(crate) title: String,
    /// The line that it is on, from 1.
    pub(crate) line: usize,
    words_before: usize,
    words_with: usize,
    drawn_before: usize,
    drawn_with: usize,
}

/// What a text has of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Missing,
    /// Its heading only.
    Empty,
    Filled,
}

/// A link or an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) target: String,
    pub(crate) line: usize,
}

/// Reads a file of `dist/` as HTML when its name says so, and as Markdown otherwise.
pub(super) fn read(path: &str, work: &mut Work<'_>) -> Result<Outline, Stop> {
    if is_html(path) {
        return Ok(Outline::of_html(&work.text(path, HTML_BYTES_MAX)?));
    }
    let text = work.text(path, MARKDOWN_BYTES_MAX)?;
    Outline::of_markdown(&text).map_err(Stop::Violated)
}

fn is_html(path: &str) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["html", "htm", "xhtml"].iter().any(|one| extension.eq_ignore_ascii_case(one))
}

impl Outline {
    /// Reads Markdown, or says why it is not read.
    pub(crate) fn of_markdown(text: &str) -> Result<Self, String> {
        markdown::outline(text)
    }

    /// Reads HTML.
    pub(super) fn of_html(text: &str) -> Self {
        let mut outline = Self::default();
        html::add(&mut outline, text, 1);
        outline
    }

    /// Returns how many words there are, those of headings included.
    pub(super) fn words(&self) -> usize {
        self.words.count
    }

    /// Returns how many words are below a heading, up to the next one that is not deeper, or
    /// `None` when there is no such heading.
    pub(super) fn words_below(&self, title: &str) -> Option<usize> {
        let at = self.headings.iter().position(|heading| heading.title == title)?;
        let heading = &self.headings[at];
        let next = self.headings[at + 1..].iter().find(|next| next.level <= heading.level);
        Some(next.map_or(self.words.count, |next| next.words_before) - heading.words_with)
    }

    /// Returns what there is of the section with a title.
    pub(super) fn section(&self, title: &str) -> Section {
        let title = title.trim();
        let of_title = self.headings.iter().enumerate().filter(|(_, one)| one.title == title);
        let found = of_title.map(|(at, heading)| {
            let next = self.headings[at + 1..].iter().find(|next| next.level <= heading.level);
            let words = next.map_or(self.words.count, |next| next.words_before);
            let drawn = next.map_or(self.drawn, |next| next.drawn_before);
            words > heading.words_with || drawn > heading.drawn_with || self.scripted
        });
        match found.max() {
            None => Section::Missing,
            Some(false) => Section::Empty,
            Some(true) => Section::Filled,
        }
    }

    fn begin_heading(&mut self, level: usize, line: usize) {
        self.end_heading();
        self.words.end();
        let (words, drawn) = (self.words.count, self.drawn);
        self.open = Some(Heading {
            level,
            title: String::new(),
            line,
            words_before: words,
            words_with: words,
            drawn_before: drawn,
            drawn_with: drawn,
        });
    }

    fn end_heading(&mut self) {
        self.words.end();
        if let Some(mut heading) = self.open.take() {
            heading.title = heading.title.split_whitespace().collect::<Vec<_>>().join(" ");
            heading.words_with = self.words.count;
            heading.drawn_with = self.drawn;
            self.headings.push(heading);
        }
    }

    fn add(&mut self, text: &str) {
        self.words.add(text);
        if let Some(heading) = &mut self.open {
            heading.title.push_str(text);
        }
    }

    /// Ends a word, and the line of a title.
    fn gap(&mut self) {
        self.words.end();
        if let Some(heading) = &mut self.open {
            heading.title.push(' ');
        }
    }

    /// Adds the anchor that renderers make of a heading.
    fn add_slug(&mut self, title: &str) {
        let slug = slug(title);
        let used = self.slugs.entry(slug.clone()).or_default();
        let anchor = if *used == 0 { slug } else { format!("{slug}-{used}") };
        *used += 1;
        self.anchors.insert(anchor);
    }
}

/// Returns the anchor of a title, as GitHub makes it.
fn slug(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests;
