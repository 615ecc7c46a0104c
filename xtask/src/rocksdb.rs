//! The RocksDB archive: RocksDB's C++ is compiled once and every cargo command links to the result.
//!
//! Cargo on its own compiles RocksDB again for each profile, target folder and feature set, some 16 CPU
//! minutes each time. The build script of `librocksdb-sys` skips that when `ROCKSDB_LIB_DIR` names a finished
//! `librocksdb.a`. So this module lets cargo build `librocksdb-sys` in a stub package of its own, keeps the
//! archive, and writes a cargo configuration that names it, which `.cargo/config.toml` includes if it exists:
//!
//! ```text
//! target/rocksdb/                          or $ANTIPODE_ROCKSDB_DIR
//!   cargo.toml                             always in target/rocksdb: [env] ROCKSDB_LIB_DIR, ROCKSDB_STATIC
//!   <version>-<codecs>-<compiler>-<cpu>/
//!     lib/librocksdb.a                     complete, or not there at all
//!     build.log                            what the compiler said
//!     stub/, build/                        only while it is being built
//! ```
//!
//! The folder's name holds everything that the archive depends on, so a new version or compiler gets a new
//! archive, and never a stale one. Only the archive comes from here: headers, bindings, lz4 and zstd are
//! still the crates' own.

use std::env;
use std::fs::{self, File};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::stage::duration;
use crate::toolchain::{self, CxxCompiler};
use crate::workspace::{Workspace, cargo_program};

const CRATE: &str = "librocksdb-sys";
/// The codecs of the `rocksdb` line in the root `Cargo.toml`; `Archive::new` checks that they agree.
const CODECS: [&str; 2] = ["lz4", "zstd"];
/// How often progress is shown where there is no terminal to draw on.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

/// `cargo xtask rocksdb`
pub fn run(workspace: &Workspace) -> Result<()> {
    let archive = Archive::new(workspace)?;
    archive.ensure()?;
    println!("# cargo finds the archive by itself in this checkout; elsewhere:");
    for (name, value) in archive.environment() {
        println!("export {name}={value}");
    }
    Ok(())
}

/// The archive that this checkout needs, whether it exists yet or not.
pub struct Archive {
    kind: Kind,
}

enum Kind {
    /// The caller's `ROCKSDB_LIB_DIR`: used as it is.
    Given(PathBuf),
    Own(Recipe),
}

struct Recipe {
    folder: PathBuf,
    /// The configuration that `.cargo/config.toml` includes.
    cargo_config: PathBuf,
    lock_file: PathBuf,
    version: String,
    compiler: CxxCompiler,
    target_features: &'static str,
}

impl Archive {
    /// Works out which archive is needed, and makes sure that there is a toolchain to build it with.
    pub fn new(workspace: &Workspace) -> Result<Self> {
        let compiler = toolchain::ensure()?;
        if let Some(given) = env::var_os("ROCKSDB_LIB_DIR").map(PathBuf::from) {
            // Cargo hands us the [env] of the included configuration too; that one is our own archive.
            if !given.starts_with(cache_folder(workspace)) {
                ensure!(
                    given.join("librocksdb.a").exists() && env::var_os("ROCKSDB_STATIC").is_some(),
                    "ROCKSDB_LIB_DIR is {}, but this is not a folder with librocksdb.a, or ROCKSDB_STATIC=1 is not set; \
                     unset it to let this task build the archive",
                    given.display()
                );
                return Ok(Self {
                    kind: Kind::Given(given),
                });
            }
        }
        check_codecs(workspace)?;
        let lock_file = workspace.root().join("Cargo.lock");
        let version = locked_version(&lock_file)?;
        let target_features = target_features();
        let name = [
            format!("{CRATE}-{version}"),
            CODECS.join("-"),
            compiler.version.clone(),
            env::consts::ARCH.to_owned(),
            target_features.to_owned(),
        ]
        .join("-");
        Ok(Self {
            kind: Kind::Own(Recipe {
                folder: cache_folder(workspace).join(file_name(&name)),
                cargo_config: workspace.root().join("target/rocksdb/cargo.toml"),
                lock_file,
                version,
                compiler,
                target_features,
            }),
        })
    }

    /// What the build script of `librocksdb-sys` reads. The same values before and after the archive is
    /// built, so that a lint, which links nothing, need not wait for it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let folder = match &self.kind {
            Kind::Given(folder) => folder.clone(),
            Kind::Own(recipe) => recipe.lib(),
        };
        vec![
            ("ROCKSDB_LIB_DIR", folder.display().to_string()),
            ("ROCKSDB_STATIC", "1".to_owned()),
        ]
    }

    /// Builds the archive if it does not exist yet. Runs that meet here wait for each other.
    pub fn ensure(&self) -> Result<()> {
        match &self.kind {
            Kind::Given(_) => Ok(()),
            Kind::Own(recipe) => recipe.ensure(),
        }
    }
}

impl Recipe {
    fn lib(&self) -> PathBuf {
        self.folder.join("lib")
    }

