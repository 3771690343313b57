//! Accounts of files as stored bytes: whole, small, and bounded when they are hostile.

use std::collections::BTreeMap;

use ov_clinical::{
    ACCOUNT_MAX, Account, Certainty, Dicom, Digests, Document, Domain, EndMarker, Facts, Geometry,
    Ident, Kind, Mate, Message, Opaque, Patient, Reference, Resource, Role, Said, Sequence,
    Sequencing, Sorted, Subject, Warning, Window, Wrapping,
};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::samples;

fn ident() -> impl Strategy<Value = Ident> + Clone {
    "[!-~äß]([ -~äß]{0,60}[!-~])?".prop_map(|text| Ident::new(&text).unwrap())
}

fn word() -> impl Strategy<Value = Box<str>> + Clone {
    "[ -~ß]{0,30}".prop_map(Into::into)
}

fn few<S: Strategy>(strategy: S) -> impl Strategy<Value = Vec<S::Value>> {
    proptest::collection::vec(strategy, 0..4)
}

fn patient() -> impl Strategy<Value = Patient> {
    let domains = [
        Domain::Dicom,
        Domain::FhirIdentifier,
        Domain::FhirPatient,
        Domain::Hl7,
        Domain::Cda,
    ];
    (select(domains.to_vec()), ident(), of(ident())).prop_map(|(domain, id, issuer)| Patient {
        domain,
        id,
        issuer,
    })
}

fn reference() -> impl Strategy<Value = Reference> {
    let roles = [
        Role::StructureSet,
        Role::Contour,
        Role::Media,
        Role::Context,
    ];
    let parts = (
        select(roles.to_vec()),
        of(word()),
        ident(),
        of(ident()),
        of(ident()),
    );
    parts.prop_map(|(role, class, instance, series, study)| Reference {
        role,
        class,
        instance,
        series,
        study,
    })
}

fn number() -> impl Strategy<Value = f64> {
    let plain = (-100_000_i32..100_000).prop_map(|n| f64::from(n) / 64.0);
    prop_oneof![plain, proptest::num::f64::NORMAL, Just(0.0)]
}

fn dicom() -> impl Strategy<Value = Dicom> {
    let names = (of(word()), of(word()), of(word()));
    let idents = (of(ident()), of(ident()), of(ident()), of(ident()));
    let places = (
        of([number(), number(), number()]),
        of([number(), number(), number(), number(), number(), number()]),
    );
    let digests = of((
        any::<[u8; 32]>(),
        any::<Option<[u8; 32]>>(),
        any::<Option<[u8; 32]>>(),
    ));
    let geometry = of(select(&[Geometry::Patient, Geometry::Device][..]));
    let more = (
        few(ident()),
        few(reference()),
        geometry,
        any::<Option<i64>>(),
        any::<Option<u32>>(),
    );
    (names, idents, places, digests, more).prop_map(|(names, idents, places, digests, more)| {
        Dicom {
            class: names.0,
            syntax: names.1,
            modality: names.2,
            study: idents.0,
            series: idents.1,
            instance: idents.2,
            study_date: idents.3,
            frames_of_reference: more.0,
            number: more.3,
            position: places.0,
            orientation: places.1,
            series_instances: more.4,
            geometry: more.2,
            references: more.1,
            digests: digests.map(|(file, data_set, pixels)| Digests {
                file,
                data_set,
                pixels,
            }),
        }
    })
}

