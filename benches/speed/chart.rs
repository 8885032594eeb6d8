//! The picture of a run: ratios beside their bounds, and Refiner beside what a user would take instead.

use std::fmt::Write as _;

use super::Measured;
use super::rivals::Played;
use super::table::Row;

const LINE: f64 = 24.0;
/// Where labels end, and the left and right end of what is drawn.
const LABEL: f64 = 350.0;
const LEFT: f64 = 370.0;
const RIGHT: f64 = 730.0;
/// The shares of a bound, and the microseconds, at both ends.
const SHARES: [f64; 2] = [0.1, 10.0];
const MICROSECONDS: [f64; 2] = [10.0, 1e6];

const TITLE: &str = "What a run of the benchmark measured";
const STYLE: &str = "<style>
text { font: 13px system-ui,-apple-system,'Segoe UI',sans-serif; fill: #1f2328 } .head { font-weight: 600; font-size: 15px }
.faint { fill: #59636e } .rule { stroke: #d1d9e0 } .bound { stroke: #59636e; stroke-width: 1.5 }
.good { fill: #1a7f37; stroke: #1a7f37 } .bad { fill: #cf222e; stroke: #cf222e } .save { fill: #0969da } .load { fill: #bf8700 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .faint { fill: #9198a1 } .rule { stroke: #3d444d } .bound { stroke: #9198a1 }
.good { fill: #3fb950; stroke: #3fb950 } .bad { fill: #f85149; stroke: #f85149 } .save { fill: #4493f8 } .load { fill: #d29922 } }
</style>";

/// Returns the picture.
pub(crate) fn svg(measured: &Measured) -> String {
    let mut chart = Chart { rules: String::new(), body: String::new(), y: LINE };
    chart.head("Ratios measured in one run; left of the line is within the bound");
    let top = chart.y;
    measured.rows.iter().for_each(|row| chart.ratio(row));
    chart.rule(at(1.0, SHARES), top, "bound");
    chart.y += LINE;
    chart.head("A save of 2 KB and a load, p50, after that many versions");
    chart.legend();
    let top = chart.y;
    measured.played.iter().for_each(|played| chart.times(played));
    for (decade, label) in ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"].iter().enumerate()
    {
        let x = LEFT + (RIGHT - LEFT) * decade as f64 / 5.0;
        chart.rule(x, top, "rule");
        chart.text(x, "faint", "middle", label);
    }
    let height = chart.y + LINE;
    let head = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 {height}\" role=\"img\">"
    );
    let Chart { rules, body, .. } = chart;
    format!("{head}\n<title>{TITLE}</title>\n{STYLE}\n{rules}{body}</svg>")
}

/// Returns where a value lies between two ends, on a logarithmic scale.
fn at(value: f64, [low, high]: [f64; 2]) -> f64 {
    let share = (value / low).ln() / (high / low).ln();
    LEFT + (RIGHT - LEFT) * share.clamp(0.0, 1.0)
}

/// What was drawn, and where the next line goes.
struct Chart {
    /// Rules, which lie behind the rest.
    rules: String,
    body: String,
    y: f64,
}

impl Chart {
    fn head(&mut self, words: &str) {
        self.text(20.0, "head", "start", words);
        self.y += LINE;
    }

    /// Draws a row that has a bound.
    fn ratio(&mut self, row: &Row) {
        let Some(share) = row.share() else { return };
        let kind = if share <= 1.0 { "good" } else { "bad" };
        let ratio = format!("{:.2} ({})", row.ratio.unwrap_or_default(), row.bound_text());
        let (bound, x, y) = (at(1.0, SHARES), at(share, SHARES), self.y - 4.0);
        let _ = writeln!(self.body, "<path d=\"M{bound:.1} {y}H{x:.1}\" class=\"{kind}\"/>");
        self.line(&row.what, &[(x, kind)], &ratio);
    }

    fn times(&mut self, played: &Played) {
        let label = format!("{}, {}", played.system, played.versions);
        match &played.times {
            Ok(times) => {
                let [save, load] = times.map(|time| at(time.as_secs_f64() * 1e6, MICROSECONDS));
                self.line(&label, &[(save, "save"), (load, "load")], "");
            }
            Err(_) => self.line(&label, &[], "not measured"),
        }
    }

    /// Draws a line with a label, dots and a value.
    fn line(&mut self, label: &str, dots: &[(f64, &str)], value: &str) {
        self.text(LABEL, "", "end", label);
        let y = self.y - 4.0;
        for (x, kind) in dots {
            let _ =
                writeln!(self.body, "<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"5\" class=\"{kind}\"/>");
        }
        self.text(RIGHT + 12.0, "faint", "start", value);
        self.y += LINE;
    }

    fn legend(&mut self) {
        for (x, kind) in [(LEFT, "save"), (LEFT + 80.0, "load")] {
            let y = self.y - 4.0;
            let _ = writeln!(self.body, "<circle cx=\"{x}\" cy=\"{y}\" r=\"5\" class=\"{kind}\"/>");
            self.text(x + 12.0, "faint", "start", kind);
        }
        self.y += LINE;
    }

    /// Draws a rule from above the first of the last lines down to here.
    fn rule(&mut self, x: f64, top: f64, kind: &str) {
        let (top, bottom) = (top - 16.0, self.y - 14.0);
        let _ = writeln!(self.rules, "<path d=\"M{x:.1} {top}V{bottom}\" class=\"{kind}\"/>");
    }

    fn text(&mut self, x: f64, kind: &str, anchor: &str, words: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{}\" class=\"{kind}\" text-anchor=\"{anchor}\">{words}</text>",
            self.y
        );
    }
}