    fn ensure(&self) -> Result<()> {
        let archive = self.lib().join("librocksdb.a");
        if !archive.exists() {
            fs::create_dir_all(&self.folder)
                .with_context(|| format!("cannot create {}", self.folder.display()))?;
            let lock = File::create(self.folder.join("lock"))?;
            lock.lock().context("cannot lock the archive's folder")?;
            // Another run may have built it while this one waited.
            if !archive.exists() {
                self.build(&archive)?;
            }
        }
        self.write_cargo_config()
    }

    fn build(&self, archive: &Path) -> Result<()> {
        let build = self.folder.join("build");
        let log = self.folder.join("build.log");
        let stub = self.write_stub()?;
        println!(
            "rocksdb: compiling {CRATE} {} once, with {}; this takes some 16 CPU minutes",
            self.version, self.compiler.program
        );
        let begun = Instant::now();
        let output = File::create(&log)?;
        let mut child = self
            .stub_command(&stub, &build)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot start cargo")?;
        if !self.watch(&mut child, &build, begun)? {
            bail!(
                "RocksDB did not compile; the whole log is {}\n{}",
                log.display(),
                last_lines(&log, 30)
            );
        }
        let built = find(&build, "librocksdb.a")
            .with_context(|| format!("cargo built no librocksdb.a in {}", build.display()))?;
        // Renamed into its place, so that an archive that is there is complete.
        let partial = self.folder.join("librocksdb.a.partial");
        fs::copy(&built, &partial)?;
        fs::create_dir_all(self.lib())?;
        fs::rename(&partial, archive)?;
        fs::remove_dir_all(&build)?;
        fs::remove_dir_all(&stub)?;
        println!("rocksdb: compiled in {}", duration(begun.elapsed()));
        Ok(())
    }

    /// A package outside the workspace whose only dependency is the crate that we want, as
    /// `cargo build -p librocksdb-sys` in the workspace would leave out the codecs.
    fn write_stub(&self) -> Result<PathBuf> {
        let stub = self.folder.join("stub");
        fs::create_dir_all(stub.join("src"))?;
        // "0.19.0+11.8.1": a requirement has no build metadata.
        let version = self.version.split('+').next().unwrap_or(&self.version);
        let features = CODECS.map(|codec| format!("{codec:?}")).join(", ");
        let manifest = format!(
            "[package]\nname = \"rocksdb-archive\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
             [workspace]\n\n\
             [dependencies]\n\
             {CRATE} = {{ version = \"={version}\", default-features = false, features = [{features}, \"bindgen-runtime\"] }}\n\n\
             [profile.dev]\nopt-level = 2\ndebug = false\n"
        );
        fs::write(stub.join("Cargo.toml"), manifest)?;
        fs::write(stub.join("src/lib.rs"), "")?;
        // The workspace's lock file: the same version of every crate, the codecs' headers among them.
        fs::copy(&self.lock_file, stub.join("Cargo.lock"))?;
        Ok(stub)
    }

    fn stub_command(&self, stub: &Path, build: &Path) -> Command {
        let mut command = Command::new(cargo_program());
        // The archive must not depend on how the caller builds everything else.
        for (name, _) in env::vars_os() {
            let steers_cargo = name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PROFILE_")
                    || name.starts_with("CARGO_PKG_")
                    || name.starts_with("CARGO_MANIFEST_")
            });
            if steers_cargo {
                command.env_remove(name);
            }
        }
        command
            .current_dir(stub)
            .arg("build")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", self.rust_flags())
            .env("CARGO_TARGET_DIR", build)
            .env("CARGO_INCREMENTAL", "0")
            .env("CXX", &self.compiler.program)
            .env("CC", self.compiler.c_compiler())
            // Without this a ROCKSDB_LIB_DIR in the environment would skip the compilation.
            .env("ROCKSDB_COMPILE", "1");
        command
    }

    /// The build script hands the target features on to the C++ compiler.
    fn rust_flags(&self) -> String {
        if self.target_features.is_empty() {
            String::new()
        } else {
            format!("-C target-feature={}", self.target_features)
        }
    }

