//! DICOM files: Part 10 with Explicit VR Little Endian (PS3.10 section 7, PS3.5 section 7.1).

/// Where an element's value length takes four bytes (PS3.5 table 7.1-1).
const LONG: &[&[u8; 2]] = &[b"OB", b"OW", b"SQ", b"UN", b"UT"];
const EXPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
const MR_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.4";
/// A root for made-up objects.
pub const UID_ROOT: &str = "1.2.826.0.1.3680043.10.1404";

/// How an image was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    /// Computed tomography: 512 by 512, 12 of 16 bits.
    Ct,
    /// Magnetic resonance: 256 by 256, 16 bits.
    Mr,
}

impl Modality {
    /// Rows, and columns.
    pub fn side(self) -> u16 {
        match self {
            Self::Ct => 512,
            Self::Mr => 256,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Ct => "CT",
            Self::Mr => "MR",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Ct => CT_IMAGE,
            Self::Mr => MR_IMAGE,
        }
    }

    fn bits_stored(self) -> u16 {
        match self {
            Self::Ct => 12,
            Self::Mr => 16,
        }
    }
}

/// What the header of a slice says.
#[derive(Clone, Debug)]
pub struct Header {
    /// How it was taken.
    pub modality: Modality,
    /// Which slice of its series, from 0.
    pub slice: u64,
    /// The study's UID.
    pub study: String,
    /// The series' UID.
    pub series: String,
    /// The patient's number.
    pub patient: String,
    /// The patient's name, in the form `FAMILY^GIVEN`.
    pub name: String,
    /// The day of the study, eight digits.
    pub date: String,
    /// The number of the request.
    pub accession: String,
    /// Who keeps it.
    pub institution: String,
    /// The tube's current in mA, or nothing of interest.
    pub exposure: u64,
    /// What an archive adds when it takes images over, or nothing.
    pub imported_by: Option<String>,
}

/// A whole file: preamble, meta information, data set.
pub fn file(header: &Header, pixels: &[u8]) -> Vec<u8> {
    let instance = format!("{}.{}", header.series, header.slice + 1);
    let mut meta = Vec::new();
    element(&mut meta, (0x0002, 0x0001), b"OB", &[0, 1]);
    text(&mut meta, (0x0002, 0x0002), b"UI", header.modality.class());
    text(&mut meta, (0x0002, 0x0003), b"UI", &instance);
    text(&mut meta, (0x0002, 0x0010), b"UI", EXPLICIT_LITTLE_ENDIAN);
    text(&mut meta, (0x0002, 0x0012), b"UI", &format!("{UID_ROOT}.1"));
    let mut bytes = vec![0; 128];
    bytes.extend_from_slice(b"DICM");
    let length = u32::try_from(meta.len()).unwrap_or_default();
    element(&mut bytes, (0x0002, 0x0000), b"UL", &length.to_le_bytes());
    bytes.extend_from_slice(&meta);
    about_the_study(&mut bytes, header, &instance);
    about_the_image(&mut bytes, header);
    element(&mut bytes, (0x7fe0, 0x0010), b"OW", pixels);
    bytes
}

/// Groups 0008 and 0010.
fn about_the_study(to: &mut Vec<u8>, header: &Header, instance: &str) {
    text(to, (0x0008, 0x0005), b"CS", "ISO_IR 100");
    text(to, (0x0008, 0x0008), b"CS", "ORIGINAL\\PRIMARY\\AXIAL");
    if header.imported_by.is_some() {
        text(to, (0x0008, 0x0014), b"UI", &format!("{UID_ROOT}.7"));
    }
    text(to, (0x0008, 0x0016), b"UI", header.modality.class());
    text(to, (0x0008, 0x0018), b"UI", instance);
    text(to, (0x0008, 0x0020), b"DA", &header.date);
    text(to, (0x0008, 0x0030), b"TM", "103015");
    text(to, (0x0008, 0x0050), b"SH", &header.accession);
    text(to, (0x0008, 0x0060), b"CS", header.modality.code());
    text(to, (0x0008, 0x0070), b"LO", "SYNTHETIC");
    text(to, (0x0008, 0x0080), b"LO", &header.institution);
    text(to, (0x0008, 0x103e), b"LO", "THORAX ABDOMEN");
    text(to, (0x0008, 0x1090), b"LO", "Model 9");
    text(to, (0x0010, 0x0010), b"PN", &header.name);
    text(to, (0x0010, 0x0020), b"LO", &header.patient);
    if let Some(archive) = &header.imported_by {
        text(to, (0x0010, 0x0021), b"LO", archive);
    }
    text(to, (0x0010, 0x0030), b"DA", "19500101");
    text(to, (0x0010, 0x0040), b"CS", "O");
}

