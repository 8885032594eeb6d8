//! The smallest encoder of PNG there is: grey pixels, stored and not deflated.

/// Returns an image of grey squares.
pub(super) fn squares(width: u32, height: u32) -> Vec<u8> {
    let mut pixels = Vec::new();
    for y in 0..height {
        pixels.push(0); // This line is not filtered.
        pixels.extend((0..width).map(|x| if (x / 16 + y / 16) % 2 == 0 { 0x20 } else { 0xE0 }));
    }
    // 8 bits, grey, deflate, filtered, not interlaced.
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(*b"IHDR", &header),
        chunk(*b"IDAT", &stored(&pixels)),
        chunk(*b"IEND", &[]),
    ]
    .concat()
}

fn chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    let checked = [&kind, content].concat();
    let crc = crc32fast::hash(&checked);
    [&length.to_be_bytes()[..], &checked, &crc.to_be_bytes()].concat()
}

/// Returns a zlib stream of blocks that are stored as they are.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = content.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap();
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(content).to_be_bytes());
    stream
}

fn adler32(content: &[u8]) -> u32 {
    let (low, high) = content.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}
