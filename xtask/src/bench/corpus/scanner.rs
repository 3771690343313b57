//! Pixels of made-up slices: bodies of ellipses, a smooth texture, and noise that is shared by
//! neighbours as a reconstruction leaves it. What is drawn and the noise go through the same
//! narrow blur, so edges are as soft as the noise is coarse.

use super::dicom::Modality;
use crate::bench::random::Random;

/// Distance of the points between which the texture is interpolated, in pixels.
const GRID: usize = 16;
/// The parts of the blur, of 16 in all.
const CORNER: i32 = 1;
const EDGE: i32 = 2;
const CENTRE: i32 = 4;

/// One body that is scanned. All lengths are thousandths of half the image's side.
#[derive(Clone, Debug)]
pub struct Body {
    modality: Modality,
    /// Names the noise, which differs between bodies and slices.
    seed: String,
    slices: u64,
    width: i64,
    height: i64,
    lesion: (i64, i64),
}

impl Body {
    /// A body of which there will be so many slices.
    pub fn new(modality: Modality, seed: String, slices: u64, random: &mut Random) -> Self {
        let mut length = |least, most| i64::try_from(random.within(least..=most)).unwrap_or(0);
        Self {
            modality,
            seed,
            slices,
            width: length(640, 840),
            height: length(480, 620),
            lesion: (length(0, 700) - 350, length(0, 440) - 220),
        }
    }

    /// The pixels of a slice: rows from top to bottom, 16 bits each, little-endian.
    pub fn pixels(&self, slice: u64) -> Vec<u8> {
        let side = usize::from(self.modality.side());
        let mut random = Random::of(&format!("{}/{slice}", self.seed));
        let mut field = vec![self.air(); side * side];
        for ellipse in self.ellipses(slice) {
            ellipse.draw(&mut field, side);
        }
        texture(&mut field, side, &mut random);
        noise(&mut field, side, self.noise_shift(), &mut random);
        self.finish(&field, side)
    }

    /// How many slices there are.
    pub fn slices(&self) -> u64 {
        self.slices
    }

    fn air(&self) -> i32 {
        match self.modality {
            Modality::Ct => 24,
            Modality::Mr => 60,
        }
    }

    fn noise_shift(&self) -> u32 {
        match self.modality {
            Modality::Ct => 2,
            Modality::Mr => 3,
        }
    }

    /// What is drawn, the outermost first. Values of CT are Hounsfield units plus 1024.
    fn ellipses(&self, slice: u64) -> Vec<Ellipse> {
        let along = i64::try_from(slice * 1000 / self.slices.max(1)).unwrap_or(0);
        let swell = wave(along, 700) / 12;
        let (width, height) = (self.width + swell, self.height + swell / 2);
        let chest = wave(along + 250, 1100);
        let mut drawn = vec![
            self.ellipse((0, 0), (width, height), [930, 420]),
            self.ellipse((0, 0), (width - 60, height - 60), [1075, 700]),
        ];
        if chest > 300 {
            let lung = (width * chest / 3200, height * chest / 1700);
            drawn.push(self.ellipse((-width * 45 / 100, -40), lung, [180, 110]));
            drawn.push(self.ellipse((width * 45 / 100, -40), lung, [185, 115]));
            drawn.push(self.ellipse((60, 30), (180, 150), [1065, 820]));
        } else {
            drawn.push(self.ellipse((-230, -90), (290, 200 + wave(along, 300) / 16), [1120, 900]));
            drawn.push(self.ellipse((300, -50), (130, 110), [1100, 980]));
        }
        drawn.push(self.ellipse((wave(along, 90) / 40, 330), (105, 88), [1460, 540]));
        drawn.push(self.ellipse((0, 385), (36, 30), [1060, 1250]));
        let size = 14 + wave(along, 240) / 24;
        drawn.push(self.ellipse(self.lesion, (size, size), [1135, 1120]));
        drawn
    }

    fn ellipse(&self, centre: (i64, i64), radii: (i64, i64), [ct, mr]: [i32; 2]) -> Ellipse {
        let value = match self.modality {
            Modality::Ct => ct,
            Modality::Mr => mr,
        };
        Ellipse {
            centre,
            radii,
            value,
        }
    }

