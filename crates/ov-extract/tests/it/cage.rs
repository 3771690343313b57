//! From inside a locked process nothing is to be had.

use std::process::{Command, Stdio};

use crate::site::captive;

/// What it said after it was locked in.
fn attempt(what: &str) -> String {
    let child = Command::new(captive())
        .arg(what)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    let said = said
        .strip_prefix("locked but for ")
        .unwrap_or_else(|| panic!("{what}: {said}"));
    said.to_owned()
}

#[test]
fn a_locked_process_opens_no_file_no_socket_and_starts_nothing() {
    // What it may do shows that saying so works.
    assert!(attempt("nothing").ends_with("free\n"));
    let attempts = [
        "open", "write", "socket", "connect", "program", "thread", "kept", "signal", "memory",
    ];
    for what in attempts {
        assert!(!attempt(what).contains("free"), "{what}");
    }
}

/// Where the kernel has everything, nothing is lacking. This one has seccomp at least.
#[test]
fn what_could_not_be_locked_is_named() {
    let lacks = attempt("nothing");
    let lists = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    if lists.contains("landlock") {
        assert!(lacks.starts_with("[]"), "{lacks}");
    }
    assert!(!lacks.contains("seccomp"), "{lacks}");
}