    /// Shows progress until the compilation ends, and says whether it succeeded.
    fn watch(&self, child: &mut Child, build: &Path, begun: Instant) -> Result<bool> {
        let total = self.source_files();
        let terminal = std::io::stdout().is_terminal() && env::var_os("CI").is_none();
        let mut shown = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                if terminal {
                    print!("\r\x1b[K");
                }
                return Ok(status.success());
            }
            let line = || {
                let compiled = count_objects(build);
                format!(
                    "rocksdb: {compiled} of {total} files, {}",
                    duration(begun.elapsed())
                )
            };
            if terminal {
                print!("\r{}\x1b[K", line());
                std::io::stdout().flush()?;
            } else if shown.elapsed() >= PROGRESS_INTERVAL {
                println!("{}", line());
                shown = Instant::now();
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// How many files there are to compile, from the crate's own list.
    fn source_files(&self) -> String {
        let home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
        let package = format!("{CRATE}-{}", self.version);
        let list = home
            .and_then(|home| fs::read_dir(home.join("registry/src")).ok())
            .into_iter()
            .flatten()
            .flatten()
            .find_map(|index| {
                let list = index.path().join(&package).join("rocksdb_lib_sources.txt");
                fs::read_to_string(list).ok()
            });
        match list {
            Some(list) => list.lines().count().to_string(),
            None => "some 340".to_owned(),
        }
    }

    /// Tells every later cargo command in this checkout where the archive is.
    fn write_cargo_config(&self) -> Result<()> {
        let mut config =
            "# Written by `cargo xtask rocksdb`; .cargo/config.toml includes it.\n[env]\n"
                .to_owned();
        config += &format!("ROCKSDB_LIB_DIR = {:?}\n", self.lib().display().to_string());
        config += "ROCKSDB_STATIC = \"1\"\n";
        if fs::read_to_string(&self.cargo_config).is_ok_and(|written| written == config) {
            return Ok(());
        }
        if let Some(folder) = self.cargo_config.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.cargo_config, config)
            .with_context(|| format!("cannot write {}", self.cargo_config.display()))
    }
}

fn cache_folder(workspace: &Workspace) -> PathBuf {
    match env::var_os("ANTIPODE_ROCKSDB_DIR") {
        Some(folder) => workspace.root().join(folder),
        None => workspace.root().join("target/rocksdb"),
    }
}

/// Hardware CRC32C, which RocksDB takes only at compile time. Where this machine's processor lacks it (none
/// sold since 2011 does), the archive does without.
fn target_features() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("sse4.2") && std::is_x86_feature_detected!("pclmulqdq") {
        return "+sse4.2,+pclmulqdq";
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("crc")
        && std::arch::is_aarch64_feature_detected!("aes")
    {
        return "+crc,+aes";
    }
    ""
}

fn locked_version(lock_file: &Path) -> Result<String> {
    let text = fs::read_to_string(lock_file)
        .with_context(|| format!("cannot read {}", lock_file.display()))?;
    let lock: toml::Table = text.parse().context("Cargo.lock is not TOML")?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    packages
        .into_iter()
        .flatten()
        .find(|package| package.get("name").and_then(toml::Value::as_str) == Some(CRATE))
        .and_then(|package| package.get("version")?.as_str())
        .map(str::to_owned)
        .with_context(|| format!("Cargo.lock has no {CRATE}"))
}

/// The archive must hold the codecs that the workspace asks for, or the first open of a database fails.
fn check_codecs(workspace: &Workspace) -> Result<()> {
    let text = fs::read_to_string(workspace.root().join("Cargo.toml"))?;
    let manifest: toml::Table = text.parse().context("Cargo.toml is not TOML")?;
    let features: Vec<&str> = manifest["workspace"]["dependencies"]["rocksdb"]["features"]
        .as_array()
        .context("the rocksdb dependency in Cargo.toml has no features")?
        .iter()
        .filter_map(toml::Value::as_str)
        .filter(|feature| *feature != "bindgen-runtime")
        .collect();
    ensure!(
        features == CODECS,
        "the root Cargo.toml asks for rocksdb with {features:?}, but xtask/src/rocksdb.rs builds {CODECS:?}"
    );
    Ok(())
}

fn file_name(name: &str) -> String {
    let mut result = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || ".+_".contains(character) {
            result.push(character);
        } else if !result.ends_with('-') {
            result.push('-');
        }
    }
    result.trim_end_matches('-').to_owned()
}

/// How many files of RocksDB have been compiled; other crates of the build compile C too.
fn count_objects(build: &Path) -> usize {
    let is_ours = |path: &Path| {
        let mut parts = path.strip_prefix(build).unwrap_or(path).components();
        parts.any(|part| part.as_os_str().to_string_lossy().starts_with(CRATE))
    };
    files(build)
        .filter(|path| path.extension().is_some_and(|extension| extension == "o") && is_ours(path))
        .count()
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    files(folder).find(|path| path.file_name().is_some_and(|file| file == name))
}

/// Every file below a folder, in no order.
fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) => found.push(entry.path()),
                Err(_) => {}
            }
        }
    }
    found.into_iter()
}

fn last_lines(path: &Path, count: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_for_all_that_the_archive_depends_on() {
        assert_eq!(
            file_name(
                "librocksdb-sys-0.19.0+11.8.1-lz4-Debian clang version 14.0.6-x86_64-+sse4.2,+pclmulqdq"
            ),
            "librocksdb-sys-0.19.0+11.8.1-lz4-Debian-clang-version-14.0.6-x86_64-+sse4.2-+pclmulqdq"
        );
        assert_eq!(file_name("a (b) / c-"), "a-b-c");
    }

    #[test]
    fn this_workspace_asks_for_the_codecs_that_are_built() {
        let workspace = Workspace::find().expect("a workspace");
        check_codecs(&workspace).expect("the codecs agree");
    }
}
