//! Who and where we are.

/// The host's name.
pub fn host() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy().into_owned();
    match name.is_empty() {
        true => "localhost".to_owned(),
        false => name,
    }
}

/// The user's name, or number.
pub fn user() -> String {
    let set = |name| std::env::var(name).ok().filter(|user| !user.is_empty());
    set("USER")
        .or_else(|| set("LOGNAME"))
        .unwrap_or_else(|| rustix::process::geteuid().as_raw().to_string())
}

/// Both.
pub fn user_at_host() -> String {
    format!("{}@{}", user(), host())
}
