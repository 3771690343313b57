//! The DICOM tags that are read, and what a reference means by the sequences around it
//! (PS3.6; PS3.3 module tables).

use crate::facts::Role;

/// Group and element in one number.
pub(crate) type Tag = u32;

pub(crate) const CHARACTER_SET: Tag = 0x0008_0005;
pub(crate) const CLASS: Tag = 0x0008_0016;
pub(crate) const INSTANCE: Tag = 0x0008_0018;
pub(crate) const STUDY_DATE: Tag = 0x0008_0020;
pub(crate) const MODALITY: Tag = 0x0008_0060;
pub(crate) const REFERENCED_CLASS: Tag = 0x0008_1150;
pub(crate) const REFERENCED_INSTANCE: Tag = 0x0008_1155;
pub(crate) const MEDIA_CLASS: Tag = 0x0004_1510;
pub(crate) const MEDIA_INSTANCE: Tag = 0x0004_1511;
pub(crate) const PATIENT_ID: Tag = 0x0010_0020;
pub(crate) const ISSUER: Tag = 0x0010_0021;
pub(crate) const TRIAL: Tag = 0x0012_0020;
pub(crate) const SITE: Tag = 0x0012_0030;
pub(crate) const SUBJECT: Tag = 0x0012_0040;
pub(crate) const STUDY: Tag = 0x0020_000d;
pub(crate) const SERIES: Tag = 0x0020_000e;
pub(crate) const NUMBER: Tag = 0x0020_0013;
pub(crate) const POSITION: Tag = 0x0020_0032;
pub(crate) const ORIENTATION: Tag = 0x0020_0037;
pub(crate) const FRAME_OF_REFERENCE: Tag = 0x0020_0052;
pub(crate) const SERIES_INSTANCES: Tag = 0x0020_1209;
pub(crate) const STRUCTURE_FRAME: Tag = 0x3006_0024;
pub(crate) const GEOMETRY: Tag = 0x300a_000c;
pub(crate) const RELATIONSHIP: Tag = 0x300a_0055;
pub(crate) const UNIVERSAL_ISSUER: Tag = 0x0040_0032;

pub(crate) const OTHER_PATIENT_IDS: Tag = 0x0010_1002;
pub(crate) const ISSUER_QUALIFIERS: Tag = 0x0010_0024;
pub(crate) const DIRECTORY_RECORDS: Tag = 0x0004_1220;

pub(crate) const PIXELS: [Tag; 3] = [0x7fe0_0008, 0x7fe0_0009, 0x7fe0_0010];
pub(crate) const ITEM: Tag = 0xfffe_e000;
pub(crate) const ITEM_END: Tag = 0xfffe_e00d;
pub(crate) const SEQUENCE_END: Tag = 0xfffe_e0dd;

const STRUCTURE_SETS: Tag = 0x300c_0060;
const PLANS: Tag = 0x300c_0002;
const RECORDS: Tag = 0x3008_0030;

/// Whether the value is kept.
pub(crate) fn is_wanted(tag: Tag) -> bool {
    matches!(
        tag,
        CHARACTER_SET
            | CLASS
            | INSTANCE
            | STUDY_DATE
            | MODALITY
            | REFERENCED_CLASS
            | REFERENCED_INSTANCE
            | MEDIA_CLASS
            | MEDIA_INSTANCE
            | PATIENT_ID
            | ISSUER
            | TRIAL
            | SITE
            | SUBJECT
            | STUDY
            | SERIES
            | NUMBER
            | POSITION
            | ORIENTATION
            | FRAME_OF_REFERENCE
            | SERIES_INSTANCES
            | STRUCTURE_FRAME
            | GEOMETRY
            | RELATIONSHIP
            | UNIVERSAL_ISSUER
    )
}

/// Sequences that may hold references or identifiers. In implicit VR nothing else tells a sequence
/// of defined length from a value; others are skipped whole.
pub(crate) fn is_known_sequence(tag: Tag) -> bool {
    matches!(
        tag,
        OTHER_PATIENT_IDS
            | ISSUER_QUALIFIERS
            | DIRECTORY_RECORDS
            | STRUCTURE_SETS
            | PLANS
            | RECORDS
            | 0x0008_1110
            | 0x0008_1111
            | 0x0008_1115
            | 0x0008_1120
            | 0x0008_1140
            | 0x0008_114a
            | 0x0008_1199
            | 0x0008_1200
            | 0x0008_2112
            | 0x0008_9092
            | 0x0008_9124
            | 0x0040_9094
            | 0x0040_a360
            | 0x0040_a375
            | 0x0040_a385
            | 0x0040_a525
            | 0x0040_a730
            | 0x0064_0002
            | 0x0070_0308
            | 0x3006_0010
            | 0x3006_0012
            | 0x3006_0014
            | 0x3006_0016
            | 0x3006_0018
            | 0x3006_0039
            | 0x3006_0040
            | 0x3008_0020
            | 0x3008_0021
            | 0x3008_0110
            | 0x300a_0070
            | 0x300a_00b0
            | 0x300a_0111
            | 0x300a_0180
            | 0x300a_0401
            | 0x300a_03a2
            | 0x300a_03a8
            | 0x300a_0616
            | 0x300a_063b
            | 0x300a_0702
            | 0x300a_0703
            | 0x300c_0020
            | 0x300c_0040
            | 0x300c_0042
            | 0x300c_0080
            | 0x300c_0116
            | 0x3004_0050
            | 0x3010_0021
            | 0x3010_0023
            | 0x5200_9229
            | 0x5200_9230
    )
}

/// What a reference inside these sequences is for; the innermost that says something counts.
pub(crate) fn role(path: impl DoubleEndedIterator<Item = Tag>) -> Role {
    path.rev().find_map(role_of).unwrap_or(Role::Context)
}

fn role_of(sequence: Tag) -> Option<Role> {
    Some(match sequence {
        STRUCTURE_SETS => Role::StructureSet,
        PLANS => Role::Plan,
        RECORDS => Role::Record,
        0x300c_0080 => Role::Dose,
        0x3006_0016 => Role::Contour,
        0x3006_0018 | 0x0040_a360 => Role::Predecessor,
        0x300c_0040 | 0x300c_0042 | 0x300a_0401 => Role::Verification,
        0x0008_1140 | 0x0008_114a | 0x0008_2112 | 0x0040_9094 => Role::Source,
        0x0008_1115 | 0x0008_1200 | 0x0040_a375 | 0x0040_a385 => Role::Evidence,
        // Studies, procedure steps and the like are no objects that can be stored.
        0x0008_1110 | 0x0008_1111 | 0x0008_1120 | 0x3006_0012 => Role::Context,
        DIRECTORY_RECORDS => Role::Media,
        _ => return None,
    })
}
