//! A drive in somebody's home.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A drive, mounted below `media`.
pub struct Drive {
    device: String,
    point: PathBuf,
}

impl Drive {
    /// With a file system, as people buy them. `None` where drives cannot be made.
    pub fn mount(home: &Path, label: &str) -> Option<Self> {
        let image = home.join(".drive");
        File::create(&image).ok()?.set_len(64 << 20).ok()?;
        said(
            Command::new("mkfs.ext4")
                .args(["-q", "-L", label])
                .arg(&image),
        )?;
        let device = said(Command::new("losetup").args(["-f", "--show"]).arg(&image))?;
        let point = home.join("media").join(label);
        fs::create_dir_all(&point).ok()?;
        let drive = Self { device, point };
        said(Command::new("mount").arg(&drive.device).arg(&drive.point))?;
        Some(drive)
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let _ = said(Command::new("umount").arg("-l").arg(&self.point));
        let _ = said(Command::new("losetup").args(["-d", &self.device]));
    }
}

/// What a program printed; `None` if it failed.
fn said(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
