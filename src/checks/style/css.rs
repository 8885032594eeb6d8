//! Rules of CSS: what is between braces, nested or not.

use super::{Declared, Style, place};

/// A block that is open.
#[derive(Default)]
struct Block {
    line: usize,
    ink: Option<Value>,
    ground: Option<Value>,
    /// The fill of a shape or a text of SVG.
    fill: Option<Value>,
}

struct Value {
    text: String,
    important: bool,
}

/// Adds the rules of a style sheet whose first line has the number given.
pub(super) fn add(style: &mut Style, text: &str, path: &str, first_line: usize) {
    let mut reader = Reader { style, path, blocks: Vec::new(), part: String::new() };
    let mut line = first_line;
    let mut parentheses = 0_usize;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        line += usize::from(c == '\n');
        match c {
            '/' if rest.next_if_eq(&'*').is_some() => line += skip_comment(&mut rest),
            '"' | '\'' => {
                line += skip_text(&mut rest, c);
                reader.part.push_str("\"\"");
            }
            '{' if parentheses == 0 => reader.begin(line),
            ';' if parentheses == 0 => reader.declaration(),
            '}' => {
                parentheses = 0;
                reader.end();
            }
            c => {
                match c {
                    '(' => parentheses += 1,
                    ')' => parentheses = parentheses.saturating_sub(1),
                    _ => {}
                }
                reader.part.push(c);
            }
        }
    }
    reader.finish();
}

/// Adds the declarations of a `style` attribute.
pub(super) fn add_attribute(style: &mut Style, declarations: &str, path: &str, line: usize) {
    add(style, &format!("*{{{declarations}}}"), path, line);
}

/// Skips a comment, and returns how many lines it has.
fn skip_comment(rest: &mut impl Iterator<Item = char>) -> usize {
    let (mut lines, mut before) = (0, ' ');
    for c in rest {
        lines += usize::from(c == '\n');
        if (before, c) == ('*', '/') {
            break;
        }
        before = c;
    }
    lines
}

/// Skips a text in quotes, and returns how many lines it has. One that is not closed ends with its line.
fn skip_text(rest: &mut impl Iterator<Item = char>, quote: char) -> usize {
    let mut escaped = false;
    for c in rest {
        match c {
            '\n' if !escaped => return 1,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => break,
            _ => {}
        }
    }
    0
}

struct Reader<'a> {
    style: &'a mut Style,
    path: &'a str,
    blocks: Vec<Block>,
    /// What was read since the last brace or semicolon.
    part: String,
}

impl Reader<'_> {
    fn begin(&mut self, line: usize) {
        self.part.clear();
        self.blocks.push(Block { line, ..Block::default() });
    }

    fn declaration(&mut self) {
        let part = std::mem::take(&mut self.part);
        let Some((name, value)) = part.split_once(':') else { return };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_ascii_lowercase());
        if name.starts_with("--") {
            self.style.properties.entry(name).or_default().insert(value);
            return;
        }
        let Some(block) = self.blocks.last_mut() else { return };
        let place = match name.as_str() {
            "color" => &mut block.ink,
            "background" | "background-color" => &mut block.ground,
            "fill" => &mut block.fill,
            _ => return,
        };
        let plain = value.strip_suffix("!important").map(str::trim_end);
        let value = Value { text: plain.unwrap_or(&value).to_owned(), important: plain.is_some() };
        if value.important || !place.as_ref().is_some_and(|before| before.important) {
            *place = Some(value);
        }
    }

    fn end(&mut self) {
        self.declaration();
        let Some(block) = self.blocks.pop() else { return };
        let place = place(self.path, block.line);
        let text = |value: Option<Value>| value.map(|value| value.text);
        if block.ink.is_some() || block.ground.is_some() {
            let (ink, ground) = (text(block.ink), text(block.ground));
            let declared = Declared { ink, ground, is_text: true, place: place.clone() };
            self.style.declared.push(declared);
        }
        if let Some(fill) = text(block.fill) {
            let declared = Declared { ink: Some(fill), ground: None, is_text: false, place };
            self.style.declared.push(declared);
        }
    }

    /// Ends what is open: a style sheet may end within a block.
    fn finish(mut self) {
        self.declaration();
        while !self.blocks.is_empty() {
            self.end();
        }
    }
}
