//! The time of one call, without other calls at the same time.

use std::cell::RefCell;
use std::time::Instant;

use anyhow::Result;

use super::client::Client;
use super::place::Place;
use super::sampling::medians;
use super::table::{Bound, Row, microseconds};
use super::{Scale, bare, raw, say};

/// The artifact that is young when it is measured, and the one that is old.
const YOUNG: &str = "young";
pub(crate) const OLD: &str = "old";
/// A refinement loop, whose briefing has guards to evaluate.
const LOOP: &str = "loop";

/// Entries of the journal that is called short.
const SHORT: usize = 100;
/// Paragraphs of a document of 2 KB, and the bytes of each.
const PARAGRAPHS: usize = 16;
const PARAGRAPH_BYTES: usize = 110;

pub(crate) fn rows(place: &Place, scale: Scale) -> Result<Vec<Row>> {
    let (mut refiner, mut bare) = (place.refiner()?, place.bare()?);
    let mut saves = Saves::default();
    for artifact in [YOUNG, OLD] {
        open_document(&mut refiner, artifact)?;
        for _ in 0..SHORT {
            refiner.call("save_state", &saves.next(artifact))?;
        }
    }
    refiner.call("init_state", &format!("{{\"name\":\"{LOOP}\",\"workflow\":\"pmpo\"}}"))?;
    say("one call at a time");
    let mut rows = vec![
        load(&mut refiner, &mut bare, YOUNG, "load_state, p50", scale)?,
        load(&mut refiner, &mut bare, LOOP, "load_state of a pmpo loop, p50", scale)?,
        save(place, &mut refiner, &mut bare, &mut saves, scale)?,
    ];
    lengthen(&mut refiner, &mut saves, scale)?;
    rows.push(save_to_long(&mut refiner, &mut saves, scale)?);
    Ok(rows)
}

fn load(
    refiner: &mut Client,
    bare: &mut Client,
    artifact: &str,
    what: &str,
    scale: Scale,
) -> Result<Row> {
    let arguments = format!("{{\"name\":\"{artifact}\"}}");
    let [load, nothing] = medians(
        scale.calls,
        [&mut || refiner.call("load_state", &arguments), &mut || bare.call(bare::TOOL, "{}")],
    )?;
    Ok(Row {
        what: what.into(),
        measured: microseconds(load),
        baseline: format!("no-op {}", microseconds(nothing)),
        ratio: Some(load.as_secs_f64() / nothing.as_secs_f64()),
        bound: Bound::AtMost(1.3),
    })
}

fn save(
    place: &Place,
    refiner: &mut Client,
    bare: &mut Client,
    saves: &mut Saves,
    scale: Scale,
) -> Result<Row> {
    let file = raw::files(place.path(), 1)?.remove(0);
    let [save, nothing, append] = medians(
        scale.calls,
        [
            &mut || refiner.call("save_state", &saves.next(YOUNG)),
            &mut || bare.call(bare::TOOL, "{}"),
            &mut || raw::append(&file),
        ],
    )?;
    Ok(Row {
        what: "save_state, 2 KB document, p50".into(),
        measured: microseconds(save),
        baseline: format!("no-op {} + 2 × append {}", microseconds(nothing), microseconds(append)),
        ratio: Some(save.as_secs_f64() / (nothing + 2 * append).as_secs_f64()),
        bound: Bound::AtMost(1.0),
    })
}

/// Makes the journal of the old artifact long, with as many saves at once as it takes to be quick.
fn lengthen(refiner: &mut Client, saves: &mut Saves, scale: Scale) -> Result<()> {
    const AT_ONCE: usize = 256;
    let start = Instant::now();
    let enough = scale.history - SHORT - AT_ONCE;
    refiner.call_at_once(
        AT_ONCE,
        "save_state",
        |_| saves.next(OLD),
        |answered| answered <= enough,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let rate = enough as f64 / seconds;
    say(&format!("made a journal of {} entries in {seconds:.1} s ({rate:.0}/s)", scale.history));
    Ok(())
}

fn save_to_long(refiner: &mut Client, saves: &mut Saves, scale: Scale) -> Result<Row> {
    let calls = RefCell::new((refiner, saves));
    let save = |artifact| {
        let (refiner, saves) = &mut *calls.borrow_mut();
        refiner.call("save_state", &saves.next(artifact))
    };
    let [old, young] = medians(scale.calls, [&mut || save(OLD), &mut || save(YOUNG)])?;
    Ok(Row {
        what: format!("the same at version {}", scale.history),
        measured: microseconds(old),
        baseline: format!("early versions {}", microseconds(young)),
        ratio: Some(old.as_secs_f64() / young.as_secs_f64()),
        bound: Bound::AtMost(1.2),
    })
}

/// Opens an artifact with a document of 2 KB.
pub(crate) fn open_document(refiner: &mut Client, artifact: &str) -> Result<()> {
    let open = format!("{{\"name\":\"{artifact}\",\"workflow\":\"document\"}}");
    refiner.call("init_state", &open)?;
    let paragraph = |number| format!("\"p{number:02}\":\"{}\"", text(number));
    let paragraphs: Vec<String> = (0..PARAGRAPHS).map(paragraph).collect();
    let data = format!("{{\"text\":{{{}}}}}", paragraphs.join(","));
    let save = format!("{{\"name\":\"{artifact}\",\"patch\":{{\"data\":{data}}}}}");
    refiner.call("save_state", &save)?;
    Ok(())
}

/// Saves that change one paragraph each.
#[derive(Debug, Default)]
pub(crate) struct Saves {
    count: usize,
}

impl Saves {
    /// Returns the arguments of the next one.
    pub(crate) fn next(&mut self, artifact: &str) -> String {
        self.count += 1;
        let (paragraph, text) = (self.count % PARAGRAPHS, text(self.count));
        format!(
            "{{\"name\":\"{artifact}\",\"patch\":{{\"data\":{{\"text\":{{\"p{paragraph:02}\":\"{text}\"}}}}}}}}"
        )
    }
}

/// Returns a text that no other number has.
fn text(number: usize) -> String {
    format!("{number:0PARAGRAPH_BYTES$}")
}
