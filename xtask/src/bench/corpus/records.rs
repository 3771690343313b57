//! Many small files: FHIR bundles, HL7 version 2 messages, documents and notes, 0.2 to 20 KB each.

use super::tree::Tree;
use super::words::{self, Words};
use crate::bench::random::Random;
use crate::finding::Chore;
use std::fmt::Write;

const LONGEST: usize = 20_000;

/// Write so many files, in folders of patients and their stays.
pub fn write(tree: &mut Tree, folder: &str, seed: &str, files: u64) -> Result<(), Chore> {
    let words = Words::new();
    let mut random = Random::of(seed);
    let mut written = 0;
    while written < files {
        let patient = words::patient(&mut random);
        let shelf = &patient[patient.len() - 2..];
        for stay in 0..random.within(1..=5) {
            for _ in 0..random.within(2..=12).min(files - written) {
                let (bytes, kind) = record(&mut random, &words, &patient);
                let path = format!("{folder}/{shelf}/{patient}/stay-{stay:02}/{written:06}.{kind}");
                tree.put(&path, bytes.as_bytes())?;
                written += 1;
            }
        }
    }
    Ok(())
}

fn record(random: &mut Random, words: &Words, patient: &str) -> (String, &'static str) {
    let (mut text, kind) = match random.below(100) {
        0..50 => (bundle(random, words, patient), "json"),
        50..78 => (message(random, words, patient), "hl7"),
        78..88 => (document(random, words, patient), "xml"),
        _ => (note(random, words, patient), "txt"),
    };
    if text.len() > LONGEST {
        let cut = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(cut.unwrap_or_default());
    }
    (text, kind)
}

/// A FHIR R4 bundle of observations.
fn bundle(random: &mut Random, words: &Words, patient: &str) -> String {
    let count = 1 + random.repeats(700, 16);
    let entries: Vec<String> = (0..count)
        .map(|_| observation(random, words, patient))
        .collect();
    let (id, time) = (words::uuid(random), words::instant(random));
    let entries = entries.join(",");
    let compact = format!(
        "{{\"resourceType\":\"Bundle\",\"id\":\"{id}\",\"type\":\"collection\",\"timestamp\":\"{time}\",\"entry\":[{entries}]}}"
    );
    if random.chance(600) {
        indented(&compact)
    } else {
        compact
    }
}

fn observation(random: &mut Random, words: &Words, patient: &str) -> String {
    let code = words.code(random);
    let (uuid, effective, issued) = (
        words::uuid(random),
        words::instant(random),
        words::instant(random),
    );
    let status = random.pick(&["final", "final", "final", "amended"]);
    let (value, low, high) = (
        words::value(random),
        random.below(10),
        random.within(10..=90),
    );
    let note_length = random.below(12);
    let note = words.phrase(random, note_length);
    let (name, unit, code) = (&code.name, code.unit, &code.code);
    format!(
        "{{\"fullUrl\":\"urn:uuid:{uuid}\",\"resource\":{{\"resourceType\":\"Observation\",\
         \"status\":\"{status}\",\"category\":[{{\"coding\":[{{\
         \"system\":\"http://terminology.hl7.org/CodeSystem/observation-category\",\
         \"code\":\"laboratory\"}}]}}],\"code\":{{\"coding\":[{{\"system\":\"http://loinc.org\",\
         \"code\":\"{code}\",\"display\":\"{name}\"}}],\"text\":\"{name}\"}},\
         \"subject\":{{\"reference\":\"Patient/{patient}\"}},\"effectiveDateTime\":\"{effective}\",\
         \"issued\":\"{issued}\",\"valueQuantity\":{{\"value\":{value},\"unit\":\"{unit}\",\
         \"system\":\"http://unitsofmeasure.org\",\"code\":\"{unit}\"}},\
         \"referenceRange\":[{{\"low\":{{\"value\":{low},\"unit\":\"{unit}\"}},\
         \"high\":{{\"value\":{high},\"unit\":\"{unit}\"}}}}],\"note\":[{{\"text\":\"{note}\"}}]}}}}"
    )
}

