//! Passwords for PostgreSQL, in the file that its own programs read (its manual, chapter "The
//! Password File"): `host:port:database:user:password` on each line, `*` for any, `\` before `:`
//! and `\`.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use postgres::Config;
use postgres::config::Host;
use zeroize::Zeroizing;

use crate::error::CatalogError;

/// The port where none is named.
const PORT: u16 = 5432;

/// The password for a connection: out of the named file, else out of that of `PGPASSFILE` or
/// `~/.pgpass`, which need not be there.
pub(crate) fn password(
    named: Option<&Path>,
    config: &Config,
) -> Result<Option<Zeroizing<String>>, CatalogError> {
    let Some(path) = named.map(Path::to_owned).or_else(usual) else {
        return Ok(None);
    };
    let failed = |source| CatalogError::Passfile {
        path: path.clone(),
        source,
    };
    let mode = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.mode(),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if mode & 0o077 != 0 {
        return Err(CatalogError::OpenPassfile { path });
    }
    let text = Zeroizing::new(std::fs::read_to_string(&path).map_err(failed)?);
    Ok(in_text(&text, &place(config)))
}

fn usual() -> Option<PathBuf> {
    let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pgpass")))
}

/// Host, port, database and user, as the file names them.
fn place(config: &Config) -> [String; 4] {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(_)) | None => "localhost".to_owned(),
    };
    let user = config.get_user().unwrap_or_default();
    [
        host,
        config.get_ports().first().unwrap_or(&PORT).to_string(),
        config.get_dbname().unwrap_or(user).to_owned(),
        user.to_owned(),
    ]
}

fn in_text(text: &str, place: &[String; 4]) -> Option<Zeroizing<String>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(fields).find_map(|mut fields| {
        let password = (fields.len() == 5).then(|| fields.pop()).flatten()?;
        let fits =
            |(said, is): (&Zeroizing<String>, &String)| said[..] == *"*" || said[..] == is[..];
        fields.iter().zip(place).all(fits).then_some(password)
    })
}

fn fields(line: &str) -> Vec<Zeroizing<String>> {
    let mut fields = vec![Zeroizing::new(String::new())];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            ':' if fields.len() < 5 => {
                fields.push(Zeroizing::new(String::new()));
                continue;
            }
            '\\' => letters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(field) = fields.last_mut() {
            field.push(letter);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let place = ["db", "5432", "catalog", "anna"].map(str::to_owned);
        in_text(text, &place).map(|password| password.to_string())
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let cases = [
            ("db:5432:catalog:anna:one", Some("one")),
            (
                "# db\n*:*:*:bob:two\n*:*:*:anna:three\n*:*:*:*:four",
                Some("three"),
            ),
            ("db:5432:catalog:anna:a\\:b\\\\c", Some("a:b\\c")),
            ("db:5432:catalog:anna:a:b", Some("a:b")),
            ("d\\b:*:*:*:five", Some("five")),
            ("other:5432:catalog:anna:one", None),
            ("db:5432:catalog:anna", None),
            ("", None),
        ];
        for (text, password) in cases {
            assert_eq!(found(text).as_deref(), password, "{text}");
        }
    }
}