/// Groups 0018 to 0028.
fn about_the_image(to: &mut Vec<u8>, header: &Header) {
    let side = header.modality.side();
    let bits = header.modality.bits_stored();
    let tenths = header.slice * 25;
    text(to, (0x0018, 0x0050), b"DS", "2.5");
    if header.modality == Modality::Ct {
        text(to, (0x0018, 0x0060), b"DS", "120");
        text(to, (0x0018, 0x1151), b"IS", &header.exposure.to_string());
    }
    text(to, (0x0020, 0x000d), b"UI", &header.study);
    text(to, (0x0020, 0x000e), b"UI", &header.series);
    text(to, (0x0020, 0x0011), b"IS", "2");
    text(to, (0x0020, 0x0013), b"IS", &(header.slice + 1).to_string());
    let position = format!("-250\\-250\\-{}.{}", tenths / 10, tenths % 10);
    text(to, (0x0020, 0x0032), b"DS", &position);
    text(to, (0x0020, 0x0037), b"DS", "1\\0\\0\\0\\1\\0");
    text(to, (0x0020, 0x0052), b"UI", &format!("{}.9", header.study));
    if let Some(archive) = &header.imported_by {
        text(
            to,
            (0x0020, 0x4000),
            b"LT",
            &format!("IMPORTED BY {archive}"),
        );
    }
    number(to, (0x0028, 0x0002), 1);
    text(to, (0x0028, 0x0004), b"CS", "MONOCHROME2");
    number(to, (0x0028, 0x0010), side);
    number(to, (0x0028, 0x0011), side);
    text(to, (0x0028, 0x0030), b"DS", "0.9765625\\0.9765625");
    number(to, (0x0028, 0x0100), 16);
    number(to, (0x0028, 0x0101), bits);
    number(to, (0x0028, 0x0102), bits - 1);
    number(to, (0x0028, 0x0103), 0);
    if header.modality == Modality::Ct {
        text(to, (0x0028, 0x1052), b"DS", "-1024");
        text(to, (0x0028, 0x1053), b"DS", "1");
    }
}

fn number(to: &mut Vec<u8>, tag: (u16, u16), value: u16) {
    element(to, tag, b"US", &value.to_le_bytes());
}

/// A text, padded to an even length: UIDs with a zero byte, others with a space (PS3.5 section 6.2).
fn text(to: &mut Vec<u8>, tag: (u16, u16), representation: &[u8; 2], value: &str) {
    let mut value = value.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(if representation == b"UI" { 0 } else { b' ' });
    }
    element(to, tag, representation, &value);
}

fn element(to: &mut Vec<u8>, tag: (u16, u16), representation: &[u8; 2], value: &[u8]) {
    to.extend_from_slice(&tag.0.to_le_bytes());
    to.extend_from_slice(&tag.1.to_le_bytes());
    to.extend_from_slice(representation);
    if LONG.contains(&representation) {
        let length = u32::try_from(value.len()).unwrap_or_default();
        to.extend_from_slice(&[0, 0]);
        to.extend_from_slice(&length.to_le_bytes());
    } else {
        let length = u16::try_from(value.len()).unwrap_or_default();
        to.extend_from_slice(&length.to_le_bytes());
    }
    to.extend_from_slice(value);
}
