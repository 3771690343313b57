//! The bill of materials: which packages are linked into the programs (CycloneDX 1.6, JSON).

use super::{PROGRAMS, Release};
use crate::command::{cargo, command, text};
use crate::finding::{self, Chore, read};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Write it; its name.
pub fn write(root: &Path, out: &Path, release: &Release) -> Result<String, Chore> {
    let target = &release.build.target;
    let arguments = [
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        target,
    ];
    let metadata: Value = serde_json::from_str(&text(&mut cargo(&arguments, root))?)?;
    let checksums = checksums(&read(&root.join("Cargo.lock"))?);
    let seconds = format!("@{}", release.epoch);
    let time = ["--utc", "--date", &seconds, "+%Y-%m-%dT%H:%M:%SZ"];
    let time = text(&mut command("date", &time, root))?;
    let bill = bill(&metadata, &checksums, release, time.trim());
    let name = format!("{}.cdx.json", release.name());
    finding::write(&out.join(&name), format!("{bill:#}\n").as_bytes())?;
    Ok(name)
}

/// SHA-256 of each package's file, by name and version, from the lock file.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let field = |block: &str, name: &str| {
        let begin = format!("{name} = \"");
        let mut lines = block.lines();
        let value = lines.find_map(|line| line.strip_prefix(begin.as_str()))?;
        Some(value.trim_end_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]");
    let found = blocks.filter_map(|block| {
        let key = (field(block, "name")?, field(block, "version")?);
        Some((key, field(block, "checksum")?))
    });
    found.collect()
}

fn bill(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    release: &Release,
    time: &str,
) -> Value {
    let linked = linked(metadata);
    let packages = list(&metadata["packages"]).iter();
    let packages: Vec<&Value> = packages
        .filter(|package| linked.contains_key(word(&package["id"])))
        .collect();
    let names: BTreeMap<&str, String> = packages
        .iter()
        .map(|package| (word(&package["id"]), url(package)))
        .collect();
    let mut components: Vec<Value> = packages
        .iter()
        .map(|package| component(package, checksums))
        .collect();
    components.sort_by_key(|component| word(&component["purl"]).to_owned());
    let mut dependencies: Vec<Value> = linked
        .iter()
        .filter_map(|(id, on)| {
            let mut on: Vec<&String> = on.iter().filter_map(|id| names.get(id)).collect();
            on.sort();
            Some(json!({"ref": names.get(id)?, "dependsOn": on}))
        })
        .collect();
    dependencies.sort_by_key(|entry| word(&entry["ref"]).to_owned());
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "serialNumber": serial(&components, release),
        "metadata": {
            "timestamp": time,
            "component": {
                "type": "application",
                "bom-ref": "oncovault",
                "name": "oncovault",
                "version": release.version,
            },
            "properties": [{"name": "target", "value": release.build.target}],
        },
        "components": components,
        "dependencies": dependencies,
    })
}

/// Every package that is linked into a program, with those that it needs itself.
fn linked(metadata: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let nodes = list(&metadata["resolve"]["nodes"]).iter();
    let nodes: BTreeMap<&str, &Value> = nodes.map(|node| (word(&node["id"]), node)).collect();
    let packages = list(&metadata["packages"]).iter();
    let ours = packages.filter(|package| {
        package["source"].is_null() && PROGRAMS.contains(&word(&package["name"]))
    });
    let mut open: Vec<&str> = ours.map(|package| word(&package["id"])).collect();
    let mut found = BTreeMap::new();
    while let Some(id) = open.pop() {
        if found.contains_key(id) {
            continue;
        }
        let needed = nodes.get(id).map(|node| needed(node)).unwrap_or_default();
        open.extend(&needed);
        found.insert(id, needed);
    }
    found
}

/// Without what only builds or tests need.
fn needed(node: &Value) -> BTreeSet<&str> {
    let is_linked = |dependency: &&Value| {
        let mut kinds = list(&dependency["dep_kinds"]).iter();
        kinds.any(|kind| kind["kind"].is_null())
    };
    let dependencies = list(&node["deps"]).iter().filter(is_linked);
    dependencies
        .map(|dependency| word(&dependency["pkg"]))
        .collect()
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let (name, version) = (word(&package["name"]), word(&package["version"]));
    let url = url(package);
    let mut component = json!({
        "type": "library",
        "bom-ref": url,
        "name": name,
        "version": version,
        "purl": url,
        "licenses": [{"expression": word(&package["license"]).replace('/', " OR ")}],
    });
    if let Some(hash) = checksums.get(&(name.to_owned(), version.to_owned())) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": hash}]);
    }
    component
}

fn url(package: &Value) -> String {
    format!(
        "pkg:cargo/{}@{}",
        word(&package["name"]),
        word(&package["version"])
    )
}

/// The same for the same contents: a UUID of version 8 (RFC 9562) from their hash.
fn serial(components: &[Value], release: &Release) -> String {
    let text = format!(
        "{} {} {:?}",
        release.version, release.build.target, components
    );
    let hash = blake3::hash(text.as_bytes()).to_hex();
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default().to_owned();
    let (a, b, c, d, e) = (
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32),
    );
    format!("urn:uuid:{a}-{b}-8{c}-8{d}-{e}")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::build::Build;
    use super::*;

    fn made() -> Value {
        let package = |name: &str, source: Value| {
            json!({"id": format!("{name}#1"), "name": name, "version": "1.0.0",
                   "license": "MIT/Apache-2.0", "source": source})
        };
        let needs = |name: &str, kind: Value| json!({"pkg": format!("{name}#1"), "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("oncovault", Value::Null), package("linked", "registry".into()),
                package("builder", "registry".into()), package("tester", "registry".into()),
            ],
            "resolve": {"nodes": [
                {"id": "oncovault#1", "deps": [
                    needs("linked", Value::Null), needs("builder", "build".into()),
                    needs("tester", "dev".into()),
                ]},
                {"id": "linked#1", "deps": []},
            ]},
        });
        let lock = "[[package]]\nname = \"linked\"\nversion = \"1.0.0\"\nchecksum = \"abcd\"\n";
        let release = Release {
            version: "1.0.0".to_owned(),
            epoch: 0,
            build: Build {
                target: "x86_64-unknown-linux-musl".to_owned(),
            },
        };
        bill(
            &metadata,
            &checksums(lock),
            &release,
            "1970-01-01T00:00:00Z",
        )
    }

    #[test]
    fn what_is_linked_is_listed_with_hash_and_licence_and_nothing_else() {
        let made = made();
        let names: Vec<&str> = list(&made["components"])
            .iter()
            .map(|c| word(&c["name"]))
            .collect();
        assert_eq!(names, ["linked", "oncovault"]);
        let linked = &made["components"][0];
        assert_eq!(linked["purl"], "pkg:cargo/linked@1.0.0");
        assert_eq!(linked["hashes"][0]["content"], "abcd");
        assert_eq!(linked["licenses"][0]["expression"], "MIT OR Apache-2.0");
        let own = &made["dependencies"][1];
        assert_eq!(own["ref"], "pkg:cargo/oncovault@1.0.0");
        assert_eq!(own["dependsOn"], json!(["pkg:cargo/linked@1.0.0"]));
    }

    #[test]
    fn the_same_contents_give_the_same_bill() {
        assert_eq!(made(), made());
        let serial = made()["serialNumber"].clone();
        let serial = word(&serial).strip_prefix("urn:uuid:").unwrap().to_owned();
        let lengths: Vec<usize> = serial.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }
}
