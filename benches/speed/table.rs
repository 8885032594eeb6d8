//! The table that a run prints.

use std::time::Duration;

/// Something that was measured against something plain.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) baseline: String,
    pub(crate) ratio: f64,
    pub(crate) bound: Bound,
}

/// What a ratio should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const HEADINGS: [&str; 6] = ["what", "measured", "baseline", "ratio", "bound", "within"];

impl Row {
    fn cells(&self) -> [String; 6] {
        let (bound, within) = match self.bound {
            Bound::AtMost(most) => (format!("<= {most:.2}"), self.ratio <= most),
            Bound::AtLeast(least) => (format!(">= {least:.2}"), self.ratio >= least),
        };
        [
            self.what.clone(),
            self.measured.clone(),
            self.baseline.clone(),
            format!("{:.2}", self.ratio),
            bound,
            if within { "yes" } else { "NO" }.to_owned(),
        ]
    }
}

/// Returns the rows as a Markdown table whose columns are aligned.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADINGS.len()).filter_map(width).collect();
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
