//! What is recognised as an image, and what is removed from it.

use proptest::prelude::*;

use super::*;

/// Images of 3 × 2 pixels, one of every kind and coding.
const IMAGES: [(Kind, &[u8]); 8] = [
    (Kind::Png, include_bytes!("plain.png")),
    (Kind::Jpeg, include_bytes!("baseline.jpg")),
    (Kind::Jpeg, include_bytes!("progressive.jpg")),
    (Kind::Gif, include_bytes!("two_frames.gif")),
    (Kind::WebP, include_bytes!("lossy.webp")),
    (Kind::WebP, include_bytes!("lossless.webp")),
    (Kind::WebP, include_bytes!("extended.webp")),
    (Kind::WebP, include_bytes!("animated.webp")),
];

const MOST: usize = 1_000_000;

/// The PNG with another size written into it.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut data = IMAGES[0].1.to_vec();
    data[16..20].copy_from_slice(&width.to_be_bytes());
    data[20..24].copy_from_slice(&height.to_be_bytes());
    data
}

#[test]
fn every_kind_is_known_by_its_bytes() {
    for (kind, data) in IMAGES {
        assert_eq!(read(data, MOST), Ok(Picture { kind, width: 3, height: 2 }), "{kind:?}");
    }
}

#[test]
fn an_image_that_is_cut_off_anywhere_is_none() {
    for (kind, data) in IMAGES {
        for length in 0..data.len() {
            let problem = read(&data[..length], MOST).expect_err("it is not whole");
            assert!(matches!(problem, BadImage::Broken | BadImage::Unknown), "{kind:?} {length}: {problem}");
        }
    }
}

#[test]
fn what_follows_a_whole_image_does_no_harm() {
    for (kind, data) in IMAGES {
        assert!(read(&[data, b"\0\0trailer"].concat(), MOST).is_ok(), "{kind:?}");
    }
}

#[test]
fn other_files_are_no_images() {
    for data in [
        &b""[..],
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>",
        b"%PDF-1.7",
        b"BM\0\0",
        b"RIFF\x04\0\0\0WAVE",
        b"\0\0\0\x1cftypavif",
    ] {
        assert_eq!(read(data, MOST), Err(BadImage::Unknown));
    }
}

