//! The packages of the workspace and what they depend on, read from their `Cargo.toml`s.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// A member of the workspace.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub folder: PathBuf,
    /// What the package itself is built with: `[dependencies]` and `[build-dependencies]`.
    pub dependencies: BTreeSet<String>,
    /// What only its tests, benches and examples use.
    pub dev_dependencies: BTreeSet<String>,
    pub manifest: toml::Table,
}

/// All members, by name.
pub fn packages(workspace: &Workspace) -> Result<BTreeMap<String, Package>> {
    let mut folders = vec!["xtask", "tests", "jepsen"]
        .into_iter()
        .map(|name| workspace.root().join(name))
        .collect::<Vec<_>>();
    for entry in fs::read_dir(workspace.root().join("crates"))? {
        folders.push(entry?.path());
    }
    let mut packages = BTreeMap::new();
    for folder in folders {
        if folder.join("Cargo.toml").is_file() {
            let package = read(&folder)?;
            packages.insert(package.name.clone(), package);
        }
    }
    Ok(packages)
}

/// The members whose build or tests reach the crate `target`, through whatever other members.
pub fn reaching(packages: &BTreeMap<String, Package>, target: &str) -> BTreeSet<String> {
    // A package is built for others without its dev-dependencies, so these count at the first step only.
    let mut built_with: BTreeSet<String> = BTreeSet::new();
    loop {
        let more: Vec<String> = packages
            .values()
            .filter(|package| !built_with.contains(&package.name))
            .filter(|package| {
                let mut names = package.dependencies.iter();
                names.any(|name| name == target || built_with.contains(name))
            })
            .map(|package| package.name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        built_with.extend(more);
    }
    let tested_with = packages.values().filter(|package| {
        let mut names = package.dev_dependencies.iter();
        names.any(|name| name == target || built_with.contains(name))
    });
    let tested_with: Vec<String> = tested_with.map(|package| package.name.clone()).collect();
    built_with.extend(tested_with);
    built_with
}

fn read(folder: &Path) -> Result<Package> {
    let path = folder.join("Cargo.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(folder, &text).with_context(|| format!("in {}", path.display()))
}

/// Reads one manifest.
pub fn parse(folder: &Path, text: &str) -> Result<Package> {
    let manifest: toml::Table = text.parse()?;
    let name = manifest
        .get("package")
        .and_then(|package| package.get("name")?.as_str())
        .context("no package name")?
        .to_owned();
    let mut dependencies = BTreeSet::new();
    let mut dev_dependencies = BTreeSet::new();
    let mut tables: Vec<&toml::Table> = vec![&manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    for table in tables {
        collect(table, "dependencies", &mut dependencies);
        collect(table, "build-dependencies", &mut dependencies);
        collect(table, "dev-dependencies", &mut dev_dependencies);
    }
    Ok(Package {
        name,
        folder: folder.to_path_buf(),
        dependencies,
        dev_dependencies,
        manifest,
    })
}

fn collect(table: &toml::Table, section: &str, names: &mut BTreeSet<String>) {
    let Some(entries) = table.get(section).and_then(toml::Value::as_table) else {
        return;
    };
    for (key, value) in entries {
        // `alias = { package = "real-name" }`
        let renamed = value.get("package").and_then(toml::Value::as_str);
        names.insert(renamed.unwrap_or(key).to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> Package {
        parse(Path::new("x"), text).expect("a manifest")
    }

    #[test]
    fn every_kind_of_dependency_is_seen() {
        let package = package(
            "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\nalias = { package = \"c\", version = \"1\" }\n\
             [build-dependencies]\nd = \"1\"\n[dev-dependencies]\ne = \"1\"\n\
             [target.'cfg(unix)'.dependencies]\nf = \"1\"\n",
        );
        assert_eq!(package.name, "a");
        assert_eq!(Vec::from_iter(&package.dependencies), ["b", "c", "d", "f"]);
        assert_eq!(Vec::from_iter(&package.dev_dependencies), ["e"]);
    }

    #[test]
    fn reaching_goes_through_members_but_not_through_their_dev_dependencies() {
        let packages: BTreeMap<String, Package> = [
            "[package]\nname = \"low\"\n[dependencies]\nrocksdb = \"1\"\n",
            "[package]\nname = \"high\"\n[dependencies]\nlow = \"1\"\n",
            "[package]\nname = \"tester\"\n[dev-dependencies]\nhigh = \"1\"\n",
            "[package]\nname = \"above-tester\"\n[dependencies]\ntester = \"1\"\n",
            "[package]\nname = \"pure\"\n",
        ]
        .into_iter()
        .map(package)
        .map(|package| (package.name.clone(), package))
        .collect();
        let found = reaching(&packages, "rocksdb");
        assert_eq!(Vec::from_iter(found), ["high", "low", "tester"]);
    }
}
