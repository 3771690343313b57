//! What a worker gives up before it reads its first byte.
//!
//! Each layer alone should be enough; where the system lacks one, its name is told. Afterwards the
//! process can read the one pipe, write the other, use memory up to a bound, and end.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Memory that a worker may have, in bytes: several times what the readers take at most.
const MEMORY: u64 = 768 << 20;

/// Processor time that a worker may use, in seconds, over all the files that it is shown.
const SECONDS: u64 = 3600;

/// The descriptors of the pipes: standard input and output. Standard error is nothing.
const KEPT: i32 = 2;

/// Locks this process in, for good. Returns what could not be locked.
#[must_use]
pub fn lock_in() -> Vec<&'static str> {
    close_all_else();
    let layers = [
        ("no dumps", no_dumps()),
        ("no new privileges", no_new_privileges()),
        ("Landlock", files_are_out_of_reach()),
        ("limits of resources", little_of_everything()),
        // The last: it forbids all that the others do.
        ("seccomp", few_system_calls()),
    ];
    let missing = layers.into_iter().filter(|(_, locked)| locked.is_none());
    missing.map(|(name, _)| name).collect()
}

/// What somebody let this program inherit.
fn close_all_else() {
    let folder = match cfg!(target_os = "linux") {
        true => "/proc/self/fd",
        false => "/dev/fd",
    };
    let Ok(open) = std::fs::read_dir(folder) else {
        return;
    };
    let numbers: Vec<i32> = open
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > KEPT)
        .collect();
    for number in numbers {
        // The one of the folder is gone already.
        let _ = nix::unistd::close(number);
    }
}

/// Neither a core file nor a debugger shows what was in memory.
fn no_dumps() -> Option<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).ok()
}

fn no_new_privileges() -> Option<()> {
    rustix::thread::set_no_new_privs(true).ok()
}

fn little_of_everything() -> Option<()> {
    let limits = [
        (Resource::As, MEMORY),
        (Resource::Cpu, SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        (Resource::Nofile, 0),
    ];
    for (resource, most) in limits {
        let (current, maximum) = (Some(most), Some(most));
        setrlimit(resource, Rlimit { current, maximum }).ok()?;
    }
    Some(())
}

/// No file, no folder, no socket, no signal to others.
#[cfg(target_os = "linux")]
fn files_are_out_of_reach() -> Option<()> {
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
    let abi = ABI::V6;
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
        .and_then(|rules| rules.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.restrict_self());
    let status = rules.ok()?.ruleset;
    (status != RulesetStatus::NotEnforced).then_some(())
}

/// Whatever else is asked of the kernel ends the process.
#[cfg(target_os = "linux")]
fn few_system_calls() -> Option<()> {
    let filter = filter().ok()?;
    let program: seccompiler::BpfProgram = filter.try_into().ok()?;
    seccompiler::apply_filter(&program).ok()
}

#[cfg(target_os = "linux")]
fn filter() -> Result<seccompiler::SeccompFilter, seccompiler::BackendError> {
    use seccompiler::SeccompCmpArgLen::Dword;
    use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
    use seccompiler::{SeccompAction, SeccompCondition, SeccompFilter, SeccompRule};

    let only = |argument, operator, value| {
        SeccompRule::new(vec![SeccompCondition::new(
            argument, Dword, operator, value,
        )?])
    };
    let exec = bits(libc::PROT_EXEC);
    let shared = bits(libc::MAP_ANONYMOUS);
    let anonymous = SeccompRule::new(vec![
        SeccompCondition::new(2, Dword, MaskedEq(exec), 0)?,
        SeccompCondition::new(3, Dword, MaskedEq(shared), shared)?,
    ])?;
    let mut rules = vec![
        (libc::SYS_read, vec![only(0, Eq, 0)?]),
        (libc::SYS_write, vec![only(0, Eq, 1)?]),
        (libc::SYS_mmap, vec![anonymous]),
        (libc::SYS_mprotect, vec![only(2, MaskedEq(exec), 0)?]),
    ];
    let plain = [
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getrandom,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_yield,
        libc::SYS_sigaltstack,
    ];
    rules.extend(plain.map(|call| (call, Vec::new())));
    SeccompFilter::new(
        rules.into_iter().collect(),
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )
}

#[cfg(target_os = "linux")]
fn bits(flags: i32) -> u64 {
    u64::from(flags.unsigned_abs())
}

#[cfg(not(target_os = "linux"))]
fn files_are_out_of_reach() -> Option<()> {
    None
}

#[cfg(not(target_os = "linux"))]
fn few_system_calls() -> Option<()> {
    None
}