#[test]
fn sizes_have_bounds() {
    assert_eq!(read(&png_of(0, 2), MOST), Err(BadImage::Broken));
    for (width, height, fits) in [
        (8_000, 5_000, true),
        (8_000, 5_001, false),
        (8_001, 1, false),
        (1, 8_001, false),
        (u32::MAX, 9, false),
    ] {
        let read = read(&png_of(width, height), MOST);
        assert_eq!(read.is_ok(), fits, "{width} × {height}: {read:?}");
    }
    // A frame of a GIF may be larger than the whole says to be.
    let mut gif = IMAGES[3].1.to_vec();
    let frame = gif.windows(9).position(|bytes| bytes == [0x2c, 0, 0, 0, 0, 3, 0, 2, 0]).unwrap();
    gif[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(read(&gif, MOST), Err(BadImage::TooManyPixels(65_535, 4_095)));
    let data = IMAGES[0].1;
    assert!(read(data, data.len()).is_ok());
    assert_eq!(read(data, data.len() - 1), Err(BadImage::TooLarge(data.len(), data.len() - 1)));
}

proptest! {
    #[test]
    fn whatever_comes_is_read_without_a_panic(
        which in 0usize..8,
        changes in prop::collection::vec((0usize..700, any::<u8>()), 0..20),
        length in 0usize..700,
    ) {
        let mut data = IMAGES[which].1.to_vec();
        for (place, byte) in changes {
            if let Some(there) = data.get_mut(place) {
                *there = byte;
            }
        }
        data.truncate(length);
        let _ = read(&data, MOST);
    }
}

/// The same kinds of images out of a camera: with position, names, remarks, a preview, a colour profile, turned by a
/// quarter, and something behind their end. Written by exiftool; what they tell has "Secret" in it.
const LOCATED: [(Kind, &[u8]); 4] = [
    (Kind::Jpeg, include_bytes!("located.jpg")),
    (Kind::Png, include_bytes!("located.png")),
    (Kind::WebP, include_bytes!("located.webp")),
    (Kind::Gif, include_bytes!("located.gif")),
];

fn holds(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}

#[test]
fn what_an_image_tells_beside_the_picture_is_left_out() {
    for (kind, data) in LOCATED {
        assert!(holds(data, b"Secret"), "{kind:?}");
        let stripped = strip(kind, data).unwrap();
        for revealing in [
            &b"Secret"[..],
            b"Photoshop",
            b"8BIM",
            b"http://ns.adobe.com",
            b"x:xmpmeta",
            b"XMP",
            b"2026:01:02 03",
            b"JFXX",
            b"tEXt",
            b"GPS",
        ] {
            assert!(!holds(&stripped, revealing), "{kind:?}: {}", String::from_utf8_lossy(revealing));
        }
        assert_eq!(read(&stripped, MOST), Ok(Picture { kind, width: 3, height: 2 }), "{kind:?}");
        assert_eq!(strip(kind, &stripped).unwrap(), stripped, "{kind:?}: once is enough");
        if kind != Kind::Gif {
            // The orientation 6, as the only thing that EXIF says.
            assert!(
                holds(&stripped, b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
                "{kind:?}"
            );
        }
    }
}

#[test]
fn the_picture_and_its_colours_stay_as_they_are() {
    // Pictures that tell nothing are left alone, but for a density that says how large a preview is.
    for (kind, data) in IMAGES {
        assert_eq!(strip(kind, data).unwrap(), data, "{kind:?}");
    }
    let scan = |data: &[u8]| {
        let start = data.windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap();
        let end = start + data[start..].windows(2).position(|marker| marker == [0xff, 0xd9]).unwrap();
        data[start..end].to_vec()
    };
    let (located, plain) = (strip(Kind::Jpeg, LOCATED[0].1).unwrap(), IMAGES[1].1);
    assert_eq!(scan(&located), scan(plain));
    assert!(holds(&located, b"ICC_PROFILE\0"));
    assert!(holds(&strip(Kind::Png, LOCATED[1].1).unwrap(), b"iCCP"));
    let webp = strip(Kind::WebP, LOCATED[2].1).unwrap();
    assert!(holds(&webp, b"ICCP") && holds(&webp, b"EXIF") && webp.len().is_multiple_of(2));
    // There are a profile and EXIF, and no XMP.
    assert_eq!(webp[20] & 0b0010_1100, 0b0010_1000);
}

#[test]
fn an_upright_picture_has_no_exif() {
    let mut data = LOCATED[0].1.to_vec();
    let place = data.windows(8).position(|tag| tag == b"\x01\x12\0\x03\0\0\0\x01").unwrap();
    assert_eq!(data[place + 9], 6);
    for none in [0, 1, 9] {
        data[place + 9] = none;
        assert!(!holds(&strip(Kind::Jpeg, &data).unwrap(), b"Exif"), "{none}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_stripped_without_a_panic(
        which in 0usize..4,
        changes in prop::collection::vec((0usize..5_500, any::<u8>()), 0..20),
        length in 0usize..5_500,
    ) {
        let (_, data) = LOCATED[which];
        let mut data = data.to_vec();
        for (place, byte) in changes {
            if let Some(there) = data.get_mut(place) {
                *there = byte;
            }
        }
        data.truncate(length);
        // What is read as an image can be stripped, and is one still.
        if let Ok(picture) = read(&data, MOST) {
            let stripped = strip(picture.kind, &data);
            if let Some(stripped) = stripped {
                prop_assert_eq!(read(&stripped, MOST).ok(), Some(picture));
            }
        }
    }
}
