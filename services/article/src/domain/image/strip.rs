//! Images without what they tell beside the picture: where and when it was taken, by whom and with what, remarks,
//! previews of what was cut away, and whatever follows the end.
//!
//! Nothing is decoded, so nothing is lost of the picture. Of each kind those parts are kept that say how it looks,
//! colour profiles among them; what is not known is left out. Of EXIF the orientation alone is kept.

use super::{Bytes, Kind, skip_colours, skip_scan, skip_sub_blocks};

/// The same picture without the rest. `None` where it is broken.
pub fn strip(kind: Kind, data: &[u8]) -> Option<Vec<u8>> {
    match kind {
        Kind::Png => png(data),
        Kind::Jpeg => jpeg(data),
        Kind::Gif => gif(data),
        Kind::WebP => webp(data),
    }
}

/// Chunks of PNG that say how the picture looks (W3C PNG, third edition), those of animation included.
const PNG_KEPT: [&[u8; 4]; 18] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP",
    b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
];

fn png(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = data.get(..8)?.to_vec();
    let mut bytes = Bytes(data.get(8..)?);
    loop {
        let whole = bytes.0;
        let length = usize::try_from(u32::from_be_bytes(bytes.array()?)).ok()?;
        let kind: [u8; 4] = bytes.array()?;
        let content = bytes.take(length)?;
        bytes.take(4)?;
        if PNG_KEPT.contains(&&kind) {
            out.extend(whole.get(..length + 12)?);
        } else if &kind == b"eXIf"
            && let Some(exif) = orientation(content).map(exif_of)
        {
            out.extend(u32::try_from(exif.len()).ok()?.to_be_bytes());
            let checked = [&kind[..], &exif].concat();
            out.extend(&checked);
            out.extend(crc32fast::hash(&checked).to_be_bytes());
        }
        if &kind == b"IEND" {
            return Some(out);
        }
    }
}

/// How the segments of EXIF and of colour profiles begin (CIPA DC-008; ICC.1, annex B.4).
const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";

fn jpeg(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = data.get(..2)?.to_vec();
    let mut bytes = Bytes(data.get(2..)?);
    loop {
        if bytes.byte()? != 0xff {
            return None;
        }
        let mut marker = bytes.byte()?;
        while marker == 0xff {
            marker = bytes.byte()?;
        }
        if matches!(marker, 0x01 | 0xd0..=0xd7 | 0xd9) {
            out.extend([0xff, marker]);
            if marker == 0xd9 {
                return Some(out);
            }
            continue;
        }
        let length = usize::from(u16::from_be_bytes(bytes.array()?)).checked_sub(2)?;
        let content = bytes.take(length)?;
        let kept = match marker {
            // The density, without a preview.
            0xe0 if content.starts_with(b"JFIF\0") => {
                Some([content.get(..12).unwrap_or(content), &[0, 0]].concat())
            }
            0xe1 if content.starts_with(EXIF) => {
                let turned = orientation(content.get(EXIF.len()..)?);
                turned.map(|turned| [EXIF, &exif_of(turned)].concat())
            }
            0xe2 if content.starts_with(ICC) => Some(content.to_vec()),
            // Which colours there are (Adobe's technical note 5116).
            0xee if content.starts_with(b"Adobe") => Some(content.get(..12).unwrap_or(content).to_vec()),
            // Remarks, and segments that only applications know.
            0xe0..=0xef | 0xfe => None,
            _ => Some(content.to_vec()),
        };
        if let Some(kept) = kept {
            out.extend([0xff, marker]);
            out.extend(u16::try_from(kept.len() + 2).ok()?.to_be_bytes());
            out.extend(kept);
        }
        if marker == 0xda {
            let coded = bytes.0;
            skip_scan(&mut bytes)?;
            out.extend(coded.get(..coded.len() - bytes.0.len())?);
        }
    }
}

