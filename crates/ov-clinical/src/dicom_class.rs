//! What a DICOM object is: by its SOP class (PS3.4 annex B.5), else by its modality.

use crate::kind::Kind;

const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";
const MEDIA_DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// The kind of an object, by its class first.
pub(crate) fn kind(class: Option<&str>, modality: Option<&str>) -> Kind {
    class
        .and_then(by_class)
        .or_else(|| modality.and_then(by_modality))
        .unwrap_or(Kind::DicomOther)
}

fn by_class(class: &str) -> Option<Kind> {
    if class == MEDIA_DIRECTORY {
        return Some(Kind::Dicomdir);
    }
    let suffix = class.strip_prefix(STORAGE)?;
    Some(match suffix {
        "2" | "2.1" | "2.2" => Kind::DicomCt,
        "4" | "4.1" | "4.2" | "4.3" | "4.4" => Kind::DicomMr,
        "128" | "128.1" | "130" => Kind::DicomPt,
        "481.1" => Kind::DicomRtImage,
        "481.2" => Kind::DicomRtDose,
        "481.3" => Kind::DicomRtStruct,
        "481.4" | "481.6" | "481.7" | "481.9" => Kind::DicomRtRecord,
        "481.5" | "481.8" => Kind::DicomRtPlan,
        "66.1" | "66.3" => Kind::DicomReg,
        "66.4" | "66.7" => Kind::DicomSeg,
        "77.1.6" | "77.1.8" => Kind::DicomSlide,
        _ => return by_family(suffix),
    })
}

/// Classes that come in families under one number.
fn by_family(suffix: &str) -> Option<Kind> {
    let mut numbers = suffix.split('.').map(|n| n.parse::<u16>().ok());
    let first = numbers.next()??;
    let second = numbers.next().flatten();
    match (first, second) {
        (481, Some(10..)) => Some(Kind::DicomRtSecond),
        (88, _) => Some(Kind::DicomSr),
        (9, _) => Some(Kind::DicomWaveform),
        (11, _) => Some(Kind::DicomPresentation),
        (104, _) => Some(Kind::DicomDocument),
        (1 | 3 | 6 | 7 | 12 | 13 | 14 | 20 | 30 | 77, _) => Some(Kind::DicomImage),
        _ => None,
    }
}

fn by_modality(modality: &str) -> Option<Kind> {
    Some(match modality {
        "CT" => Kind::DicomCt,
        "MR" => Kind::DicomMr,
        "PT" => Kind::DicomPt,
        "SM" => Kind::DicomSlide,
        "SEG" => Kind::DicomSeg,
        "REG" => Kind::DicomReg,
        "SR" | "KO" => Kind::DicomSr,
        "PR" => Kind::DicomPresentation,
        "ECG" | "EPS" | "HD" | "EEG" | "EMG" | "EOG" | "RESP" => Kind::DicomWaveform,
        "DOC" => Kind::DicomDocument,
        "RTPLAN" => Kind::DicomRtPlan,
        "RTSTRUCT" => Kind::DicomRtStruct,
        "RTDOSE" => Kind::DicomRtDose,
        "RTRECORD" => Kind::DicomRtRecord,
        "RTIMAGE" => Kind::DicomRtImage,
        "RTINTENT" | "RTSEGANN" | "RTRAD" => Kind::DicomRtSecond,
        "CR" | "DX" | "MG" | "US" | "NM" | "XA" | "RF" | "OT" | "ES" | "XC" | "GM" | "IVUS"
        | "OCT" | "OP" | "IO" | "PX" | "BI" | "BMD" => Kind::DicomImage,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_counts_before_the_modality() {
        let secondary = Some("1.2.840.10008.5.1.4.1.1.7");
        assert_eq!(kind(secondary, Some("CT")), Kind::DicomImage);
        assert_eq!(kind(None, Some("CT")), Kind::DicomCt);
        assert_eq!(
            kind(Some("1.2.840.10008.5.1.4.1.1.481.12"), None),
            Kind::DicomRtSecond
        );
        assert_eq!(kind(Some("1.2.3"), None), Kind::DicomOther);
    }
}
