//! The outline of Markdown, and what may be wrong with it.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::{Link, Outline, html};
use crate::checks::text::Lines;

/// Levels of quotes and lists.
const DEPTH_MAX: usize = 100;

/// Reads Markdown: CommonMark with tables, footnotes, strikethrough, tasks and front matter.
pub(super) fn outline(text: &str) -> Result<Outline, String> {
    too_deep(text)?;
    let mut reader = Reader {
        outline: Outline::default(),
        lines: Lines::of(text),
        html: None,
        in_front_matter: false,
    };
    for (event, place) in parser(text) {
        reader.take(event, &place);
    }
    Ok(reader.outline)
}

/// Returns what is wrong with a text as Markdown. Any text is some Markdown; these are the
/// mistakes after which it is not the one that was meant.
pub(in crate::checks) fn faults(text: &str) -> Vec<String> {
    if let Err(deep) = too_deep(text) {
        return vec![deep];
    }
    let mut lines = Lines::of(text);
    let mut faults = Vec::new();
    for (event, place) in parser(text) {
        if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) = event
            && !is_closed(&text[place.clone()])
        {
            faults.push(format!(
                "the code block of line {} is not closed",
                lines.line_at(place.start)
            ));
        }
    }
    faults
}

fn parser(text: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    Parser::new_ext(text, options).into_offset_iter()
}

/// Returns whether a fenced block ends with a fence as long as the one that it begins with.
fn is_closed(block: &str) -> bool {
    let fence = block.chars().next().unwrap_or_default();
    let length = block.chars().take_while(|c| *c == fence).count();
    let mut lines = block.trim_end().lines();
    let last = lines.next_back().filter(|_| lines.next().is_some());
    last.is_some_and(|last| last.chars().rev().take_while(|c| *c == fence).count() >= length)
}

/// Refuses what nests deeper than anybody reads, which the parser takes long for: it goes through
/// all open quotes and lists for every line.
fn too_deep(text: &str) -> Result<(), String> {
    let deep = text.lines().position(|line| depth(line) > DEPTH_MAX);
    match deep {
        Some(at) => Err(format!("nests more than {DEPTH_MAX} deep in line {}", at + 1)),
        None => Ok(()),
    }
}

/// Returns how deep the quotes and lists that begin in a line may be: each needs a marker, or two
/// columns of indentation when it began in a line before.
fn depth(line: &str) -> usize {
    let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut markers = 0;
    let mut rest = line.trim_start();
    while let Some(inner) = after_marker(rest) {
        markers += 1;
        rest = inner.trim_start();
    }
    if markers == 0 { 0 } else { markers + indentation / 2 }
}

fn after_marker(line: &str) -> Option<&str> {
    let is_end = |rest: &&str| rest.is_empty() || rest.starts_with([' ', '\t']);
    if let Some(quoted) = line.strip_prefix('>') {
        return Some(quoted);
    }
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered =
        if numbered.len() < line.len() { numbered.strip_prefix(['.', ')']) } else { None };
    numbered.or_else(|| line.strip_prefix(['-', '+', '*'])).filter(is_end)
}

struct Reader<'a> {
    outline: Outline,
    lines: Lines<'a>,
    /// A block of HTML that is being read, and its first line.
    html: Option<(String, usize)>,
    in_front_matter: bool,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, place: &Range<usize>) {
        let line = self.lines.line_at(place.start);
        match event {
            Event::Start(tag) => self.begin(&tag, line),
            Event::End(tag) => self.end(tag),
            Event::Text(_) if self.in_front_matter => {}
            Event::Text(text) | Event::Code(text) => self.outline.add(&text),
            Event::SoftBreak | Event::HardBreak | Event::Rule => self.outline.gap(),
            Event::InlineHtml(part) => html::add(&mut self.outline, &part, line),
            Event::Html(part) => {
                self.html.get_or_insert_with(|| (String::new(), line)).0.push_str(&part);
            }
            _ => {}
        }
    }

    fn begin(&mut self, tag: &Tag<'_>, line: usize) {
        match tag {
            Tag::Heading { level, .. } => self.outline.begin_heading(*level as usize, line),
            Tag::Link { link_type: LinkType::Email, .. } => {}
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.outline.drawn += usize::from(matches!(tag, Tag::Image { .. }));
                self.outline.links.push(Link { target: dest_url.to_string(), line });
            }
            Tag::MetadataBlock(_) => self.in_front_matter = true,
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough => {}
            _ => self.outline.gap(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.outline.end_heading();
                let title = self.outline.headings.last().map(|heading| heading.title.clone());
                self.outline.add_slug(&title.unwrap_or_default());
            }
            TagEnd::HtmlBlock => {
                if let Some((part, line)) = self.html.take() {
                    html::add(&mut self.outline, &part, line);
                    self.outline.end_heading();
                }
            }
            TagEnd::MetadataBlock(_) => self.in_front_matter = false,
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {}
            TagEnd::Link | TagEnd::Image => {}
            _ => self.outline.gap(),
        }
    }
}
