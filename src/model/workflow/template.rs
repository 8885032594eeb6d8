//! Templates that a folder may have brought, rendered within a budget.
//!
//! The template engine counts steps but no bytes, and many of its parts make much of little: filters
//! that pad, texts that are joined or repeated, blocks that capture what they render. So templates may
//! only use what is listed here. Whatever makes a text counts towards a budget, and so does whatever
//! is read of the state, which is not copied for a template.

mod check;
mod filters;
mod view;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value as Json;

pub use self::check::{FILTERS, TESTS, check};
use self::view::View;

/// Bytes that rendering a template may read and make. A prompt shows 60 KiB.
const BYTES_MAX: usize = 16 << 20;

/// How much a template may do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps.
    pub steps: u64,
    /// Bytes of the text that is rendered. Rendering ends where there are more.
    pub output_bytes: usize,
    /// Bytes of a text of the state.
    pub text_bytes: usize,
    /// Bytes of a value that is written as JSON.
    pub part_bytes: usize,
    /// The filters that it may use, out of [`FILTERS`].
    pub filters: &'static [&'static str],
}

/// An engine with what templates may use.
#[derive(Debug)]
pub struct Sandbox {
    environment: Environment<'static>,
    budget: Arc<Budget>,
    limits: Limits,
}

impl Sandbox {
    /// Returns an engine with the listed filters and tests, and without functions.
    pub fn new(limits: Limits) -> Self {
        let budget = Arc::new(Budget::default());
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(limits.steps));
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        filters::add(&mut environment, &budget, limits.part_bytes);
        Self { environment, budget, limits }
    }

    /// Returns the engine, to say how values are written.
    pub fn environment_mut(&mut self) -> &mut Environment<'static> {
        &mut self.environment
    }

    /// Renders a template, whose names are the fields of an object.
    ///
    /// A text that becomes too long ends where it does, a few bytes behind the limit.
    pub fn render(&self, template: &str, names: &Arc<Json>) -> Result<String, String> {
        check(template, self.limits.filters)?;
        let names = View::whole(names, &self.budget, self.limits.text_bytes);
        let mut output = Output { bytes: Vec::new(), bytes_max: self.limits.output_bytes };
        let parsed = self.environment.template_from_str(template).map_err(|e| told(&e))?;
        let rendered = parsed.render_captured_to(names, &mut output).map(drop);
        self.budget.check()?;
        if !output.is_full() {
            rendered.map_err(|error| told(&error))?;
        }
        Ok(String::from_utf8_lossy(&output.bytes).into_owned())
    }
}

/// Returns the names that a template takes from outside, in order, or what is wrong with it.
pub fn names(template: &str, filters: &'static [&'static str]) -> Result<Vec<String>, String> {
    check(template, filters)?;
    let environment = Environment::empty();
    let parsed = environment.template_from_str(template).map_err(|error| format!("{error:#}"))?;
    let mut names: Vec<String> = parsed.undeclared_variables(false).into_iter().collect();
    names.sort();
    Ok(names)
}

/// Returns an error with its cause, and a word on the budget where that is the cause.
fn told(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => format!("the template takes too many steps: {error:#}"),
        _ => format!("{error:#}"),
    }
}

/// What rendering one template has read and made.
#[derive(Debug, Default)]
struct Budget {
    bytes: AtomicUsize,
}

impl Budget {
    /// Counts bytes. Fails once too many were counted, and from then on always.
    fn charge(&self, bytes: usize) -> Result<(), Error> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.check().map_err(|reason| Error::new(ErrorKind::InvalidOperation, reason))
    }

    /// Fails when too many bytes were counted.
    fn check(&self) -> Result<(), String> {
        if self.bytes.load(Ordering::Relaxed) > BYTES_MAX {
            return Err(format!(
                "the template reads and produces more than {} MiB",
                BYTES_MAX >> 20
            ));
        }
        Ok(())
    }
}

/// A text that ends where it is too long.
#[derive(Debug)]
struct Output {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Output {
    fn is_full(&self) -> bool {
        self.bytes.len() > self.bytes_max
    }
}

impl Write for Output {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        if self.is_full() {
            return Err(std::io::Error::other("the text is too long"));
        }
        // Enough to see that there is more, and to be cut between characters.
        let room = self.bytes_max + 8 - self.bytes.len();
        let fitting = &text[..text.len().min(room)];
        self.bytes.extend_from_slice(fitting);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