    /// Blur, keep within the bits stored, and for CT leave the outside of the measured circle empty.
    fn finish(&self, field: &[i32], side: usize) -> Vec<u8> {
        let most = match self.modality {
            Modality::Ct => 4095,
            Modality::Mr => 65_535,
        };
        let mut bytes = Vec::with_capacity(side * side * 2);
        for row in 0..side {
            let measured = match self.modality {
                Modality::Ct => circle(row, side),
                Modality::Mr => 0..side,
            };
            let rows = [row.saturating_sub(1), row, (row + 1).min(side - 1)];
            let [above, here, below] = rows.map(|row| &field[row * side..(row + 1) * side]);
            for column in 0..side {
                let value = match measured.contains(&column) {
                    true => blurred([above, here, below], column).clamp(0, most),
                    false => 0,
                };
                bytes.extend_from_slice(&u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes());
            }
        }
        bytes
    }
}

fn blurred(rows: [&[i32]; 3], column: usize) -> i32 {
    let left = column.saturating_sub(1);
    let right = (column + 1).min(rows[1].len() - 1);
    let outer = |row: &[i32]| CORNER * (row[left] + row[right]) + EDGE * row[column];
    let middle = EDGE * (rows[1][left] + rows[1][right]) + CENTRE * rows[1][column];
    (outer(rows[0]) + outer(rows[2]) + middle) / 16
}

/// The columns of a row that lie in the circle that a scanner measures.
fn circle(row: usize, side: usize) -> std::ops::Range<usize> {
    let half = side / 2;
    let off = row.abs_diff(half);
    let reach = (half * half - off.min(half) * off.min(half)).isqrt();
    half - reach..half + reach
}

/// A line that goes up and down between 0 and 1000, with this period.
fn wave(at: i64, period: i64) -> i64 {
    let inside = at.rem_euclid(period) * 2000 / period;
    1000 - (inside - 1000).abs()
}

struct Ellipse {
    centre: (i64, i64),
    radii: (i64, i64),
    value: i32,
}

impl Ellipse {
    fn draw(&self, field: &mut [i32], side: usize) {
        let half = i64::try_from(side / 2).unwrap_or(0);
        let scaled = |thousandths: i64| half * thousandths / 1000;
        let (x, y) = (half + scaled(self.centre.0), half + scaled(self.centre.1));
        let (width, height) = (scaled(self.radii.0), scaled(self.radii.1));
        if width < 1 || height < 1 {
            return;
        }
        for off in -height..=height {
            let rest = (height * height - off * off).isqrt();
            let reach = width * rest / height;
            let (row, from, to) = (y + off, x - reach, x + reach);
            let inside = |at: i64| usize::try_from(at.clamp(0, half * 2)).unwrap_or(0);
            if (0..half * 2).contains(&row) {
                let start = inside(row) * side;
                field[start + inside(from)..start + inside(to)].fill(self.value);
            }
        }
    }
}

/// Adds up to 12 either way, changing slowly from place to place.
fn texture(field: &mut [i32], side: usize, random: &mut Random) {
    let points = side / GRID + 1;
    let heights: Vec<i32> = random
        .bytes(points * points)
        .into_iter()
        .map(|byte| i32::from(byte) * 25 / 256 - 12)
        .collect();
    let grid = i32::try_from(GRID).unwrap_or(1);
    for row in 0..side {
        let (point_row, down) = (row / GRID, i32::try_from(row % GRID).unwrap_or(0));
        let lines: Vec<i32> = (0..points)
            .map(|point| {
                let upper = heights[point_row * points + point];
                let lower = heights[(point_row + 1) * points + point];
                upper * (grid - down) + lower * down
            })
            .collect();
        for column in 0..side {
            let (point, right) = (column / GRID, i32::try_from(column % GRID).unwrap_or(0));
            let sum = lines[point] * (grid - right) + lines[point + 1] * right;
            field[row * side + column] += sum / (grid * grid);
        }
    }
}

/// Adds the sum of two even draws, which is near enough to what a detector does.
fn noise(field: &mut [i32], side: usize, shift: u32, random: &mut Random) {
    let mut drawn = vec![0; side * 2];
    for row in field.chunks_exact_mut(side) {
        random.fill(&mut drawn);
        for (value, pair) in row.iter_mut().zip(drawn.chunks_exact(2)) {
            *value += (i32::from(pair[0]) + i32::from(pair[1]) - 255) >> shift;
        }
    }
}
