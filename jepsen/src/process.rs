//! Nodes as processes: starting, killing, and reading what they log.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use tokio::sync::watch;

/// Names the program under test.
pub const BINARY_VARIABLE: &str = "ANTIPODE_BINARY";

/// A node that does not serve after this long will not.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Lines of the log that are kept for errors.
const TAIL_LINES: usize = 40;

/// Where the program under test is. `cargo xtask test` builds it and says so in the environment.
pub fn binary() -> Result<PathBuf> {
    let Some(path) = env::var_os(BINARY_VARIABLE).map(PathBuf::from) else {
        bail!(
            "{BINARY_VARIABLE} is not set: this test kills a real `antipode serve`, and must know which program it is. \
             `cargo xtask test` builds it and sets the variable. To run this test alone:\n\
             \n    cargo build -p antipode-cli\n    \
             {BINARY_VARIABLE}=$PWD/target/debug/antipode cargo test -p antipode-jepsen\n"
        );
    };
    if !path.is_file() {
        bail!(
            "{BINARY_VARIABLE} names {}, which is no file: build it with `cargo build -p antipode-cli`, or use \
             `cargo xtask test`",
            path.display()
        );
    }
    // The nodes run in directories of their own.
    Ok(path.canonicalize()?)
}

/// How a node is started.
#[derive(Clone, Debug)]
pub struct Launch {
    pub binary: PathBuf,
    pub data: PathBuf,
    /// Where it listens; port 0 is any that is free.
    pub listen: SocketAddr,
    /// What else it is told.
    pub arguments: Vec<OsString>,
    /// No file of the node grows beyond so many bytes: as if its disk were full.
    pub file_bytes_max: Option<u64>,
}

impl Launch {
    pub fn new(binary: &Path, data: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            data: data.to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            arguments: Vec::new(),
            file_bytes_max: None,
        }
    }

    fn command(&self) -> Command {
        let Some(bytes) = self.file_bytes_max else {
            return Command::new(&self.binary);
        };
        // A write beyond the limit raises SIGXFSZ; ignored, which is inherited, it fails with EFBIG instead.
        let mut command = Command::new("sh");
        let blocks = bytes / BLOCK_BYTES;
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        command.args(["-c", script.as_str()]).arg(&self.binary);
        command
    }

    /// Starts the node, and does not wait until it is ready.
    pub fn spawn(&self) -> Result<Node> {
        let mut command = self.command();
        command
            .arg("serve")
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &self.listen.to_string()])
            .args(["--log", "info", "--log-format", "json", "--stop-with-input"])
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // What configures the tests' caller does not configure their nodes.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("ANTIPODE_") {
                command.env_remove(name);
            }
        }
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        let stderr = child
            .stderr
            .take()
            .context("the node has no standard error")?;
        let log = Arc::new(Mutex::new(Log::default()));
        let (sender, address) = watch::channel(None);
        let reader = thread::spawn({
            let log = log.clone();
            move || read_log(stderr, &log, &sender)
        });
        Ok(Node {
            child: Some(child),
            started,
            log,
            address,
            reader: Some(reader),
        })
    }
}

/// What `ulimit -f` counts in, after POSIX.
const BLOCK_BYTES: u64 = 512;

/// A process that serves, or is about to. It is killed when this is dropped.
#[derive(Debug)]
pub struct Node {
    child: Option<Child>,
    started: Instant,
    log: Arc<Mutex<Log>>,
    address: watch::Receiver<Option<SocketAddr>>,
    reader: Option<thread::JoinHandle<()>>,
}

/// What a node has logged.
#[derive(Debug, Default)]
struct Log {
    tail: VecDeque<String>,
    troubles: Vec<String>,
}

impl Node {
    /// Waits until the node serves; says where, and how long after its start that was.
    pub async fn ready(&mut self) -> Result<(SocketAddr, Duration)> {
        let mut address = self.address.clone();
        let found = match tokio::time::timeout(READY_LIMIT, address.wait_for(Option::is_some)).await
        {
            Ok(Ok(address)) => *address,
            Ok(Err(_)) => None,
            Err(_) => bail!(
                "the node does not serve after {READY_LIMIT:?}; its log ends with\n{}",
                self.tail()
            ),
        };
        found
            .map(|address| (address, self.started.elapsed()))
            .ok_or_else(|| {
                anyhow!(
                    "the node ended before it served; its log ends with\n{}",
                    self.tail()
                )
            })
    }

