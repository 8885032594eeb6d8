//! Whether an image file has pixels after its header. They are not decoded: the parts that a format
//! has to have for a picture are there, with content, and not cut off.

/// Returns whether a file of a bitmap format has the parts that hold its pixels.
pub(super) fn has_pixels(format: &str, bytes: &[u8]) -> bool {
    match format {
        "png" => png(bytes),
        "gif" => gif(bytes).unwrap_or(false),
        "jpeg" => jpeg(bytes),
        "webp" => webp(bytes),
        "avif" | "heic" => heif(bytes),
        _ => true,
    }
}

/// Returns a slice of the length that a number at its beginning states, and what comes after it.
fn cut(bytes: &[u8], length: u64) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(usize::try_from(length).ok()?)
}

fn big_endian(bytes: &[u8]) -> Option<u64> {
    let four: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(u64::from(u32::from_be_bytes(four)))
}

/// A PNG is a signature and chunks: length, name, content, checksum. `IEND` is the last one.
fn png(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(8..).unwrap_or_default();
    let mut has_data = false;
    while let Some((head, after)) = rest.split_at_checked(8) {
        let length = big_endian(head).unwrap_or(u64::MAX);
        match &head[4..] {
            b"IEND" => return has_data,
            b"IDAT" => has_data |= length > 0,
            _ => {}
        }
        let Some((_, after)) = cut(after, length.saturating_add(4)) else { return false };
        rest = after;
    }
    false
}

/// A GIF is a header, a table of colours, and blocks: 0x21 extends, 0x2c is a picture.
fn gif(bytes: &[u8]) -> Option<bool> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let (_, mut rest) = cut(bytes, 13 + table(*bytes.get(10)?))?;
    loop {
        match rest.first()? {
            0x21 => rest = after_blocks(rest.get(2..)?)?.1,
            0x2c => {
                let colours = table(*rest.get(9)?);
                let (_, data) = cut(rest.get(11..)?, colours)?;
                return Some(after_blocks(data)?.0 > 0);
            }
            _ => return Some(false),
        }
    }
}

/// Passes blocks that begin with their length, up to an empty one. Returns their bytes, and the rest.
fn after_blocks(mut rest: &[u8]) -> Option<(usize, &[u8])> {
    let mut bytes = 0;
    loop {
        let (length, after) = rest.split_first()?;
        if *length == 0 {
            return Some((bytes, after));
        }
        bytes += usize::from(*length);
        rest = after.get(usize::from(*length)..)?;
    }
}

/// A JPEG has its pixels between the marker of a scan and that of its end. Cameras add more after it.
fn jpeg(bytes: &[u8]) -> bool {
    let find = |marker: u8, from: &[u8]| from.windows(2).position(|two| two == [0xff, marker]);
    let scan = find(0xda, bytes).map(|at| &bytes[at + 2..]);
    // The scan has a header of its own, with its length first.
    let data = scan.and_then(|scan| {
        let length = usize::from(*scan.first()?) * 256 + usize::from(*scan.get(1)?);
        scan.get(length..)
    });
    data.and_then(|data| find(0xd9, data)).is_some_and(|end| end > 0)
}

/// A WebP is chunks in a RIFF container: name, length, content, and a byte if the length is odd.
fn webp(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((head, after)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let Some((_, after)) = cut(after, u64::from(length)) else { return false };
        if matches!(&head[..4], b"VP8 " | b"VP8L" | b"ANMF") {
            return length > 0;
        }
        rest = after.get(usize::from(length % 2 == 1)..).unwrap_or_default();
    }
    false
}

/// A HEIF file is boxes: length, name, content. A length of 1 has 8 more bytes, and 0 is the rest.
fn heif(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((head, after)) = rest.split_at_checked(8) {
        let length = match big_endian(head) {
            Some(0) => rest.len() as u64,
            Some(1) => match after.get(4..).and_then(big_endian) {
                Some(low) if big_endian(after) == Some(0) => low,
                _ => return false,
            },
            length => length.unwrap_or(0),
        };
        let Some((this, after)) = cut(rest, length.max(8)) else { return false };
        if &head[4..] == b"mdat" {
            return this.len() > 8;
        }
        // A picture of a few bytes may lie with its description.
        if &head[4..] == b"meta" && this.windows(4).any(|four| four == b"idat") {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::testing::{GIF, HEADERS, IMAGES, JPEG, PNG, WEBP};
    use super::*;

    const FORMATS: [&str; 4] = ["png", "gif", "jpeg", "webp"];

    #[test]
    fn a_header_alone_has_no_pixels() {
        for (format, header) in FORMATS.iter().zip(HEADERS) {
            assert!(!has_pixels(format, header), "{format}");
        }
        for (format, image) in FORMATS.iter().zip(IMAGES) {
            assert!(has_pixels(format, image), "{format}");
        }
        let boxes = [&b"\0\0\0\x0cftypavif"[..], b"\0\0\0\x09mdatx"].concat();
        assert!(has_pixels("avif", &boxes) && !has_pixels("avif", &boxes[..20]));
        assert!(!has_pixels("heic", &boxes[..12]));
    }

    /// Goal: no cut or changed file makes the walk panic or go on for ever.
    #[test]
    fn a_damaged_image_is_an_answer() {
        for (format, whole) in FORMATS.iter().zip([PNG, GIF, JPEG, WEBP]) {
            for end in 0..whole.len() {
                let _cut = has_pixels(format, &whole[..end]);
                for byte in [0, 1, 0x7f, 0xff] {
                    let mut changed = whole.to_vec();
                    changed[end] = byte;
                    for one in FORMATS.iter().chain(&["avif"]) {
                        let _changed = has_pixels(one, &changed);
                    }
                }
            }
        }
    }
}