fn sequencing() -> impl Strategy<Value = Sequencing> {
    let sequence = (word(), any::<Option<u64>>(), any::<Option<[u8; 16]>>())
        .prop_map(|(name, length, md5)| Sequence { name, length, md5 });
    let mate = of(select(&[Mate::First, Mate::Second, Mate::Interleaved][..]));
    let sorted = of(select(&[Sorted::Position, Sorted::Otherwise][..]));
    let lists = (few(ident()), few(ident()), few(sequence));
    (lists, mate, of(ident()), of(ident()), sorted).prop_map(
        |((samples, read_groups, sequences), mate, run, first_read, sorted)| Sequencing {
            samples,
            read_groups,
            sequences,
            mate,
            run,
            first_read,
            sorted,
        },
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    let subject =
        (of(ident()), of(ident()), of(ident())).prop_map(|(trial, site, subject)| Subject {
            trial,
            site,
            subject,
        });
    let resource = (word(), of(ident()), of(ident()), of(ident()), few(ident())).prop_map(
        |(kind, id, version, subject, references)| Resource {
            kind,
            id,
            version,
            subject,
            references,
        },
    );
    let message = (word(), of(ident()), of(ident()), of(ident())).prop_map(
        |(kind, control, sender, time)| Message {
            kind,
            control,
            sender,
            time,
        },
    );
    let document = (
        of(ident()),
        of(ident()),
        of(ident()),
        of(word()),
        few(word()),
    )
        .prop_map(|(id, set, version, code, templates)| Document {
            id,
            set,
            version,
            code,
            templates,
        });
    let ends = [
        EndMarker::None,
        EndMarker::Present,
        EndMarker::Missing,
        EndMarker::NotSeen,
    ];
    let people = (few(patient()), few(subject));
    let lists = (few(resource), few(message), few(document), few(word()));
    let boxes = (of(dicom()), of(sequencing()));
    (people, lists, boxes, select(ends.to_vec())).prop_map(|(people, lists, boxes, end)| Facts {
        patients: people.0,
        subjects: people.1,
        dicom: boxes.0.map(Box::new),
        resources: lists.0,
        messages: lists.1,
        documents: lists.2,
        sequencing: boxes.1.map(Box::new),
        tables: lists.3,
        end,
    })
}

fn warning() -> impl Strategy<Value = Warning> {
    prop_oneof![
        Just(Warning::Truncated),
        Just(Warning::EndMarkerMissing),
        (any::<u64>(), word()).prop_map(|(at, what)| Warning::Malformed {
            at,
            what: what.into_string().into(),
        }),
        Just(Warning::TooDeep),
        word().prop_map(|what| Warning::TooMany {
            what: what.into_string().into()
        }),
        word().prop_map(|what| Warning::TooLong {
            what: what.into_string().into()
        }),
        Just(Warning::Bomb),
        Just(Warning::Partial),
        Just(Warning::Executable),
        Just(Warning::UnknownSyntax),
        Just(Warning::IdentityDiffers),
    ]
}

fn account() -> impl Strategy<Value = Account> {
    let reasons = [
        Opaque::Crashed,
        Opaque::Stalled,
        Opaque::TooSlow,
        Opaque::Garbled,
        Opaque::TooMuch,
    ];
    let wrappings = [Wrapping::Plain, Wrapping::Gzip, Wrapping::Bgzf];
    let certainties = [Certainty::Name, Certainty::Shape, Certainty::Signature];
    let said = (
        select(Kind::ALL),
        select(wrappings.to_vec()),
        select(certainties.to_vec()),
        facts(),
        few(warning()),
    );
    let read = said.prop_map(|(kind, wrapping, certainty, facts, warnings)| {
        Account::Read(Box::new(Said {
            kind,
            wrapping,
            certainty,
            facts,
            warnings,
        }))
    });
    prop_oneof![9 => read, 1 => select(reasons.to_vec()).prop_map(Account::Opaque)]
}

proptest! {
    #[test]
    fn whatever_is_said_of_a_file_comes_back(account in account()) {
        let bytes = account.encode();
        prop_assert_eq!(Account::decode(&bytes), Ok(account));
    }

    #[test]
    fn a_damaged_account_is_refused_or_another_sound_one(
        account in account(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index
    ) {
        let mut bytes = account.encode();
        prop_assert!(Account::decode(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(other) = Account::decode(&bytes) {
            prop_assert_eq!(Account::decode(&other.encode()), Ok(other));
        }
    }
}

#[test]
fn any_bytes_are_an_account_or_refused() {
    bolero::check!().for_each(|bytes: &[u8]| {
        if let Ok(account) = Account::decode(bytes) {
            assert_eq!(Account::decode(&account.encode()), Ok(account));
        }
    });
}

/// What the readers keep of the worst file stays below what an account may hold.
#[test]
fn the_fullest_account_fits() {
    let line = |n: u32| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"identifier\":[{{\"value\":\"{n}\"}}]}}\n"
        )
    };
    let lines: String = (0..200_000).map(line).collect();
    let account = Account::of("p.ndjson", &Window::whole(lines.as_bytes()));
    let bytes = account.encode();
    assert!(bytes.len() > 1 << 20 && bytes.len() < ACCOUNT_MAX);
    assert!(matches!(Account::decode(&bytes), Ok(Account::Read(_))));
}

/// Accounts are kept for every file of every snapshot: the bytes per file are a budget. Medians
/// before compression; a tree page then makes less of those that look alike.
#[test]
fn accounts_of_real_files_are_small_and_come_back() {
    let mut sizes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for sample in samples::all() {
        let account = Account::of(&sample.name, &Window::whole(&sample.bytes()));
        let bytes = account.encode();
        assert_eq!(
            Account::decode(&bytes).as_ref(),
            Ok(&account),
            "{}",
            sample.name
        );
        if let Account::Read(said) = &account {
            sizes
                .entry(said.kind.label())
                .or_default()
                .push(bytes.len());
        }
    }
    let budgets = [
        ("dicom-ct", 600),
        ("dicom-mr", 600),
        ("fastq", 200),
        ("fhir-json", 400),
    ];
    for (kind, mut of) in sizes {
        of.sort_unstable();
        let (median, most) = (of[of.len() / 2], of[of.len() - 1]);
        eprintln!(
            "{kind}: {} files, median {median}, most {most} bytes",
            of.len()
        );
        if let Some((_, budget)) = budgets.iter().find(|(name, _)| *name == kind) {
            assert!(median <= *budget, "{kind}: {median}");
        }
    }
}