    /// Where the node serves, once it does.
    pub fn address(&self) -> Option<SocketAddr> {
        *self.address.borrow()
    }

    /// Ends the node as a crash does: by SIGKILL.
    pub fn kill(mut self) -> Result<Vec<String>> {
        let mut child = self.child.take().context("the node was ended before")?;
        if let Some(status) = child.try_wait()? {
            bail!(
                "the node ended by itself with {status}; its log ends with\n{}",
                self.tail()
            );
        }
        child.kill()?;
        child.wait()?;
        Ok(self.troubles())
    }

    /// Asks the node to stop, by the end of its input, and waits for it.
    pub fn stop(mut self) -> Result<(ExitStatus, Vec<String>)> {
        let mut child = self.child.take().context("the node was ended before")?;
        drop(child.stdin.take());
        let status = child.wait()?;
        Ok((status, self.troubles()))
    }

    /// Whether the process is still there.
    pub fn lives(&mut self) -> Result<bool> {
        match &mut self.child {
            Some(child) => Ok(child.try_wait()?.is_none()),
            None => Ok(false),
        }
    }

    /// The last lines of the log.
    pub fn tail(&self) -> String {
        let log = lock(&self.log);
        let lines: Vec<&str> = log.tail.iter().map(String::as_str).collect();
        lines.join("\n")
    }

    /// Warnings, errors, and lines that are no log messages, such as those of a panic.
    fn troubles(&mut self) -> Vec<String> {
        if let Some(reader) = self.reader.take() {
            // It ends with the process, and a panic of it has been printed.
            let _ = reader.join();
        }
        std::mem::take(&mut lock(&self.log).troubles)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be gone already; then there is nothing to do.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_log(stderr: ChildStderr, log: &Mutex<Log>, address: &watch::Sender<Option<SocketAddr>>) {
    // A line that a kill cut in two may not be UTF-8.
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line).into_owned();
        if let Some(found) = serving_at(&line) {
            address.send_replace(Some(found));
        }
        let mut log = lock(log);
        if is_trouble(&line) {
            log.troubles.push(line.clone());
        }
        if log.tail.len() == TAIL_LINES {
            log.tail.pop_front();
        }
        log.tail.push_back(line);
    }
}

/// The address in the message of a node that is ready.
fn serving_at(line: &str) -> Option<SocketAddr> {
    let message: Value = serde_json::from_str(line).ok()?;
    let fields = message.get("fields")?;
    if fields.get("message")?.as_str()? != "serving clients" {
        return None;
    }
    fields.get("address")?.as_str()?.parse().ok()
}

fn is_trouble(line: &str) -> bool {
    let Ok(message) = serde_json::from_str::<Value>(line) else {
        // A message that the kill has cut off begins as one.
        return !line.is_empty() && !line.starts_with('{');
    };
    let level = message.get("level").and_then(Value::as_str);
    !matches!(level, Some("INFO" | "DEBUG" | "TRACE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_log() {
        let line = r#"{"level":"INFO","fields":{"message":"serving clients","address":"127.0.0.1:4711"},"target":"antipode"}"#;
        assert_eq!(
            serving_at(line),
            Some(SocketAddr::from(([127, 0, 0, 1], 4711)))
        );
        assert_eq!(serving_at(r#"{"fields":{"message":"stopping"}}"#), None);
        assert_eq!(serving_at("thread 'main' panicked"), None);
    }

    #[test]
    fn warnings_errors_and_panics_are_troubles() {
        assert!(!is_trouble(r#"{"level":"INFO","fields":{}}"#));
        assert!(is_trouble(r#"{"level":"WARN","fields":{}}"#));
        assert!(is_trouble("thread 'main' panicked at x.rs:1:1"));
        assert!(!is_trouble(r#"{"timestamp":"2026-"#));
        assert!(!is_trouble(""));
    }
}
