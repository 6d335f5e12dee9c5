//! What an image is: its kind and its size in pixels, told by its bytes, and whether it is whole.
//!
//! Nothing is decoded: each kind's parts are walked from the first to the last, so that what was cut off is
//! noticed, in no more memory than the image itself.

mod strip;

pub use strip::strip;

/// The most pixels along a side.
pub const LONGEST_SIDE: u32 = 8_000;
/// The most pixels in all: browsers decode them at four bytes each.
pub const MOST_PIXELS: u64 = 40_000_000;

/// What browsers show, and cannot be a program (as SVG can).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Png,
    Jpeg,
    Gif,
    WebP,
}

impl Kind {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Kind::Png => "image/png",
            Kind::Jpeg => "image/jpeg",
            Kind::Gif => "image/gif",
            Kind::WebP => "image/webp",
        }
    }

    /// What these bytes begin as.
    pub fn of(data: &[u8]) -> Option<Self> {
        match data {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Kind::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Kind::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Kind::WebP),
            _ => None,
        }
    }
}

/// Bytes that are no image that an article can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadImage {
    #[error("must be a PNG, JPEG, GIF or WebP image")]
    Unknown,
    #[error("is a broken image: a part of it is missing")]
    Broken,
    #[error("has {0} × {1} pixels: at most {LONGEST_SIDE} a side and {MOST_PIXELS} in all are taken")]
    TooManyPixels(u32, u32),
    #[error("has {0} bytes: at most {1} are taken")]
    TooLarge(usize, usize),
}

/// An image that an article can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    pub kind: Kind,
    pub width: u32,
    pub height: u32,
}

/// Reads an image of at most so many bytes.
pub fn read(data: &[u8], most: usize) -> Result<Picture, BadImage> {
    if data.len() > most {
        return Err(BadImage::TooLarge(data.len(), most));
    }
    let kind = Kind::of(data).ok_or(BadImage::Unknown)?;
    let size = match kind {
        Kind::Png => png(data),
        Kind::Jpeg => jpeg(data),
        Kind::Gif => gif(data),
        Kind::WebP => webp(data),
    };
    let (width, height) = size.filter(|(width, height)| *width > 0 && *height > 0).ok_or(BadImage::Broken)?;
    if width.max(height) > LONGEST_SIDE || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(BadImage::TooManyPixels(width, height));
    }
    Ok(Picture { kind, width, height })
}

/// Bytes that are taken from the front; every reader of something that is not there gives `None`.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, the lesser first.
    fn le16(&mut self) -> Option<u32> {
        self.array().map(|bytes| u16::from_le_bytes(bytes).into())
    }
}

/// PNG (ISO/IEC 15948): chunks of length, type, data and checksum, from IHDR over IDAT to IEND.
fn png(data: &[u8]) -> Option<(u32, u32)> {
    let mut bytes = Bytes(data.get(8..)?);
    let (mut size, mut pixels) = (None, false);
    loop {
        let length = u32::from_be_bytes(bytes.array()?);
        let kind: [u8; 4] = bytes.array()?;
        let mut chunk = Bytes(bytes.take(usize::try_from(length).ok()?)?);
        bytes.take(4)?;
        match (&kind, size) {
            (b"IHDR", None) => {
                size = Some((u32::from_be_bytes(chunk.array()?), u32::from_be_bytes(chunk.array()?)));
            }
            (_, None) => return None,
            (b"IDAT", _) => pixels = true,
            (b"IEND", size) if pixels => return size,
            (b"IEND", _) => return None,
            _ => {}
        }
    }
}

/// JPEG (ITU-T T.81): segments behind markers, the scans' coded data between, up to the end marker.
fn jpeg(data: &[u8]) -> Option<(u32, u32)> {
    let mut bytes = Bytes(data.get(2..)?);
    let mut size = None;
    let mut scanned = false;
    loop {
        if bytes.byte()? != 0xff {
            return None;
        }
        let mut marker = bytes.byte()?;
        while marker == 0xff {
            marker = bytes.byte()?;
        }
        match marker {
            0xd9 => return size.filter(|_| scanned),
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(bytes.array()?));
        let mut segment = Bytes(bytes.take(length.checked_sub(2)?)?);
        match marker {
            // Start of frame, of whichever coding; DHT, JPG and DAC lie between.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                segment.byte()?;
                let height = u16::from_be_bytes(segment.array()?);
                size = Some((u16::from_be_bytes(segment.array()?).into(), height.into()));
            }
            0xda => {
                scanned = true;
                skip_scan(&mut bytes)?;
            }
            _ => {}
        }
    }
}

