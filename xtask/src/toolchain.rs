//! What RocksDB needs from the system: a C++20 compiler, and libclang for its Rust bindings.
//!
//! Both are looked for by trying them, not by asking a package manager. What is missing is installed with
//! apt-get where there is one, after saying so; elsewhere the error names what to install. `clang++` is
//! preferred to `g++`: it compiles RocksDB in three quarters of the time and half the memory.

use std::env;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// A program that compiles C++20, as a small file with it has shown.
#[derive(Debug, Clone)]
pub struct CxxCompiler {
    pub program: String,
    /// The first line of `--version`, which names the compiler and its release.
    pub version: String,
}

impl CxxCompiler {
    /// The C compiler of the same family.
    pub fn c_compiler(&self) -> String {
        self.program
            .replace("clang++", "clang")
            .replace("g++", "gcc")
    }
}

/// Finds the C++ toolchain, after installing what is missing.
pub fn ensure() -> Result<CxxCompiler> {
    let (compiler, libclang) = (find_cxx(), has_libclang());
    if let (Some(compiler), true) = (&compiler, libclang) {
        return Ok(compiler.clone());
    }
    let mut packages = Vec::new();
    if compiler.is_none() {
        if let Some(program) = chosen_cxx() {
            bail!(
                "CXX is {program:?}, which does not compile C++20; name one that does, or unset it"
            );
        }
        println!("setup: no C++20 compiler found (tried clang++ and g++); RocksDB needs one");
        packages.extend(["clang", "g++"]);
    }
    if !libclang {
        println!("setup: no libclang found; the Rust bindings of RocksDB are generated with it");
        packages.push("libclang-dev");
    }
    install(&packages)?;
    let compiler = find_cxx().context("there is still no C++20 compiler after the installation")?;
    ensure!(
        has_libclang(),
        "there is still no libclang after the installation; set LIBCLANG_PATH to the folder that has libclang.so"
    );
    println!("setup: done, compiling C++ with {}", compiler.program);
    Ok(compiler)
}

/// The compiler that the user asks for.
fn chosen_cxx() -> Option<String> {
    env::var("CXX").ok().filter(|program| !program.is_empty())
}

fn find_cxx() -> Option<CxxCompiler> {
    let candidates = chosen_cxx().map_or_else(
        || vec!["clang++".to_owned(), "g++".to_owned()],
        |program| vec![program],
    );
    candidates.into_iter().find_map(|program| try_cxx(&program))
}

/// Compiles a few lines that need C++20 and the standard library.
fn try_cxx(program: &str) -> Option<CxxCompiler> {
    const SAMPLE: &str = "#include <concepts>\n#include <string>\n\
        template <std::integral T> T twice(T n) { return n + n; }\n\
        int main() { return twice(int(std::string().size())); }\n";
    // $CXX may name a wrapper as well, as in "sccache clang++".
    let mut words = program.split_whitespace();
    let first = words.next()?;
    let mut child = Command::new(first)
        .args(words)
        .args(["-std=c++20", "-fsyntax-only", "-x", "c++", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(SAMPLE.as_bytes()).ok()?;
    if !child.wait().ok()?.success() {
        return None;
    }
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("{program} --version"))
        .output()
        .ok()?;
    let version = String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .unwrap_or("unknown")
        .to_owned();
    Some(CxxCompiler {
        program: program.to_owned(),
        version,
    })
}

/// Whether bindgen will find libclang and, where it comes from Debian, the headers that belong to it.
fn has_libclang() -> bool {
    if let Some(path) = env::var_os("LIBCLANG_PATH") {
        return holds_libclang(Path::new(&path));
    }
    let mut folders = vec![
        PathBuf::from("/usr/lib"),
        PathBuf::from("/usr/lib64"),
        PathBuf::from("/usr/local/lib"),
        PathBuf::from("/opt/homebrew/opt/llvm/lib"),
        PathBuf::from("/usr/local/opt/llvm/lib"),
        PathBuf::from("/Library/Developer/CommandLineTools/usr/lib"),
    ];
    for entry in entries(Path::new("/usr/lib")) {
        let name = entry.file_name().map(|name| name.to_string_lossy());
        match name.as_deref() {
            Some(name) if name.starts_with("llvm") => folders.push(entry.join("lib")),
            Some(name) if name.ends_with("-linux-gnu") => folders.push(entry),
            _ => {}
        }
    }
    let found = folders.iter().any(|folder| holds_libclang(folder));
    found && (!has_program("apt-get") || folders.iter().any(|folder| holds_clang_headers(folder)))
}

fn holds_libclang(folder: &Path) -> bool {
    entries(folder).iter().any(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(is_libclang)
    })
}

fn is_libclang(name: &str) -> bool {
    let shared = name.contains(".so") || name.ends_with(".dylib");
    shared && name.starts_with("libclang") && !name.starts_with("libclang-cpp")
}

fn holds_clang_headers(folder: &Path) -> bool {
    entries(&folder.join("clang"))
        .iter()
        .any(|release| release.join("include/stddef.h").is_file())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else {
        return Vec::new();
    };
    listing.flatten().map(|entry| entry.path()).collect()
}

fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !has_program("apt-get") {
        bail!(
            "this system has no apt-get, so please install these yourself: {list} \
             (Fedora: clang clang-devel; Arch: clang; macOS: xcode-select --install and brew install llvm)"
        );
    }
    let mut prefix: Vec<&str> = Vec::new();
    if !is_root()? {
        if !has_program("sudo") {
            bail!(
                "not root, and no sudo; run this as root, then try again: apt-get install -y {list}"
            );
        }
        prefix.push("sudo");
        if std::io::stdin().is_terminal() {
            println!("setup: installing needs root, so sudo may ask for your password");
        } else {
            // Nobody is there to type a password: fail rather than wait for it.
            prefix.push("-n");
        }
    }
    println!("setup: installing {list} with apt-get");
    prefix.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    run_apt(&prefix, &["update", "-q"])?;
    let mut arguments = vec!["install", "-y", "-q", "--no-install-recommends"];
    arguments.extend(packages);
    run_apt(&prefix, &arguments)
}

fn run_apt(prefix: &[&str], arguments: &[&str]) -> Result<()> {
    let line = [prefix, arguments].concat();
    let (program, rest) = line.split_first().context("empty command")?;
    let status = Command::new(program)
        .args(rest)
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "failed ({status}): {}", line.join(" "));
    Ok(())
}

fn is_root() -> Result<bool> {
    let output = Command::new("id")
        .arg("-u")
        .output()
        .context("cannot run id -u")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libclang_is_told_from_its_neighbours() {
        for name in [
            "libclang.so",
            "libclang-14.so.14.0.6",
            "libclang.so.1",
            "libclang.dylib",
        ] {
            assert!(is_libclang(name), "{name}");
        }
        for name in [
            "libclang-cpp.so.14",
            "libclangAST.a",
            "clang",
            "libLLVM-14.so.1",
        ] {
            assert!(!is_libclang(name), "{name}");
        }
    }

    #[test]
    fn the_c_compiler_follows_the_cxx_compiler() {
        let of = |program: &str| {
            CxxCompiler {
                program: program.to_owned(),
                version: String::new(),
            }
            .c_compiler()
        };
        assert_eq!(of("clang++"), "clang");
        assert_eq!(of("g++-12"), "gcc-12");
        assert_eq!(of("sccache clang++-14"), "sccache clang-14");
    }
}
