//! What lies in the packages beside the programs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::world::{Said, World};

fn example(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("packaging/example").join(name)
}

#[test]
fn the_example_is_a_configuration_and_its_units_are_what_service_install_writes() {
    let world = World::empty();
    fs::copy(example("oncovault.toml"), world.path("oncovault.toml")).unwrap();
    let mut command = world.command();
    command.args(["--config", "oncovault.toml", "service", "install"]);
    let said = Said::of(command.args(["--root", "image"]).output().unwrap());
    assert_eq!(said.code, 0, "{}", said.err);
    for name in ["oncovault.service", "oncovault.timer"] {
        let written = world.path("image/etc/systemd/system").join(name);
        let written = fs::read_to_string(written).unwrap();
        let installed = written
            .replace(env!("CARGO_BIN_EXE_oncovault"), "/usr/bin/oncovault")
            .replace(
                &world.arg("oncovault.toml"),
                "/etc/oncovault/oncovault.toml",
            );
        let packaged = fs::read_to_string(example(name)).unwrap();
        assert_eq!(installed, packaged, "{name}");
    }
}
