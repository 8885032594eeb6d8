//! Taking turns, so that what the machine does meanwhile happens to all that is compared alike.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Something that is done once, and says how long it took.
pub(crate) type Timed<'a> = &'a mut dyn FnMut() -> Result<Duration>;
/// Something that is done over and over until a time, and says how often it was.
pub(crate) type Counted<'a> = &'a mut dyn FnMut(Instant) -> Result<usize>;

/// Calls that follow each other in one turn. The first few of them wake a process that has slept,
/// which takes several times as long as the call does, and is not what is compared.
const STREAK: usize = 25;
const WAKING: usize = 5;

/// Does each in turn, that many times, and returns the median of each.
pub(crate) fn medians<const N: usize>(
    times: usize,
    mut all: [Timed<'_>; N],
) -> Result<[Duration; N]> {
    let mut samples = [(); N].map(|()| Vec::with_capacity(times));
    while samples[0].len() < times {
        for (one, samples) in all.iter_mut().zip(&mut samples) {
            for _ in 0..WAKING {
                one()?;
            }
            for _ in 0..STREAK {
                samples.push(one()?);
            }
        }
    }
    Ok(samples.map(|mut samples| median(&mut samples)))
}

/// Does each in turn for as long as a turn takes, and returns the median of the rates of each.
pub(crate) fn rates<const N: usize>(
    turns: usize,
    transaction: Duration,
    mut all: [Counted<'_>; N],
) -> Result<[f64; N]> {
    let mut samples = [(); N].map(|()| Vec::with_capacity(turns));
    for _ in 0..turns {
        for (one, samples) in all.iter_mut().zip(&mut samples) {
            let start = Instant::now();
            let count = one(start + transaction)?;
            samples.push(start.elapsed() / u32::try_from(count.max(1))?);
        }
    }
    Ok(samples.map(|mut samples| 1.0 / median(&mut samples).as_secs_f64()))
}

/// Returns the median of durations.
pub(crate) fn median(samples: &mut [Duration]) -> Duration {
    let middle = samples.len() / 2;
    *samples.select_nth_unstable(middle).1
}
