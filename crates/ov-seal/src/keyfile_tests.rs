use ov_format::id::{ObjectHash, TargetId};
use ov_format::name::LogId;

use super::*;
use crate::entropy::SeededEntropy;
use crate::sign::Domain;

fn facts() -> KeyFacts {
    let log = LogId {
        member: MemberId([2; 8]),
        target: TargetId([3; 8]),
    };
    let root = RecordName {
        log,
        number: 0,
        hash: ObjectHash([4; 32]),
    };
    KeyFacts {
        vault: VaultId([1; 32]),
        root,
        head: RecordName { number: 17, ..root },
        member: MemberId([2; 8]),
        name: "Zoë Müller, Onkologie".into(),
        roles: vec![Role::Agent, Role::Reader],
    }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.into()).unwrap()
}

fn file(wrap: Wrap<'_>) -> KeyFile {
    let entropy = SeededEntropy::new(1);
    KeyFile::new(facts(), &MemberSecret::generate(&entropy), wrap, &entropy).unwrap()
}

fn member() -> MemberSecret {
    MemberSecret::generate(&SeededEntropy::new(1))
}

/// Writes the body anew after `change`, with a right checksum: not damage, but forgery.
fn forge(text: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut body = unarmour(text).unwrap().to_vec();
    body.truncate(body.len() - CHECKSUM_BYTES);
    change(&mut body);
    let sum = checksum(&body);
    body.extend_from_slice(&sum);
    armour(&facts(), &body).to_string()
}

#[test]
fn a_bare_file_gives_its_member_back_without_a_passphrase() {
    let read = KeyFile::parse(&file(Wrap::None).text()).unwrap();
    assert_eq!(read.protection(), Protection::None);
    assert_eq!(read.facts(), &facts());
    assert_eq!(read.unlock(None).unwrap().public(), member().public());
}

#[test]
fn a_wrapped_file_opens_with_its_passphrase_only() {
    let (right, wrong) = (passphrase("correct horse"), passphrase("correct horsE"));
    let read = KeyFile::parse(&file(Wrap::Passphrase(&right)).text()).unwrap();
    assert_eq!(read.protection(), Protection::Passphrase);
    assert_eq!(
        read.unlock(Some(&right)).unwrap().public(),
        member().public()
    );
    assert_eq!(
        read.unlock(Some(&wrong)).err(),
        Some(KeyFileError::WrongPassphrase)
    );
    assert_eq!(
        read.unlock(None).err(),
        Some(KeyFileError::PassphraseNeeded)
    );
}

#[test]
fn a_new_passphrase_replaces_the_old_one_and_the_member_stays() {
    let (old, new) = (passphrase("old"), passphrase("new"));
    let first = file(Wrap::Passphrase(&old));
    let entropy = SeededEntropy::new(9);
    let refused = first.rewrap(Some(&new), facts(), Wrap::None, &entropy);
    assert_eq!(refused.err(), Some(KeyFileError::WrongPassphrase));
    let second = first
        .rewrap(Some(&old), facts(), Wrap::Passphrase(&new), &entropy)
        .unwrap();
    assert_eq!(
        second.unlock(Some(&old)).err(),
        Some(KeyFileError::WrongPassphrase)
    );
    let signature = second
        .unlock(Some(&new))
        .unwrap()
        .sign(Domain::Record, b"x");
    assert_eq!(
        member()
            .public()
            .verify
            .verify(Domain::Record, b"x", &signature),
        Ok(())
    );
}

#[test]
fn nobody_can_change_what_a_wrapped_file_says_of_its_owner() {
    let right = passphrase("right");
    let text = file(Wrap::Passphrase(&right)).text();
    let vault_at = 2 + 2 + 1 + 2;
    let forged = forge(&text, |body| body[vault_at] ^= 1);
    let read = KeyFile::parse(&forged).unwrap();
    assert_ne!(read.facts().vault, facts().vault);
    assert_eq!(
        read.unlock(Some(&right)).err(),
        Some(KeyFileError::WrongPassphrase)
    );
}

#[test]
fn a_changed_character_anywhere_is_called_damage() {
    let text = file(Wrap::None).text();
    let start = text.find("\n\n").unwrap() + 2;
    let end = text.find(END).unwrap();
    for at in start..end {
        let mut bytes = text.as_bytes().to_vec();
        if bytes[at] == b'\n' {
            continue;
        }
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let damaged = String::from_utf8(bytes).unwrap();
        assert_eq!(
            KeyFile::parse(&damaged).err(),
            Some(KeyFileError::Damaged),
            "byte {at}"
        );
    }
}

#[test]
fn a_file_cut_short_is_called_damage_or_no_key_file() {
    let text = file(Wrap::None).text().replace("Zoë Müller", "Zoe Mueller");
    let ends = text.find(END).unwrap() + END.len();
    for length in 0..ends {
        let found = KeyFile::parse(&text[..length]).err();
        let begun = length >= BEGIN.len();
        let expected = if begun {
            KeyFileError::Damaged
        } else {
            KeyFileError::NotAKeyFile
        };
        assert_eq!(found, Some(expected), "{length} bytes");
    }
    assert!(KeyFile::parse(&text[..ends]).is_ok());
}