/// The same JSON over many lines. No text in it holds a bracket, a comma or a quote.
fn indented(compact: &str) -> String {
    let mut text = String::with_capacity(compact.len() * 3);
    let (mut depth, mut quoted) = (0usize, false);
    for character in compact.chars() {
        quoted ^= character == '"';
        match character {
            '{' | '[' if !quoted => {
                depth += 1;
                text.push(character);
                line(&mut text, depth);
            }
            '}' | ']' if !quoted => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(character);
            }
            ',' if !quoted => {
                text.push(character);
                line(&mut text, depth);
            }
            ':' if !quoted => text.push_str(": "),
            _ => text.push(character),
        }
    }
    text
}

fn line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// An HL7 version 2.5.1 ORU^R01 message.
fn message(random: &mut Random, words: &Words, patient: &str) -> String {
    let time = words::timestamp(random);
    let (control, order) = (random.below(1 << 40), random.below(1 << 32));
    let (family, given) = (words.word(random).to_uppercase(), words.word(random));
    let born = format!(
        "19{}{:02}{:02}",
        random.within(30..=99),
        random.within(1..=12),
        random.within(1..=28)
    );
    let mut text = format!(
        "MSH|^~\\&|LAB|ONC|EHR|HOSP|{time}||ORU^R01^ORU_R01|{control}|P|2.5.1\r\
         PID|1||{patient}^^^HOSP^MR||{family}^{given}||{born}|{}\r\
         OBR|1|{order}||24323-8^PANEL^LN|||{time}\r",
        random.pick(&["F", "M"])
    );
    for index in 1..=1 + random.repeats(880, 60) {
        let code = words.code(random);
        let (value, low, high) = (
            words::value(random),
            random.below(10),
            random.within(10..=99),
        );
        let flag = random.pick(&["N", "N", "N", "H", "L"]);
        let (name, unit, code) = (&code.name, code.unit, &code.code);
        // Writing into a string does not fail.
        let _ = write!(
            text,
            "OBX|{index}|NM|{code}^{name}^LN||{value}|{unit}|{low}-{high}|{flag}|||F|||{time}\r"
        );
    }
    text
}

/// A document with sections, in the manner of CDA release 2.
fn document(random: &mut Random, words: &Words, patient: &str) -> String {
    let (id, time) = (words::uuid(random), words::timestamp(random));
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\">\n  \
         <id root=\"{id}\"/>\n  <effectiveTime value=\"{time}\"/>\n  <recordTarget><patientRole>\
         <id extension=\"{patient}\" root=\"2.16.840.1.113883.19.5\"/></patientRole></recordTarget>\n"
    );
    for _ in 0..1 + random.repeats(650, 12) {
        let code = words.code(random);
        let (length, name, code) = (random.within(80..=900), &code.name, &code.code);
        let prose = words.prose(random, usize::try_from(length).unwrap_or_default());
        let _ = write!(
            text,
            "  <component><section>\n    <code code=\"{code}\" codeSystem=\"2.16.840.1.113883.6.1\"/>\n    \
             <title>{name}</title>\n    <text><paragraph>{prose}</paragraph></text>\n  </section></component>\n"
        );
    }
    text.push_str("</ClinicalDocument>\n");
    text
}

fn note(random: &mut Random, words: &Words, patient: &str) -> String {
    let length = 300 + random.below(1200) * (1 + random.repeats(400, 8));
    let time = words::instant(random);
    let prose = words.prose(random, usize::try_from(length).unwrap_or_default());
    format!("PATIENT {patient}   DATE {time}\n\n{prose}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_json_in_both_forms() {
        let (mut random, words) = (Random::of("json"), Words::new());
        for _ in 0..20 {
            let text = bundle(&mut random, &words, "P1");
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["resourceType"], "Bundle");
            assert!(!value["entry"].as_array().unwrap().is_empty());
        }
        let compact = r#"{"a":[1,{"b":"x: y"}],"c":{"d":2}}"#;
        let parsed: serde_json::Value = serde_json::from_str(compact).unwrap();
        let again: serde_json::Value = serde_json::from_str(&indented(compact)).unwrap();
        assert_eq!(parsed, again);
    }

    #[test]
    fn most_records_are_small_and_none_is_longer_than_said() {
        let (mut random, words) = (Random::of("size"), Words::new());
        let mut sizes: Vec<usize> = (0..1000)
            .map(|_| record(&mut random, &words, "P1").0.len())
            .collect();
        sizes.sort_unstable();
        assert!((1000..4000).contains(&sizes[500]), "median {}", sizes[500]);
        assert!(sizes[0] >= 200 && sizes[999] <= LONGEST);
    }
}
