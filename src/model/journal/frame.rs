//! The frame of a journal line, which distinguishes every kind of damage.
//!
//! ```text
//! {"crc":"1c291ca3","len":     412,"version":12,"previous":"…", … }\n
//! ```
//!
//! A line is a JSON object, so `jq` reads a journal. `crc` covers every byte after it, including
//! the newline; `len` counts the whole line. The length is necessary: without it, a flipped newline
//! joins two lines and looks like a torn tail, and the second line would be cut.

use crate::model::Digest;

/// The bytes before the checksummed part: `{"crc":"xxxxxxxx",`.
const CHECKSUM_END: usize = 18;
/// The bytes before the line's own fields: the above and `"len":nnnnnnnn,`.
const HEAD_BYTES: usize = CHECKSUM_END + 15;
const START: &[u8] = b"{\"crc\":\"";

/// The longest line, including the newline.
pub const LINE_BYTES_MAX: usize = 99_999_999;

/// The content at an offset of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan<'a> {
    /// A whole line with a good checksum.
    Line(&'a [u8]),
    /// The end.
    End,
    /// Bytes that are not an intact line, and the reason.
    Bad(&'static str),
}

/// Frames the JSON text of an object, without a newline in it, as a line.
///
/// # Panics
///
/// When the text is not an object with at least one field, or is too long for a line. Both are
/// bugs: lines are made from entries, and large parts go into blobs.
pub fn encode(object: &str) -> Vec<u8> {
    let fields = object.strip_prefix('{').expect("a line is made of a JSON object");
    assert!(fields.len() > 1 && !object.contains('\n'), "a line has fields and no newline");
    let length = HEAD_BYTES + fields.len() + 1;
    assert!(length <= LINE_BYTES_MAX, "a line of {length} bytes");
    let mut line = Vec::with_capacity(length);
    line.extend_from_slice(b"{\"crc\":\"00000000\",");
    line.extend_from_slice(format!("\"len\":{length:8},").as_bytes());
    line.extend_from_slice(fields.as_bytes());
    line.push(b'\n');
    let checksum = checksum(&line[CHECKSUM_END..]);
    line[START.len()..START.len() + checksum.len()].copy_from_slice(&checksum);
    line
}

/// Returns the content at the beginning of some bytes.
pub fn scan(bytes: &[u8]) -> Scan<'_> {
    if bytes.is_empty() {
        return Scan::End;
    }
    if bytes.iter().take(HEAD_BYTES).all(|byte| *byte == 0) {
        return Scan::Bad("zeros");
    }
    let Some(length) = stated_length(bytes) else {
        return Scan::Bad(if bytes.len() < HEAD_BYTES { "cut short" } else { "not a line" });
    };
    match bytes.get(..length) {
        None => Scan::Bad("cut short"),
        Some(line) if is_whole(line) => Scan::Line(line),
        Some(_) => Scan::Bad("checksum mismatch"),
    }
}

/// Returns the offset of the first intact line, and the line.
pub fn resume(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let starts = bytes.windows(START.len()).enumerate().filter(|(_, window)| *window == START);
    starts.map(|(at, _)| at).find_map(|at| match scan(&bytes[at..]) {
        Scan::Line(line) => Some((at, line)),
        Scan::End | Scan::Bad(_) => None,
    })
}

/// Returns the last line, if it is intact and begins within the bytes.
pub fn last_line(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.len().checked_sub(1)?;
    let start = bytes[..start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    match scan(&bytes[start..]) {
        Scan::Line(line) if line.len() == bytes.len() - start => Some(line),
        _ => None,
    }
}

/// Returns the format of a segment from its first bytes.
pub fn format(head: &[u8]) -> Option<u32> {
    let fields = head.get(HEAD_BYTES..)?.strip_prefix(b"\"format\":")?;
    let digits = fields.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Returns the digest by which the next line names this one.
pub fn digest(line: &[u8]) -> Digest {
    Digest::of(line)
}

fn stated_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..HEAD_BYTES)?;
    let framed = head.starts_with(START)
        && head[START.len() + 8..].starts_with(b"\",\"len\":")
        && head.ends_with(b",");
    let digits = std::str::from_utf8(&head[CHECKSUM_END + 6..HEAD_BYTES - 1]).ok()?;
    let length: usize = digits.trim_start().parse().ok()?;
    (framed && length > HEAD_BYTES).then_some(length)
}

fn is_whole(line: &[u8]) -> bool {
    line.ends_with(b"\n") && line[START.len()..].starts_with(&checksum(&line[CHECKSUM_END..]))
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let hex = format!("{:08x}", crc32fast::hash(bytes));
    hex.into_bytes().try_into().expect("32 bits are eight hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_lines() -> Vec<u8> {
        [encode(r#"{"n":1}"#), encode(r#"{"n":22}"#), encode(r#"{"n":333}"#)].concat()
    }

    fn count(mut bytes: &[u8]) -> usize {
        let mut lines = 0;
        while let Scan::Line(line) = scan(bytes) {
            lines += 1;
            bytes = &bytes[line.len()..];
        }
        lines
    }

    #[test]
    fn a_line_is_json_and_states_its_length() {
        let line = encode(r#"{"version":12}"#);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["version"], 12);
        assert_eq!(value["len"], line.len());
        assert_eq!(scan(&line), Scan::Line(&line));
    }

    #[test]
    fn every_cut_is_seen_and_every_line_before_it_is_kept() {
        let whole = three_lines();
        let first = encode(r#"{"n":1}"#).len();
        let second = first + encode(r#"{"n":22}"#).len();
        for cut in 0..whole.len() {
            let lines = [first, second].iter().filter(|end| **end <= cut).count();
            assert_eq!(count(&whole[..cut]), lines, "cut at {cut}");
        }
    }

    #[test]
    fn every_flipped_bit_is_seen_and_the_lines_after_it_are_found_again() {
        let whole = three_lines();
        let first = encode(r#"{"n":1}"#).len();
        for at in 0..first {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                assert!(matches!(scan(&flipped), Scan::Bad(_)), "byte {at}, bit {bit}");
                let (resumed, _) = resume(&flipped[1..]).expect("the second line is still there");
                assert_eq!(resumed + 1, first, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_tail_of_zeros_is_no_line() {
        assert_eq!(scan(&[0; 4096]), Scan::Bad("zeros"));
        assert_eq!(resume(&[0; 4096]), None);
    }

    #[test]
    fn the_last_line_is_found_from_the_end() {
        let whole = three_lines();
        let last = encode(r#"{"n":333}"#);
        assert_eq!(last_line(&whole), Some(&last[..]));
        assert_eq!(last_line(&whole[whole.len() - last.len()..]), Some(&last[..]));
        assert_eq!(last_line(&whole[..whole.len() - 1]), None, "a torn end");
        assert_eq!(last_line(&whole[whole.len() - 10..]), None, "it begins before the bytes");
        assert_eq!(last_line(&[]), None);
    }
}