/// Extensions of GIF that browsers play: repeats of an animation, and colour profiles.
const GIF_KEPT: [&[u8; 11]; 3] = [b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"];

fn gif(data: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Bytes(data.get(6..)?);
    bytes.take(4)?;
    let [flags, _, _] = bytes.array()?;
    skip_colours(&mut bytes, flags)?;
    let mut out = data.get(..data.len() - bytes.0.len())?.to_vec();
    loop {
        let whole = bytes.0;
        let kept = match bytes.byte()? {
            0x21 => {
                let label = bytes.byte()?;
                let application = bytes.0.get(1..12);
                skip_sub_blocks(&mut bytes)?;
                // How long a frame is shown, and what of the above.
                label == 0xf9
                    || (label == 0xff
                        && GIF_KEPT.iter().any(|known| application.is_some_and(|name| name == &known[..])))
            }
            0x2c => {
                bytes.take(8)?;
                let flags = bytes.byte()?;
                skip_colours(&mut bytes, flags)?;
                bytes.byte()?;
                skip_sub_blocks(&mut bytes)?;
                true
            }
            0x3b => {
                out.push(0x3b);
                return Some(out);
            }
            _ => return None,
        };
        if kept {
            out.extend(whole.get(..whole.len() - bytes.0.len())?);
        }
    }
}

/// Bits of a WebP's first chunk: there is EXIF, there is XMP (RFC 9649, 2.7.1).
const WEBP_EXIF: u8 = 0b1000;
const WEBP_XMP: u8 = 0b100;

fn webp(data: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Bytes(data.get(4..)?);
    let length = usize::try_from(u32::from_le_bytes(bytes.array()?)).ok()?;
    let mut chunks = Bytes(bytes.take(length)?.get(4..)?);
    let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
    let mut flags_at = None;
    let mut turned = None;
    while !chunks.0.is_empty() {
        let (kind, content) = riff_chunk(&mut chunks)?;
        match &kind {
            b"VP8X" => {
                flags_at = Some(out.len() + 8);
                add_riff_chunk(&mut out, kind, content)?;
            }
            b"VP8 " | b"VP8L" | b"ALPH" | b"ICCP" | b"ANIM" => add_riff_chunk(&mut out, kind, content)?,
            b"ANMF" => add_riff_chunk(&mut out, kind, &frame(content)?)?,
            b"EXIF" => turned = orientation(content.strip_prefix(EXIF).unwrap_or(content)),
            _ => {}
        }
    }
    if let Some(flags) = flags_at.and_then(|at| out.get_mut(at)) {
        *flags &= !(WEBP_EXIF | WEBP_XMP);
        if turned.is_some() {
            *flags |= WEBP_EXIF;
        }
    }
    // Without the first chunk's bit nobody looks for it.
    if let Some(turned) = turned.filter(|_| flags_at.is_some()) {
        add_riff_chunk(&mut out, *b"EXIF", &exif_of(turned))?;
    }
    let length = u32::try_from(out.len() - 8).ok()?.to_le_bytes();
    out.get_mut(4..8)?.copy_from_slice(&length);
    Some(out)
}

/// A frame of an animation: where it stands, and the chunks of its picture.
fn frame(content: &[u8]) -> Option<Vec<u8>> {
    let mut chunks = Bytes(content);
    let mut out = chunks.take(16)?.to_vec();
    while !chunks.0.is_empty() {
        let (kind, content) = riff_chunk(&mut chunks)?;
        if matches!(&kind, b"VP8 " | b"VP8L" | b"ALPH") {
            add_riff_chunk(&mut out, kind, content)?;
        }
    }
    Some(out)
}

fn riff_chunk<'a>(chunks: &mut Bytes<'a>) -> Option<([u8; 4], &'a [u8])> {
    let kind = chunks.array()?;
    let length = usize::try_from(u32::from_le_bytes(chunks.array()?)).ok()?;
    let content = chunks.take(length)?;
    // Some writers leave out the last one's.
    if length % 2 == 1 && !chunks.0.is_empty() {
        chunks.take(1)?;
    }
    Some((kind, content))
}

fn add_riff_chunk(out: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) -> Option<()> {
    out.extend(kind);
    out.extend(u32::try_from(content.len()).ok()?.to_le_bytes());
    out.extend(content);
    if content.len() % 2 == 1 {
        out.push(0);
    }
    Some(())
}

/// The tag of the orientation, and its type (TIFF 6.0).
const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// How EXIF says that the picture is to be turned; `None` where it is upright, or nobody can tell.
fn orientation(exif: &[u8]) -> Option<u8> {
    let little = match exif.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes: [u8; 2] = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long: [u8; 4] = exif.get(4..8)?.try_into().ok()?;
    let first = if little { u32::from_le_bytes(long) } else { u32::from_be_bytes(long) };
    let first = usize::try_from(first).ok()?;
    for entry in 0..usize::from(short(first)?) {
        let at = first.checked_add(2)?.checked_add(entry * 12)?;
        if short(at)? == ORIENTATION {
            let value = short(at.checked_add(8)?)?;
            let is_short = short(at.checked_add(2)?)? == SHORT;
            return u8::try_from(value).ok().filter(|value| is_short && (2..=8).contains(value));
        }
    }
    None
}

/// EXIF that says this and nothing else.
fn exif_of(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01".to_vec();
    exif.extend(ORIENTATION.to_be_bytes());
    exif.extend(SHORT.to_be_bytes());
    exif.extend([0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
    exif
}
