//! What was measured against something plain, and the table that a run prints.

use std::time::Duration;

use serde_json::{Value, json};

/// Something that was measured against something plain.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) baseline: String,
    /// `None` if it could not be measured; `measured` says why.
    pub(crate) ratio: Option<f64>,
    pub(crate) bound: Bound,
}

/// What a ratio should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// The ratio is only to be looked at.
    Free,
}

const HEADINGS: [&str; 6] = ["what", "measured", "baseline", "ratio", "bound", "within"];

impl Row {
    /// Makes the row of what could not be measured.
    pub(crate) fn missing(what: &str, why: &str) -> Self {
        let (measured, baseline) = (format!("not measured: {why}"), String::new());
        Self { what: what.into(), measured, baseline, ratio: None, bound: Bound::Free }
    }

    /// Returns the share of its bound that the ratio takes: above 1 it is too much. `None` without a
    /// bound or a ratio.
    pub(crate) fn share(&self) -> Option<f64> {
        match self.bound {
            Bound::AtMost(most) => Some(self.ratio? / most),
            Bound::AtLeast(least) => Some(least / self.ratio?),
            Bound::Free => None,
        }
    }

    /// Returns the bound as text.
    pub(crate) fn bound_text(&self) -> String {
        match self.bound {
            Bound::AtMost(most) => format!("<= {most:.2}"),
            Bound::AtLeast(least) => format!(">= {least:.2}"),
            Bound::Free => String::new(),
        }
    }

    fn cells(&self) -> [String; 6] {
        let within = self.share().map(|share| if share <= 1.0 { "yes" } else { "NO" });
        [
            self.what.clone(),
            self.measured.clone(),
            self.baseline.clone(),
            self.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            self.bound_text(),
            within.unwrap_or_default().to_owned(),
        ]
    }

    pub(crate) fn json(&self) -> Value {
        let (at_most, at_least) = match self.bound {
            Bound::AtMost(most) => (Some(most), None),
            Bound::AtLeast(least) => (None, Some(least)),
            Bound::Free => (None, None),
        };
        json!({
            "what": self.what, "measured": self.measured, "baseline": self.baseline,
            "ratio": self.ratio, "at_most": at_most, "at_least": at_least,
            "within": self.share().map(|share| share <= 1.0),
        })
    }
}

/// Returns the rows as a Markdown table whose columns are aligned.
pub(crate) fn text(rows: &[Row]) -> String {
    aligned(HEADINGS, rows.iter().map(Row::cells))
}

/// Returns lines as a Markdown table whose columns are aligned.
pub(crate) fn aligned<const N: usize>(
    headings: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut lines = vec![headings.map(str::to_owned)];
    lines.extend(rows);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).filter_map(width).collect();
    lines.insert(1, std::array::from_fn(|column| "-".repeat(widths[column])));
    lines.iter().map(|line| line_text(line, &widths)).collect()
}

fn line_text(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:<width$} |"));
    format!("|{}\n", padded.collect::<String>())
}

/// Returns a duration in microseconds, for people.
pub(crate) fn microseconds(duration: Duration) -> String {
    format!("{:.0} µs", duration.as_secs_f64() * 1e6)
}

/// Returns a rate, for people.
pub(crate) fn per_second(rate: f64) -> String {
    format!("{rate:.0}/s")
}