/// Skips coded data: up to a marker that is neither a stuffed zero nor a restart.
fn skip_scan(bytes: &mut Bytes<'_>) -> Option<()> {
    let marker = bytes.0.windows(2).position(|pair| {
        let [first, second] = pair else { return false };
        *first == 0xff && !matches!(second, 0x00 | 0xd0..=0xd7 | 0xff)
    });
    bytes.take(marker?).map(|_| ())
}

/// GIF (89a): blocks of sub-blocks up to the trailer.
fn gif(data: &[u8]) -> Option<(u32, u32)> {
    let mut bytes = Bytes(data.get(6..)?);
    let mut size = (bytes.le16()?, bytes.le16()?);
    let [flags, _, _] = bytes.array()?;
    skip_colours(&mut bytes, flags)?;
    let mut pixels = false;
    loop {
        match bytes.byte()? {
            0x21 => {
                bytes.byte()?;
                skip_sub_blocks(&mut bytes)?;
            }
            0x2c => {
                let (left, top) = (bytes.le16()?, bytes.le16()?);
                // Browsers make room for a frame that does not fit in.
                size = (size.0.max(left + bytes.le16()?), size.1.max(top + bytes.le16()?));
                let flags = bytes.byte()?;
                skip_colours(&mut bytes, flags)?;
                bytes.byte()?;
                skip_sub_blocks(&mut bytes)?;
                pixels = true;
            }
            0x3b if pixels => return Some(size),
            _ => return None,
        }
    }
}

fn skip_colours(bytes: &mut Bytes<'_>, flags: u8) -> Option<()> {
    let colours = if flags & 0x80 == 0 { 0 } else { 2 << (flags & 7) };
    bytes.take(3 * colours).map(|_| ())
}

fn skip_sub_blocks(bytes: &mut Bytes<'_>) -> Option<()> {
    loop {
        match bytes.byte()? {
            0 => return Some(()),
            length => bytes.take(length.into())?,
        };
    }
}

/// WebP (RFC 9649): a RIFF file of chunks, the first of which says how large the picture is.
fn webp(data: &[u8]) -> Option<(u32, u32)> {
    let mut bytes = Bytes(data.get(4..)?);
    let length = usize::try_from(u32::from_le_bytes(bytes.array()?)).ok()?;
    let mut chunks = Bytes(bytes.take(length)?.get(4..)?);
    let (mut size, mut pixels) = (None, false);
    while !chunks.0.is_empty() {
        let kind: [u8; 4] = chunks.array()?;
        let length = usize::try_from(u32::from_le_bytes(chunks.array()?)).ok()?;
        let mut chunk = Bytes(chunks.take(length)?);
        chunks.take(length % 2)?;
        let told = match &kind {
            b"VP8 " => {
                let [_, _, _, 0x9d, 0x01, 0x2a] = chunk.array()? else { return None };
                let (width, height) =
                    (u16::from_le_bytes(chunk.array()?), u16::from_le_bytes(chunk.array()?));
                Some((u32::from(width) & 0x3fff, u32::from(height) & 0x3fff))
            }
            b"VP8L" => {
                if chunk.byte()? != 0x2f {
                    return None;
                }
                let bits = u32::from_le_bytes(chunk.array()?);
                Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
            }
            b"VP8X" => {
                chunk.take(4)?;
                let ([a, b, c], [d, e, f]) = (chunk.array()?, chunk.array()?);
                Some((u32::from_le_bytes([a, b, c, 0]) + 1, u32::from_le_bytes([d, e, f, 0]) + 1))
            }
            _ => None,
        };
        pixels |= matches!(&kind, b"VP8 " | b"VP8L" | b"ANMF");
        size = size.or(told);
    }
    size.filter(|_| pixels)
}

#[cfg(test)]
mod tests;
