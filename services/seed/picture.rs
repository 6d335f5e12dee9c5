//! Pictures: a still life of a few shapes in the colours of the goods, as small PNG files.

use super::{
    dice::{Dice, Kind},
    plan::Plan,
};

/// Pixels each way.
const SIDE: usize = 240;
/// How many shapes at the most; each has a colour of its own, after background and table.
const SHAPES: u64 = 5;

/// An article's picture, a PNG with a palette.
pub fn png(plan: &Plan, index: u64) -> Result<Vec<u8>, png::EncodingError> {
    let mut dice = Dice::of(plan.seed, Kind::Picture, index);
    let [back, main] = plan.colours(index);
    let mut palette = back.to_vec();
    palette.extend(mixed(back, main, 70));
    let mut pixels = vec![0u8; SIDE * SIDE];
    let table = SIDE * 3 / 4;
    pixels[table * SIDE..].fill(1);
    for shape in 0..dice.between(2, SHAPES) {
        palette.extend(mixed(main, back, dice.between(0, 55)));
        draw(&mut pixels, &mut dice, table, shape as u8 + 2);
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE as u32, SIDE as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file)
}

/// `percent` of the second colour in the first.
fn mixed(one: [u8; 3], other: [u8; 3], percent: u64) -> [u8; 3] {
    let mix = |one: u8, other: u8| (u64::from(one) * (100 - percent) + u64::from(other) * percent) / 100;
    [0, 1, 2].map(|channel| mix(one[channel], other[channel]) as u8)
}

/// One thing that stands on the table: a ball, a box, a bottle or a cone.
fn draw(pixels: &mut [u8], dice: &mut Dice, table: usize, colour: u8) {
    let (width, height) = (dice.between(30, 90) as i64, dice.between(40, 140) as i64);
    let foot = table as i64 + dice.between(0, 30) as i64;
    let middle = dice.between(50, SIDE as u64 - 50) as i64;
    let form = dice.below(4);
    for y in (foot - height).max(0)..foot.min(SIDE as i64) {
        // How far up, in thousandths; how wide there, as half the width.
        let up = (foot - y) * 1_000 / height;
        let half = match form {
            0 => {
                let off = up - 500;
                width * (250_000 - off * off).max(0).isqrt() / 1_000
            }
            1 => width / 2,
            2 if up > 650 => width / 6,
            2 => width / 2,
            _ => width * (1_000 - up) / 2_000,
        };
        for x in (middle - half).max(0)..(middle + half).min(SIDE as i64) {
            pixels[y as usize * SIDE + x as usize] = colour;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_small_real_and_always_the_same() {
        let currency = "EUR".parse().unwrap();
        let plan = Plan { seed: 42, articles: 100, users: 1, orders: 0, baskets: 0, pictures: 100, currency };
        let mut all = std::collections::HashSet::new();
        for index in 0..100 {
            let file = png(&plan, index).unwrap();
            assert!(file.len() < 4_000, "{}", file.len());
            assert_eq!(file, png(&plan, index).unwrap());
            let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            assert_eq!(reader.next_frame(&mut pixels).unwrap().width, SIDE as u32);
            all.insert(file);
        }
        assert_eq!(all.len(), 100);
    }
}