#[test]
fn a_file_of_a_newer_version_is_refused_by_name() {
    let forged = forge(&file(Wrap::None).text(), |body| {
        body.truncate(2);
        body[1] = 7;
        body.extend_from_slice(&[0xf6, 0xf6]);
    });
    assert_eq!(KeyFile::parse(&forged).err(), Some(KeyFileError::Newer(7)));
}

#[test]
fn other_texts_are_no_key_files() {
    for text in ["", "-----BEGIN OPENSSH PRIVATE KEY-----", "oncovault"] {
        assert_eq!(KeyFile::parse(text).err(), Some(KeyFileError::NotAKeyFile));
    }
    let empty = format!("{BEGIN}\n{END}");
    assert_eq!(KeyFile::parse(&empty).err(), Some(KeyFileError::Damaged));
    let endless = format!("{BEGIN}\n{}\n{END}", "A".repeat(BASE64_BYTES_MAX + 1));
    assert_eq!(KeyFile::parse(&endless).err(), Some(KeyFileError::Damaged));
}

#[test]
fn what_editors_and_mail_programs_do_to_lines_is_no_damage() {
    let text = file(Wrap::None).text();
    let quoted = format!(
        "Dear Anna,\r\n\r\n  {}  Regards\r\n",
        text.replace('\n', " \r\n  ")
    );
    assert_eq!(KeyFile::parse(&quoted).unwrap().facts(), &facts());
}

#[test]
fn a_person_sees_role_name_and_vault() {
    let text = file(Wrap::None).text();
    let head: Vec<_> = text.lines().take(4).collect();
    assert_eq!(head[0], BEGIN);
    assert_eq!(head[1], "Role: agent, reader");
    assert_eq!(head[2], "Name: Zoë Müller, Onkologie");
    assert_eq!(head[3], format!("Vault: {}", VaultId([1; 32])));
}

#[test]
fn names_that_would_break_the_file_are_refused() {
    let entropy = SeededEntropy::new(1);
    for name in ["", "a\nb", "a\u{7}", &"x".repeat(NAME_BYTES_MAX + 1)] {
        let facts = KeyFacts {
            name: name.into(),
            ..facts()
        };
        let found = KeyFile::new(facts, &member(), Wrap::None, &entropy);
        assert_eq!(found.err(), Some(KeyFileError::BadName), "{name:?}");
    }
}

#[test]
fn a_name_that_looks_like_armour_does_no_harm() {
    let entropy = SeededEntropy::new(1);
    for name in [END, BEGIN, "x: AAAA"] {
        let facts = KeyFacts {
            name: name.into(),
            ..facts()
        };
        let file = KeyFile::new(facts.clone(), &member(), Wrap::None, &entropy).unwrap();
        assert_eq!(
            KeyFile::parse(&file.text()).unwrap().facts(),
            &facts,
            "{name}"
        );
    }
}

#[test]
fn trailing_bytes_and_unknown_wraps_and_roles_are_refused() {
    let text = file(Wrap::None).text();
    let longer = forge(&text, |body| body.push(0));
    assert_eq!(KeyFile::parse(&longer).err(), Some(KeyFileError::Damaged));
    let wrap = forge(&text, |body| {
        let at = body.len() - 35;
        assert_eq!(body[at..at + 2], [WRAP_NONE, 0x58]);
        body[at] = 9;
    });
    assert_eq!(KeyFile::parse(&wrap).err(), Some(KeyFileError::Damaged));
    let role = forge(&text, |body| {
        let at = body.len() - 37;
        assert_eq!(body[at], Role::Reader.code());
        body[at] = 23;
    });
    assert_eq!(KeyFile::parse(&role).err(), Some(KeyFileError::Damaged));
}

#[test]
fn the_seed_is_never_shown() {
    let shown = format!("{:?}", file(Wrap::None));
    assert!(shown.contains("Bare(Key32(hidden))"), "{shown}");
}

/// RFC 9106 §5.3.
#[test]
fn argon2id_answers_the_vector_of_rfc_9106() {
    let data = argon2::AssociatedData::new(&[4; 12]).unwrap();
    let mut builder = argon2::ParamsBuilder::new();
    builder.m_cost(32).t_cost(3).p_cost(4).data(data);
    let (kind, version) = (Algorithm::Argon2id, Version::V0x13);
    let argon = Argon2::new_with_secret(&[3; 8], kind, version, builder.build().unwrap()).unwrap();
    let mut tag = [0; 32];
    argon
        .hash_password_into(&[1; 32], &[2; 16], &mut tag)
        .unwrap();
    let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
    assert_eq!(data_encoding::HEXLOWER.encode(&tag), expected);
}

#[test]
fn facts_written_in_another_way_are_refused() {
    // A fifth field in the root record: readable, but not what the associated data would be.
    let (root_at, after_root) = (39, 93);
    let forged = forge(&file(Wrap::None).text(), |body| {
        assert_eq!((body[root_at], body[after_root]), (0x84, 0x84));
        body[root_at] = 0x85;
        body.insert(after_root, 0);
        body[3] += 1;
    });
    assert_eq!(KeyFile::parse(&forged).err(), Some(KeyFileError::Damaged));
}
