//! Layers: what kind of file it is decides where it may be cut, and what its chunks look like.
//!
//! A layer never changes bytes, and nobody needs it to read them back: it is a choice of the
//! writer, though a change of it stores once more what it cuts otherwise. Where a layer knows nothing, content decides, as the [`Cutter`] says.

mod bgzf;
mod dicom;
mod nifti;
mod pixels;
mod sqlite;

use crate::cutter::{Cutter, Input};
use crate::layer::pixels::Pixels;
use crate::profile::Profile;
use crate::reads;
use crate::shape::Shape;

/// Pages of a database are changed in place: they are cut together up to this many bytes.
const PAGES_PIECE: usize = 16 << 10;

/// Beyond so many bytes no edge is looked for.
const EDGE_MAX: usize = 64 << 10;

/// With so many bytes at hand [`Layer::cut`] always knows.
pub const CUT_WINDOW: usize = Profile::LARGE.max() + EDGE_MAX;

/// Where one file is cut; goes along with it from chunk to chunk.
#[derive(Debug)]
pub struct Layer {
    profile: Profile,
    kind: Kind,
    /// Where in the file the next chunk begins.
    at: u64,
}

/// What a file is.
#[derive(Debug)]
enum Kind {
    /// Nothing that is known.
    Other,
    /// DICOM or NIfTI.
    Image(Pixels),
    /// FASTQ.
    Reads,
    /// BGZF.
    Blocks,
    /// SQLite, with pages of so many bytes.
    Pages(usize),
}

impl Kind {
    fn of(head: &[u8]) -> Self {
        if let Some(pixels) = dicom::find(head).or_else(|| nifti::find(head)) {
            Self::Image(pixels)
        } else if let Some(page) = sqlite::page(head) {
            Self::Pages(page)
        } else if bgzf::begins(head) {
            Self::Blocks
        } else if reads::begin(head) {
            Self::Reads
        } else {
            Self::Other
        }
    }
}

/// A chunk at the start of the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its bytes; at least one.
    pub length: usize,
    /// What they look like.
    pub shape: Shape,
}

impl Layer {
    /// The layer of a file of this name and size (`u64::MAX` where that is not known) that begins
    /// with `head`: the more of it the better, a MiB is plenty.
    pub fn of_file(name: &[u8], size: u64, head: &[u8]) -> Self {
        Self {
            profile: Profile::for_file(name, size, head),
            kind: Kind::of(head),
            at: 0,
        }
    }

    /// The layer of bytes in the middle of a file.
    pub fn of_part(name: &[u8], size: u64, head: &[u8]) -> Self {
        Self {
            profile: Profile::for_file(name, size, head),
            kind: Kind::Other,
            at: 0,
        }
    }

    /// The profile of the cutter that [`Layer::cut`] wants.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The chunk at the start of `data`, or `None` if more bytes are needed to know, or there are
    /// none left: as [`Cutter::cut`]. The next call is about the bytes behind it.
    pub fn cut(&mut self, cutter: &Cutter, data: &[u8], input: Input) -> Option<Cut> {
        let cut = match self.kind {
            Kind::Other => by_content(cutter, data, input),
            Kind::Image(pixels) => self.cut_image(pixels, cutter, data, input),
            Kind::Reads => at_edge(cutter, data, input, reads::first_record, Shape::Reads),
            Kind::Blocks => at_edge(cutter, data, input, bgzf::next_block, bgzf::shape(data)),
            Kind::Pages(page) => {
                let shape = Shape::Unknown;
                let length = whole(as_u64(page.max(PAGES_PIECE)), data, input);
                length.map(|length| Cut { length, shape })
            }
        }?;
        self.at += as_u64(cut.length);
        Some(cut)
    }

    /// The header for itself, the pixels by images, what follows by content: so the same pixels
    /// under another header are found again.
    fn cut_image(&self, pixels: Pixels, cutter: &Cutter, data: &[u8], input: Input) -> Option<Cut> {
        let start = as_u64(pixels.at);
        if let Some(header) = start.checked_sub(self.at).filter(|&left| left > 0) {
            return by_content_within(header, cutter, data, input);
        }
        match pixels.native {
            Some(native) if self.at - start < native.length() => {
                let length = native.piece(self.at - start);
                let shape = Shape::Raster(native.raster());
                whole(length, data, input).map(|length| Cut { length, shape })
            }
            _ => by_content(cutter, data, input),
        }
    }
}

fn by_content(cutter: &Cutter, data: &[u8], input: Input) -> Option<Cut> {
    let length = cutter.cut(data, input)?;
    let shape = Shape::Unknown;
    Some(Cut { length, shape })
}

/// By content, as if the file ended after `room` bytes.
fn by_content_within(room: u64, cutter: &Cutter, data: &[u8], input: Input) -> Option<Cut> {
    match usize::try_from(room).ok().and_then(|room| data.get(..room)) {
        Some(within) => by_content(cutter, within, Input::End),
        None => by_content(cutter, data, input),
    }
}

