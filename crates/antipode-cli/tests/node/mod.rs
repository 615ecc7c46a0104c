//! A real node for a test, and the program's commands against it.

// Each test program uses a part of this.
#![allow(dead_code, reason = "every test binary compiles this file for itself")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use tempfile::TempDir;

/// The program, with no settings of the one who runs the tests.
pub fn antipode(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_antipode"));
    command.current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ANTIPODE_")) {
        command.env_remove(name);
    }
    command
}

/// What a command came to.
#[derive(Debug, Eq, PartialEq)]
pub struct Told {
    pub code: Option<i32>,
    pub output: String,
    pub complaints: String,
}

impl Told {
    /// Expects success, and gives the output.
    #[track_caller]
    pub fn fine(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.output
    }
}

/// What a finished command came to.
pub fn told(output: Output) -> Told {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Told {
        code: output.status.code(),
        output: text(output.stdout),
        complaints: text(output.stderr),
    }
}

/// A node on a port of its own, stopped at the end of the test.
pub struct Node {
    pub process: Child,
    pub address: String,
    pub directory: TempDir,
}

impl Node {
    /// Starts a node with an empty database.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (process, address) = serve(directory.path(), "127.0.0.1:0");
        Self {
            process,
            address,
            directory,
        }
    }

    /// kill -9, and started again on the same port.
    pub fn crash(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
        let (process, _) = serve(self.directory.path(), &self.address);
        self.process = process;
    }

    /// A command that talks to this node, in its directory.
    pub fn command(&self, name: &str) -> Command {
        let mut command = antipode(self.directory.path());
        command.args([name, "--address", &self.address]);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Told {
        let (name, rest) = arguments.split_first().expect("a command");
        told(self.command(name).args(rest).output().expect("it starts"))
    }

    /// Runs a command that reads this.
    pub fn pipe(&self, arguments: &[&str], input: &str) -> Told {
        let (name, rest) = arguments.split_first().expect("a command");
        let mut command = self.command(name);
        let command = command.args(rest).stdin(Stdio::piped());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        let input = input.to_owned();
        // It may end without reading everything.
        std::thread::spawn(move || drop(pipe.write_all(input.as_bytes())));
        told(child.wait_with_output().expect("it ends"))
    }

    /// The rows of a query.
    #[track_caller]
    pub fn rows(&self, text: &str) -> Vec<serde_json::Value> {
        let output = self.run(&["query", text, "--output", "json"]).fine();
        serde_json::from_str(&output).expect("JSON")
    }

    /// A path in the node's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a file there.
    pub fn file(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("a file");
    }

    /// Stops the node in good order.
    pub fn stop(mut self) -> ExitStatus {
        drop(self.process.stdin.take());
        self.process.wait().expect("the node ends")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended already where the test stopped it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(directory: &Path, listen: &str) -> (Child, String) {
    let mut process = antipode(directory)
        .args(["serve", "--listen", listen, "--log-format", "json"])
        .arg("--stop-with-input")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a node starts");
    let mut log = BufReader::new(process.stderr.take().expect("a log"));
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(
            log.read_line(&mut line).expect("a line") > 0,
            "the node ended early"
        );
        let entry: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        if let Some(address) = entry["fields"]["listen"].as_str() {
            break address.to_owned();
        }
    };
    // The rest of the log is read, so that the node does not wait for it.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (process, address)
}
