//! Series of slices as a picture archive keeps them. One series in five is a second export of the
//! one before: the same pixels behind another header.

use super::dicom::{self, Header, Modality, UID_ROOT};
use super::scanner::Body;
use super::tree::Tree;
use super::words::{self, Words};
use crate::bench::random::Random;
use crate::finding::Chore;

/// Of this many series the last one repeats the one before.
const REPEATED_OF: u64 = 5;
/// Of this many series one is magnetic resonance.
const MR_OF: u64 = 4;

/// Write slices until there are about so many bytes.
pub fn write(tree: &mut Tree, folder: &str, seed: &str, bytes: u64) -> Result<(), Chore> {
    let words = Words::new();
    let until = tree.bytes() + bytes;
    let mut before: Option<(Body, Header)> = None;
    let mut series = 0;
    while tree.bytes() < until {
        let mut random = Random::of(&format!("{seed}/{series}"));
        let (body, header) = match before.take() {
            Some((body, header)) if series % REPEATED_OF == REPEATED_OF - 1 => {
                (body, exported_again(&header, series))
            }
            _ => taken(&mut random, &words, seed, series),
        };
        write_series(tree, folder, until, &body, &header)?;
        before = Some((body, header));
        series += 1;
    }
    Ok(())
}

fn write_series(
    tree: &mut Tree,
    folder: &str,
    until: u64,
    body: &Body,
    header: &Header,
) -> Result<(), Chore> {
    let (patient, study, series) = (&header.patient, &header.study, &header.series);
    for slice in 0..body.slices() {
        if tree.bytes() >= until {
            break;
        }
        let header = Header {
            slice,
            exposure: header.exposure + slice % 7,
            ..header.clone()
        };
        let path = format!("{folder}/{patient}/{study}/{series}/IM{slice:05}.dcm");
        tree.put(&path, &dicom::file(&header, &body.pixels(slice)))?;
    }
    Ok(())
}

fn taken(random: &mut Random, words: &Words, seed: &str, series: u64) -> (Body, Header) {
    let modality = match series % MR_OF {
        2 => Modality::Mr,
        _ => Modality::Ct,
    };
    let slices = random.within(24..=60);
    let body = Body::new(modality, format!("{seed}/{series}/pixels"), slices, random);
    let study = format!("{UID_ROOT}.{}.{}", random.within(1..=999_999), series + 1);
    let header = Header {
        modality,
        slice: 0,
        series: format!("{study}.2"),
        study,
        patient: words::patient(random),
        name: format!("{}^{}", words.word(random), words.word(random)).to_uppercase(),
        date: format!(
            "2025{:02}{:02}",
            random.within(1..=12),
            random.within(1..=28)
        ),
        accession: format!("A{}", random.below(1_000_000_000)),
        institution: "GENERAL HOSPITAL".to_owned(),
        exposure: random.within(80..=400),
        imported_by: None,
    };
    (body, header)
}

fn exported_again(header: &Header, series: u64) -> Header {
    Header {
        series: format!("{}.3.{series}", header.study),
        institution: "REGIONAL CANCER CENTRE ARCHIVE".to_owned(),
        imported_by: Some("RCC".to_owned()),
        ..header.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_export_has_the_same_pixels_behind_another_header() {
        let (mut random, words) = (Random::of("again"), Words::new());
        let (body, header) = taken(&mut random, &words, "again", 0);
        let pixels = body.pixels(0);
        let first = dicom::file(&header, &pixels);
        let second = dicom::file(&exported_again(&header, 4), &pixels);
        assert!(first.ends_with(&pixels) && second.ends_with(&pixels));
        assert_ne!(first.len(), second.len());
        assert_eq!(&second[128..132], b"DICM");
        assert_ne!(pixels, body.pixels(1));
    }

    #[test]
    fn slices_look_like_bodies_in_air() {
        let mut random = Random::of("look");
        for (modality, depth) in [(Modality::Ct, 4096), (Modality::Mr, 65_536)] {
            let body = Body::new(modality, "look".to_owned(), 30, &mut random);
            let pixels = body.pixels(12);
            let side = usize::from(modality.side());
            assert_eq!(pixels.len(), side * side * 2);
            let value =
                |at: usize| i32::from(u16::from_le_bytes([pixels[at * 2], pixels[at * 2 + 1]]));
            let values: Vec<i32> = (0..side * side).map(value).collect();
            assert!(values.iter().all(|value| (0..depth).contains(value)));
            let (middle, rim) = (
                value(side * side / 2 + side / 2),
                value(side * side / 2 + 8),
            );
            assert!(middle > rim + 300, "{middle} in the body, {rim} in the air");
        }
    }
}