/// By content, and on to the next edge if it is near: `next` says how far that is from some bytes.
fn at_edge(
    cutter: &Cutter,
    data: &[u8],
    input: Input,
    next: impl Fn(&[u8]) -> Option<usize>,
    shape: Shape,
) -> Option<Cut> {
    let length = cutter.cut(data, input)?;
    let near = match data.get(length..length + EDGE_MAX) {
        Some(near) => near,
        None if input == Input::More => return None,
        None => &data[length..],
    };
    let length = length + next(near).unwrap_or(0);
    Some(Cut { length, shape })
}

/// A chunk of `length` bytes, or of what there is if the file ends before.
fn whole(length: u64, data: &[u8], input: Input) -> Option<usize> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    match input {
        _ if length <= data.len() => Some(length),
        Input::End if !data.is_empty() => Some(data.len()),
        _ => None,
    }
}

fn as_u64(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cutter::CutKey;
    use crate::shape::{Raster, Sign};

    fn cutter(profile: Profile) -> Cutter {
        Cutter::new(&CutKey::new([3; 32]), profile)
    }

    fn noise(length: usize, seed: u8) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let mut xof = blake3::Hasher::new_keyed(&[seed; 32]).finalize_xof();
        xof.fill(&mut bytes);
        bytes
    }

    /// A DICOM file of one layer of 16-bit images.
    fn dicom(header: usize, columns: u16, rows: u16, pixels: &[u8]) -> Vec<u8> {
        let mut file = [
            &[0; 128][..],
            b"DICM\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0",
        ]
        .concat();
        let length = u16::try_from(header).unwrap();
        file.extend([&[8, 0, 0x70, 0, b'L', b'O'][..], &length.to_le_bytes()].concat());
        file.extend(vec![b'x'; header]);
        for (element, value) in [(2, 1), (0x10, rows), (0x11, columns), (0x100, 16)] {
            file.extend([
                0x28,
                0,
                element as u8,
                (element >> 8) as u8,
                b'U',
                b'S',
                2,
                0,
            ]);
            file.extend(value.to_le_bytes());
        }
        file.extend([0xE0, 0x7F, 0x10, 0, b'O', b'W', 0, 0]);
        file.extend(u32::try_from(pixels.len()).unwrap().to_le_bytes());
        [&file, pixels].concat()
    }

    fn cuts(file: &[u8], window: usize) -> Vec<Cut> {
        let mut layer = Layer::of_file(b"IM1", as_u64(file.len()), &file[..file.len().min(window)]);
        let cutter = cutter(layer.profile());
        let (mut cuts, mut at) = (Vec::new(), 0);
        while at < file.len() {
            let end = file.len().min(at + window);
            let input = if end == file.len() {
                Input::End
            } else {
                Input::More
            };
            let cut = layer.cut(&cutter, &file[at..end], input).unwrap();
            at += cut.length;
            cuts.push(cut);
        }
        cuts
    }

    fn raster(columns: u32) -> Shape {
        Shape::Raster(Raster::new(columns, 1, 2, Sign::Unsigned).unwrap())
    }

    #[test]
    fn the_same_pixels_under_another_header_are_the_same_chunks() {
        let pixels = noise(512 * 512 * 2, 1);
        for header in [10, 900, 60_000] {
            let file = dicom(header, 512, 512, &pixels);
            let found = cuts(&file, CUT_WINDOW);
            let shape = raster(512);
            let length = pixels.len();
            assert_eq!(found.last(), Some(&Cut { length, shape }));
            assert!(
                found[..found.len() - 1]
                    .iter()
                    .all(|cut| cut.shape == Shape::Unknown)
            );
        }
    }

    #[test]
    fn small_images_are_cut_together_and_large_ones_at_rows() {
        // 20 images of 32 KiB, eight to a chunk.
        let file = dicom(10, 128, 128, &noise(20 << 15, 2));
        let lengths: Vec<_> = cuts(&file, CUT_WINDOW)
            .iter()
            .map(|cut| cut.length)
            .collect();
        assert_eq!(lengths[1..], [8 << 15, 8 << 15, 4 << 15]);
        // Two images of 900 rows of 4000 bytes.
        let file = dicom(10, 2000, 900, &noise(2 * 900 * 4000, 2));
        let lengths: Vec<_> = cuts(&file, CUT_WINDOW)
            .iter()
            .map(|cut| cut.length)
            .collect();
        let image = [262 * 4000, 262 * 4000, 262 * 4000, 114 * 4000];
        assert_eq!(lengths[1..], [image, image].concat());
    }

    #[test]
    fn a_byte_too_many_goes_with_the_last_rows_and_what_follows_is_cut_by_content() {
        let pixels = noise((256 << 10) + 1, 4);
        let mut file = dicom(10, 256, 512, &pixels);
        file.extend(noise(5000, 5));
        let found = cuts(&file, CUT_WINDOW);
        assert_eq!(found[1].length, pixels.len());
        assert_eq!(
            found[2],
            Cut {
                length: 5000,
                shape: Shape::Unknown
            }
        );
    }

    #[test]
    fn a_file_that_ends_early_or_lies_is_cut_all_the_same() {
        let file = dicom(10, 512, 512, &noise(512 * 512 * 2 * 3, 6));
        for end in [file.len() - 1, 700_000, 300, 260] {
            let sum: usize = cuts(&file[..end], CUT_WINDOW)
                .iter()
                .map(|cut| cut.length)
                .sum();
            assert_eq!(sum, end);
        }
    }

    #[test]
    fn reads_are_cut_between_records_and_found_again_behind_an_insertion() {
        let record = |n: usize| {
            let random = noise(150, (n % 251) as u8);
            let bases: String = random
                .iter()
                .map(|b| ['A', 'C', 'G', 'T'][*b as usize % 4])
                .collect();
            let quality: String = random
                .iter()
                .map(|b| ['@', '+', 'F'][*b as usize % 3])
                .collect();
            format!("@r:{n}\n{bases}\n+\n{quality}\n").into_bytes()
        };
        let file: Vec<u8> = (0..9000).flat_map(record).collect();
        let ends = |file: &[u8]| -> Vec<usize> {
            let found = cuts(file, CUT_WINDOW);
            assert!(found.iter().all(|cut| cut.shape == Shape::Reads));
            let end = |end: &mut usize, cut: &Cut| {
                *end += cut.length;
                Some(*end)
            };
            found.iter().scan(0, end).collect()
        };
        let before = ends(&file);
        assert!(before.len() > 5);
        for &end in &before {
            assert!(end == file.len() || file[end..].starts_with(b"@r:"));
        }
        let more = [&record(777)[..], &file].concat();
        let moved: Vec<_> = before.iter().map(|end| end + record(777).len()).collect();
        let again = ends(&more);
        let same = moved.iter().filter(|end| again.contains(end)).count();
        assert!(same + 2 >= before.len(), "{before:?} {again:?}");
    }

    #[test]
    fn a_read_longer_than_any_chunk_is_cut_all_the_same() {
        let bases = "ACGT".repeat(2 << 20);
        let file = format!("@long\n{bases}\n+\n{bases}\n")
            .repeat(2)
            .into_bytes();
        let sum: usize = cuts(&file, CUT_WINDOW).iter().map(|cut| cut.length).sum();
        assert_eq!(sum, file.len());
    }

    #[test]
    fn a_changed_page_of_a_database_changes_one_chunk() {
        let mut file = [&b"SQLite format 3\0\x10\0"[..], &noise(50 * 4096, 8)].concat();
        file.truncate(50 * 4096);
        let chunks = |file: &[u8]| -> Vec<Vec<u8>> {
            let chunk = |at: &mut usize, cut: &Cut| {
                *at += cut.length;
                Some(file[*at - cut.length..*at].to_vec())
            };
            cuts(file, CUT_WINDOW).iter().scan(0, chunk).collect()
        };
        let before = chunks(&file);
        assert!(before.iter().all(|chunk| chunk.len() % 4096 == 0));
        file[20 * 4096 + 7] ^= 1;
        file.extend(noise(3 * 4096, 9));
        let after = chunks(&file);
        let new = after.iter().filter(|chunk| !before.contains(chunk));
        let new: usize = new.map(Vec::len).sum();
        assert_eq!(new, PAGES_PIECE + 2 * 4096 + 3 * 4096);
    }

    #[test]
    fn blocks_are_not_cut_apart_and_count_as_packed() {
        let block = |n: u8| {
            let header = [
                0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, 6, 0, b'B', b'C', 2, 0, 9, 0,
            ];
            [&header[..], &[5], &noise(20_000 + usize::from(n), n)].concat()
        };
        let file: Vec<u8> = (0..90).flat_map(block).collect();
        let mut at = 0;
        for cut in cuts(&file, CUT_WINDOW) {
            assert!(bgzf::begins(&file[at..]));
            assert_eq!(cut.shape, Shape::Packed);
            at += cut.length;
        }
    }

    #[test]
    fn a_file_without_a_layer_is_cut_by_content_alone() {
        let file = noise(3 << 20, 7);
        let lengths: Vec<_> = cuts(&file, CUT_WINDOW)
            .iter()
            .map(|cut| cut.length)
            .collect();
        let by_content = cutter(Profile::DEFAULT);
        let expected: Vec<_> = by_content.chunks(&file).map(<[u8]>::len).collect();
        assert_eq!(lengths, expected);
    }
}
