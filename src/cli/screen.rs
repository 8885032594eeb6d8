//! Output that may go to a terminal: texts of others are shown, never obeyed. Only refiner's own
//! styles reach the terminal as escape sequences.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Write};

use anstream::stream::{AsLockedWrite, RawStream};
use anstream::{AutoStream, ColorChoice};

use crate::model::visible::{self, Form};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    /// On a terminal unless NO_COLOR is set, and everywhere if CLICOLOR_FORCE is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The escape sequences of refiner's styles. The first one ends each style.
static SEQUENCES: [&str; 6] =
    ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[32m", "\u{1b}[31m", "\u{1b}[33m"];

/// A style. `{STYLE}` begins it and `{STYLE:#}` ends it, as a format argument of a write to a
/// [`Screen`]. In a string that is written later, the sequence is escaped like any other text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style(usize);

pub(super) const BOLD: Style = Style(1);
pub(super) const DIM: Style = Style(2);
pub(super) const GOOD: Style = Style(3);
pub(super) const BAD: Style = Style(4);
pub(super) const WARN: Style = Style(5);

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEQUENCES[if f.alternate() { 0 } else { self.0 }])
    }
}

/// Returns whether bytes are a refiner style: a slice of the table itself, not an equal copy.
/// Formatting passes the slice on unchanged, so no stored text can forge a style.
fn is_style(bytes: &[u8]) -> bool {
    SEQUENCES.iter().any(|sequence| std::ptr::eq(sequence.as_bytes(), bytes))
}

/// A stream for texts of others. On a terminal, control characters are made visible. Elsewhere each
/// byte stays unchanged. Without colours, styles are removed.
///
/// A character must not be split between two writes.
pub(super) struct Screen<W: Write> {
    stream: W,
    coloured: bool,
    /// How to escape control characters. `None` if the stream is not a terminal.
    form: Option<Form>,
}

impl<W: RawStream + AsLockedWrite> Screen<AutoStream<W>> {
    /// Wraps a stream of the process.
    pub(super) fn of(stream: W, color: Color, form: Form) -> Self {
        let choice = match color {
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
            Color::Auto => AutoStream::choice(&stream),
        };
        let coloured = choice != ColorChoice::Never;
        let form = stream.is_terminal().then_some(form);
        // Not `Never`, which would also remove escape sequences from a file's own bytes.
        let choice = if coloured { choice } else { ColorChoice::AlwaysAnsi };
        Self { stream: AutoStream::new(stream, choice), coloured, form }
    }
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.form {
            _ if is_style(bytes) && !self.coloured => {}
            Some(form) if !is_style(bytes) => {
                self.stream.write_all(&visible::bytes(bytes, form))?;
            }
            _ => self.stream.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Returns standard error without colours.
pub(super) fn plain_errors() -> impl Write {
    Screen::of(io::stderr(), Color::Never, Form::Text)
}

/// Writes to standard error at once. Ignores a closed standard error.
pub(super) fn write_errors(color: Color, text: fmt::Arguments<'_>) {
    let Screen { stream, coloured, form } = Screen::of(io::stderr(), color, Form::Text);
    let mut screen = Screen { stream: BufWriter::new(stream), coloured, form };
    drop(screen.write_fmt(text).and_then(|()| screen.flush()));
}

/// Returns whether standard error is a terminal.
pub(super) fn shows_errors() -> bool {
    io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the output of a hostile text in a style.
    fn arrives(coloured: bool, form: Option<Form>) -> String {
        let hostile = String::from("\u{1b}[1m");
        let mut screen = Screen { stream: Vec::new(), coloured, form };
        writeln!(screen, "{BOLD}{hostile}\u{202e}{BOLD:#}").unwrap();
        String::from_utf8(screen.stream).unwrap()
    }

    #[test]
    fn our_styles_reach_a_terminal_and_no_sequence_of_others_does() {
        let seen = arrives(true, Some(Form::Text));
        assert_eq!(seen, "\u{1b}[1m\\u{1b}[1m\\u{202e}\u{1b}[0m\n");
        assert_eq!(arrives(false, Some(Form::Json)), "\\u001b[1m\\u202e\n");
    }

    #[test]
    fn what_is_no_terminal_gets_every_byte() {
        assert_eq!(arrives(false, None), "\u{1b}[1m\u{202e}\n");
        assert_eq!(arrives(true, None), "\u{1b}[1m\u{1b}[1m\u{202e}\u{1b}[0m\n");
        let mut screen = Screen { stream: Vec::new(), coloured: false, form: None };
        screen.write_all(b"\x89PNG\r\n\x1a\n\x1b[1m").unwrap();
        assert_eq!(screen.stream, b"\x89PNG\r\n\x1a\n\x1b[1m");
    }

    #[test]
    fn a_style_in_a_string_is_seen_as_any_text() {
        let mut screen = Screen { stream: Vec::new(), coloured: true, form: Some(Form::Text) };
        screen.write_all(format!("{GOOD}").as_bytes()).unwrap();
        assert_eq!(screen.stream, b"\\u{1b}[32m");
    }
}
