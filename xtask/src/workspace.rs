//! The workspace as `cargo metadata` sees it.

use crate::command::{cargo, text};
use crate::finding::Chore;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Our packages by name, and everybody's licences.
#[derive(Debug)]
pub struct Workspace {
    /// Packages of this project.
    pub members: BTreeMap<String, Member>,
    /// Every package that the lock file can bring in, ours included.
    pub licences: Vec<Licence>,
}

/// One package of this project.
#[derive(Debug, Default)]
pub struct Member {
    /// Direct dependencies that are linked in (normal and build), by package name.
    pub linked: BTreeSet<String>,
    /// Direct dependencies of tests alone, by package name.
    pub tested_with: BTreeSet<String>,
    /// Features that are switched on where this package is linked, as `package/feature`: those that it
    /// asks of others, and those that are its own by default.
    pub features: BTreeSet<String>,
}

/// A package's own statement of its licence.
#[derive(Debug)]
pub struct Licence {
    /// Package name.
    pub package: String,
    /// Package version.
    pub version: String,
    /// The licence expression; empty where there is none.
    pub expression: String,
}

impl Workspace {
    /// Ask cargo.
    pub fn read(root: &Path) -> Result<Self, Chore> {
        let printed = text(&mut cargo(&["metadata", "--format-version", "1"], root))?;
        Ok(Self::parse(&serde_json::from_str(&printed)?))
    }

    fn parse(metadata: &Value) -> Self {
        let ours: BTreeSet<&str> = list(&metadata["workspace_members"])
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let packages = list(&metadata["packages"]);
        let members = packages
            .iter()
            .filter(|package| package["id"].as_str().is_some_and(|id| ours.contains(id)))
            .map(|package| (word(&package["name"]), Member::parse(package)))
            .collect();
        Self {
            members,
            licences: packages.iter().map(Licence::parse).collect(),
        }
    }
}

impl Member {
    fn parse(package: &Value) -> Self {
        let mut member = Self {
            features: default_features(package),
            ..Self::default()
        };
        for dependency in list(&package["dependencies"]) {
            let name = word(&dependency["name"]);
            if dependency["kind"].as_str() == Some("dev") {
                member.tested_with.insert(name);
                continue;
            }
            let asked = list(&dependency["features"]).iter();
            member
                .features
                .extend(asked.map(|feature| format!("{name}/{}", word(feature))));
            member.linked.insert(name);
        }
        member
    }
}

fn default_features(package: &Value) -> BTreeSet<String> {
    let own = word(&package["name"]);
    let listed = list(&package["features"]["default"]).iter().map(word);
    listed
        .map(|feature| {
            if feature.contains('/') {
                feature
            } else {
                format!("{own}/{feature}")
            }
        })
        .collect()
}

impl Licence {
    fn parse(package: &Value) -> Self {
        Self {
            package: word(&package["name"]),
            version: word(&package["version"]),
            expression: word(&package["license"]),
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_workspace_members_are_ours_and_test_dependencies_are_kept_apart() {
        let metadata = json!({
            "workspace_members": ["path+file:///p/ov-seal#0.1.0"],
            "packages": [
                {"id": "path+file:///p/ov-seal#0.1.0", "name": "ov-seal", "version": "0.1.0",
                 "license": "MIT", "dependencies": [
                    {"name": "ov-format", "kind": null, "features": ["vectors"]},
                    {"name": "cc", "kind": "build"},
                    {"name": "proptest", "kind": "dev", "features": ["std"]}],
                 "features": {"default": ["opening"], "opening": []}},
                {"id": "registry#other@1.0.0", "name": "other", "version": "1.0.0",
                 "license": null, "dependencies": []}
            ]
        });
        let workspace = Workspace::parse(&metadata);
        assert_eq!(workspace.members.len(), 1);
        let seal = &workspace.members["ov-seal"];
        assert!(seal.linked.contains("ov-format") && seal.linked.contains("cc"));
        assert!(seal.tested_with.contains("proptest") && !seal.linked.contains("proptest"));
        let features: Vec<_> = seal.features.iter().map(String::as_str).collect();
        assert_eq!(features, ["ov-format/vectors", "ov-seal/opening"]);
        assert_eq!(workspace.licences[1].expression, "");
    }
}
