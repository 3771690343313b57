//! The Debian package.

use super::ar::{Member, archive};
use super::{Release, clear, failed, tar};
use crate::command::{command, text};
use crate::finding::{self, Chore, read};
use std::fs;
use std::path::Path;

const TEMPLATE: &str = "packaging/debian/control";

/// Write it; its name.
pub fn write(root: &Path, out: &Path, stage: &Path, release: &Release) -> Result<String, Chore> {
    let architecture = release.build.debian_architecture()?;
    let control = out.join("control");
    clear(&control)?;
    let template = read(&root.join(TEMPLATE))?;
    let filled = fill(&template, release, architecture, kibibytes(stage)?);
    finding::write(&control.join("control"), filled.as_bytes())?;
    finding::write(&control.join("md5sums"), md5sums(stage)?.as_bytes())?;
    let (head, data) = (out.join("control.tar.xz"), out.join("data.tar.xz"));
    tar(&control, &head, &["--xz", "."], release)?;
    tar(stage, &data, &["--xz", "."], release)?;
    let take = |path: &Path| {
        let bytes = fs::read(path).map_err(|cause| failed(path, cause))?;
        fs::remove_file(path).map_err(|cause| failed(path, cause))?;
        Ok::<_, Chore>(bytes)
    };
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.xz", take(&head)?),
        ("data.tar.xz", take(&data)?),
    ];
    let members = members.map(|(name, content)| Member { name, content });
    let name = format!("oncovault_{}_{architecture}.deb", release.version);
    finding::write(&out.join(&name), &archive(&members, release.epoch))?;
    Ok(name)
}

fn fill(template: &str, release: &Release, architecture: &str, kibibytes: u64) -> String {
    template
        .replace("@VERSION@", &release.version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@SIZE@", &kibibytes.to_string())
}

/// What it takes on a disk.
fn kibibytes(stage: &Path) -> Result<u64, Chore> {
    let arguments = ["--summarize", "--apparent-size", "--block-size=1024", "usr"];
    let printed = text(&mut command("du", &arguments, stage))?;
    let number = printed.split_whitespace().next().unwrap_or_default();
    number
        .parse()
        .map_err(|_| Chore::Failed(format!("du printed {printed:?}")))
}

/// For `dpkg --verify`.
fn md5sums(stage: &Path) -> Result<String, Chore> {
    let script = "find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum";
    text(&mut command("sh", &["-ec", script], stage))
}

#[cfg(test)]
mod tests {
    use super::super::build::Build;
    use super::*;

    #[test]
    fn the_control_file_names_version_architecture_and_size_and_depends_on_nothing() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let template = read(&root.join(TEMPLATE)).unwrap();
        let release = Release {
            version: "1.2.3".to_owned(),
            epoch: 0,
            build: Build {
                target: "x86_64-unknown-linux-musl".to_owned(),
            },
        };
        let control = fill(&template, &release, "amd64", 4711);
        for line in [
            "Package: oncovault",
            "Version: 1.2.3",
            "Architecture: amd64",
            "Installed-Size: 4711",
        ] {
            assert!(control.lines().any(|found| found == line), "{line}");
        }
        assert!(
            !control.contains('@') || control.contains("Maintainer: "),
            "{control}"
        );
        assert!(!control.contains("\nDepends:"), "the programs are static");
        assert!(control.ends_with('\n') && !control.contains("\n\n"));
    }
}
