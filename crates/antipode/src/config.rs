//! The configuration of a node: one table of keys, from which file, environment, flags and documentation derive.
//!
//! A key has one name in all places: `query_memory_bytes` in `antipode.toml`, `ANTIPODE_QUERY_MEMORY_BYTES` in the
//! environment, `--query-memory-bytes` on the command line. Values are texts in all of them (a number or a boolean in
//! the file is read as its text, an array as its elements with commas between), so that a value means the same wherever it
//! stands and its error reads the same too. Later sources win: file, then environment, then flags.
//!
//! [`KEYS`] is the table; `docs/configuration.md` is [`reference`], held fresh by a test. Nothing here opens a file or
//! reads a variable: whoever starts a node does that and calls [`Config::set`] for what it finds, then
//! [`Config::check`].

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use antipode_engine::Durability;

use crate::database::{Cluster, Options};

mod error;
mod value;

pub use error::ConfigError;
use error::{nearest, shorten};
use value::{
    address, addresses, bytes, bytes_text, host_and_port, name, number, path, path_text, switch,
    time, time_text,
};

/// The port of everything: gRPC on TCP, peers on UDP.
pub const PORT: u16 = 7490;

/// Prefix of the environment variables.
pub const ENVIRONMENT_PREFIX: &str = "ANTIPODE_";

/// How a node is set up. [`Config::default`] is a single node that needs nothing else.
///
/// ```
/// let mut config = antipode::Config::default();
/// config.set("region", "frankfurt", &antipode::config::Origin::Code)?;
/// config.check()?;
/// assert_eq!(config.region, "frankfurt");
/// # Ok::<(), antipode::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// The node's name. Of a member of a cluster the name in its certificate.
    pub node: String,
    /// The node's region. Of a member of a cluster the region in its certificate.
    pub region: String,
    /// Where clients (TCP) and peers (UDP) are served.
    pub listen: SocketAddr,
    /// The directory with the node's certificate bundle; without one the node is alone and opens no peer port.
    pub bundle: Option<PathBuf>,
    /// Whether this node founds its cluster.
    pub found: bool,
    /// Addresses of members, to be taken in by.
    pub join: Vec<String>,
    /// The address that is given to peers; empty: the one that is listened on.
    pub advertise: String,
    /// Whether clients may slow and cut this node's lines to its peers.
    pub wan: bool,
    /// The durability of writes that ask for none.
    pub durability: Durability,
    /// Certificate chain for clients, a PEM file.
    pub tls_certificate: Option<PathBuf>,
    /// Key of that certificate, a PEM file.
    pub tls_key: Option<PathBuf>,
    /// Authority whose certificates clients must show, a PEM file.
    pub client_ca: Option<PathBuf>,
    /// Whether clients on other machines are served without certificates.
    pub insecure: bool,
    /// Most memory of one query, in bytes.
    pub query_memory_bytes: u64,
    /// Longest text of a query, in bytes.
    pub query_text_bytes: u64,
    /// Most memory for plans of queries, in bytes.
    pub plan_cache_bytes: u64,
    /// From when on a query is a slow one.
    pub slow_query: Duration,
    /// Largest request of a client, in bytes.
    pub request_bytes: u64,
    /// Calls of clients that are worked on at a time.
    pub calls_max: u64,
    /// Longest time of a client's call that names none.
    pub call_deadline: Duration,
    /// Memory for blocks of table files, in bytes.
    pub cache_bytes: u64,
    /// Memory for recent writes, in bytes.
    pub write_buffer_bytes: u64,
    /// Which log messages are written.
    pub log: String,
    /// How log messages are written.
    pub log_format: LogFormat,
}

/// How log messages are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("antipode-data"),
            node: "local".to_owned(),
            region: "local".to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            bundle: None,
            found: false,
            join: Vec::new(),
            advertise: String::new(),
            wan: false,
            durability: Durability::Disk,
            tls_certificate: None,
            tls_key: None,
            client_ca: None,
            insecure: false,
            query_memory_bytes: 256 << 20,
            query_text_bytes: 1 << 20,
            plan_cache_bytes: 32 << 20,
            slow_query: Duration::from_secs(10),
            request_bytes: 32 << 20,
            calls_max: 64,
            call_deadline: Duration::from_secs(60),
            cache_bytes: 64 << 20,
            write_buffer_bytes: 32 << 20,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

/// One configuration key.
pub struct Key {
    /// Its name in the file; environment and flag follow from it.
    pub name: &'static str,
    /// What its value is, for people and for the choice of the flag's form.
    pub kind: Kind,
    /// What it does, for the command line's help and the reference.
    pub doc: &'static str,
    get: fn(&Config) -> String,
    set: fn(&mut Config, &str) -> Result<(), String>,
}

/// What a key's value is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `true` or `false`; as a flag it needs no value.
    Switch,
    /// Any text.
    Text,
    /// A path, relative to the working directory.
    Path,
    /// `IP:PORT`.
    Address,
    /// Addresses, with commas between.
    Addresses,
    /// A whole number above 0.
    Number,
    /// A number of bytes, or one with a unit: `64MiB`.
    Bytes,
    /// A time with its unit: `30s`.
    Time,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// Every configuration key, in the order of the reference.
pub const KEYS: &[Key] = &[
    Key {
        name: "data",
        kind: Kind::Path,
        doc: "The data directory, made if it is not there. It belongs to one node: never copy it to start another.",
        get: |config| path_text(Some(&config.data)),
        set: |config, text| {
            config.data = path(text)?.ok_or("a node needs a data directory")?;
            Ok(())
        },
    },
    Key {
        name: "node",
        kind: Kind::Text,
        doc: "The node's name: lower-case letters, digits, '-', '_' and '.', at most 63 of them. With a bundle it is the \
              name in the certificate, and need not be given.",
        get: |config| config.node.clone(),
        set: |config, text| name(text).map(|name| config.node = name),
    },
    Key {
        name: "region",
        kind: Kind::Text,
        doc: "The node's region; the same letters as in `node`. With a bundle it is the region in the certificate.",
        get: |config| config.region.clone(),
        set: |config, text| name(text).map(|name| config.region = name),
    },
    Key {
        name: "listen",
        kind: Kind::Address,
        doc: "Where the node is reached: clients by gRPC on this TCP port, peers by QUIC on the same UDP port.",
        get: |config| config.listen.to_string(),
        set: |config, text| address(text).map(|address| config.listen = address),
    },
    Key {
        name: "bundle",
        kind: Kind::Path,
        doc: "The directory with the node's certificates, made by `antipode cluster issue`. Without it the node is \
              alone and opens no peer port.",
        get: |config| path_text(config.bundle.as_ref()),
        set: |config, text| path(text).map(|path| config.bundle = path),
    },
    Key {
        name: "found",
        kind: Kind::Switch,
        doc: "Found the cluster: for its first node, and only for that. Has no effect once the node is a member.",
        get: |config| config.found.to_string(),
        set: |config, text| switch(text).map(|on| config.found = on),
    },
    Key {
        name: "join",
        kind: Kind::Addresses,
        doc: "Addresses of members (`host:port`): the first that is reached takes this node in. Needed only until the \
              node is a member, harmless later.",
        get: |config| config.join.join(","),
        set: |config, text| addresses(text).map(|addresses| config.join = addresses),
    },
    Key {
        name: "advertise",
        kind: Kind::Text,
        doc: "The address (`host:port`) that peers are told to reach this node by. Empty: that of `listen`.",
        get: |config| config.advertise.clone(),
        set: |config, text| match text {
            "" => {
                config.advertise.clear();
                Ok(())
            }
            text => host_and_port(text).map(|address| config.advertise = address),
        },
    },
    Key {
        name: "durability",
        kind: Kind::Choice(&["disk", "memory"]),
        doc: "When a write that asks for nothing else is acked: `disk`, after it is synced; `memory`, once the operating \
              system has it, so that a crash of the process loses nothing but a power cut may lose the last moments.",
        get: |config| config.durability.name().to_owned(),
        set: |config, text| {
            config.durability = match text {
                "disk" => Durability::Disk,
                "memory" => Durability::Memory,
                _ => return Err("there are disk and memory".to_owned()),
            };
            Ok(())
        },
    },
    Key {
        name: "tls_certificate",
        kind: Kind::Path,
        doc: "The certificate chain that clients see, a PEM file. With it (and `tls_key`) clients are served by TLS.",
        get: |config| path_text(config.tls_certificate.as_ref()),
        set: |config, text| path(text).map(|path| config.tls_certificate = path),
    },
    Key {
        name: "tls_key",
        kind: Kind::Path,
        doc: "The key of `tls_certificate`, a PEM file.",
        get: |config| path_text(config.tls_key.as_ref()),
        set: |config, text| path(text).map(|path| config.tls_key = path),
    },
    Key {
        name: "client_ca",
        kind: Kind::Path,
        doc: "The authority whose certificates clients must show, a PEM file. Needs `tls_certificate`.",
        get: |config| path_text(config.client_ca.as_ref()),
        set: |config, text| path(text).map(|path| config.client_ca = path),
    },
    Key {
        name: "insecure",
        kind: Kind::Switch,
        doc: "Serve clients of other machines though they show no certificates: whoever reaches the port may read and \
              write everything.",
        get: |config| config.insecure.to_string(),
        set: |config, text| switch(text).map(|on| config.insecure = on),
    },
    Key {
        name: "query_memory_bytes",
        kind: Kind::Bytes,
        doc: "Most memory that one query may hold; a query can ask for less.",
        get: |config| bytes_text(config.query_memory_bytes),
        set: |config, text| bytes(text).map(|bytes| config.query_memory_bytes = bytes),
    },
    Key {
        name: "query_text_bytes",
        kind: Kind::Bytes,
        doc: "Longest text of a query.",
        get: |config| bytes_text(config.query_text_bytes),
        set: |config, text| bytes(text).map(|bytes| config.query_text_bytes = bytes),
    },
    Key {
        name: "plan_cache_bytes",
        kind: Kind::Bytes,
        doc: "Most memory for the plans of queries, which are kept for when the same text comes again; 0 keeps none.",
        get: |config| bytes_text(config.plan_cache_bytes),
        set: |config, text| bytes(text).map(|bytes| config.plan_cache_bytes = bytes),
    },
    Key {
        name: "slow_query",
        kind: Kind::Time,
        doc: "A query that runs longer than this is logged, and listed among the slow ones.",
        get: |config| time_text(config.slow_query),
        set: |config, text| time(text).map(|time| config.slow_query = time),
    },
    Key {
        name: "request_bytes",
        kind: Kind::Bytes,
        doc: "Largest request of a client.",
        get: |config| bytes_text(config.request_bytes),
        set: |config, text| bytes(text).map(|bytes| config.request_bytes = bytes),
    },
    Key {
        name: "calls_max",
        kind: Kind::Number,
        doc: "Calls of clients that are worked on at a time; more wait for their turn.",
        get: |config| config.calls_max.to_string(),
        set: |config, text| number(text).map(|number| config.calls_max = number),
    },
    Key {
        name: "call_deadline",
        kind: Kind::Time,
        doc: "A client's call that names no deadline of its own is given up after this. Queries and subscriptions that \
              stream are not.",
        get: |config| time_text(config.call_deadline),
        set: |config, text| time(text).map(|time| config.call_deadline = time),
    },
    Key {
        name: "cache_bytes",
        kind: Kind::Bytes,
        doc: "Memory for blocks of the store's files. Taken as it is used.",
        get: |config| bytes_text(config.cache_bytes),
        set: |config, text| bytes(text).map(|bytes| config.cache_bytes = bytes),
    },
    Key {
        name: "write_buffer_bytes",
        kind: Kind::Bytes,
        doc: "Memory for recent writes, before they go into the store's files.",
        get: |config| bytes_text(config.write_buffer_bytes),
        set: |config, text| bytes(text).map(|bytes| config.write_buffer_bytes = bytes),
    },
    Key {
        name: "wan",
        kind: Kind::Switch,
        doc: "Let clients slow and cut this node's lines to its peers, for tests and demos. Never in production.",
        get: |config| config.wan.to_string(),
        set: |config, text| switch(text).map(|on| config.wan = on),
    },
    Key {
        name: "log",
        kind: Kind::Text,
        doc: "Which log messages are written, to standard error: `error`, `warn`, `info`, `debug` or `trace`, also by \
              module: `info,antipode_replication=debug`.",
        get: |config| config.log.clone(),
        set: |config, text| {
            config.log = text.to_owned();
            Ok(())
        },
    },
    Key {
        name: "log_format",
        kind: Kind::Choice(&["text", "json"]),
        doc: "How log messages are written: `text`, lines for people, or `json`, one object a line.",
        get: |config| {
            match config.log_format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            }
            .to_owned()
        },
        set: |config, text| {
            config.log_format = match text {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err("there are text and json".to_owned()),
            };
            Ok(())
        },
    },
];

/// Where a value came from, for errors.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A configuration file.
    File(PathBuf),
    /// The environment variable of the key.
    Environment,
    /// The command line's flag of the key.
    Flag,
    /// The program that embeds the database.
    Code,
}

impl Key {
    /// The key of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The environment variable: `ANTIPODE_CALL_DEADLINE`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{ENVIRONMENT_PREFIX}{}", self.name.to_uppercase())
    }

    /// The flag, without its dashes: `call-deadline`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The value that a configuration has, as text.
    #[must_use]
    pub fn value(&self, config: &Config) -> String {
        (self.get)(config)
    }

    fn place(&self, origin: &Origin) -> String {
        match origin {
            Origin::File(path) => format!("{} in {}", self.name, path.display()),
            Origin::Environment => self.variable(),
            Origin::Flag => format!("--{}", self.flag()),
            Origin::Code => self.name.to_owned(),
        }
    }
}

impl Config {
    /// Gives a key its value.
    ///
    /// # Errors
    /// When there is no such key (the error has the nearest one), or it does not take the value.
    pub fn set(&mut self, key: &str, value: &str, origin: &Origin) -> Result<(), ConfigError> {
        let Some(known) = Key::find(key) else {
            return Err(ConfigError::UnknownKey {
                key: shorten(key),
                place: match origin {
                    Origin::File(path) => path.display().to_string(),
                    Origin::Environment => "the environment".to_owned(),
                    Origin::Flag => "the command line".to_owned(),
                    Origin::Code => "the configuration".to_owned(),
                },
                nearest: nearest(key),
            });
        };
        (known.set)(self, value.trim()).map_err(|reason| ConfigError::Value {
            key: known.name,
            place: known.place(origin),
            value: shorten(value),
            reason,
        })
    }

    /// Checks that the values go together.
    ///
    /// # Errors
    /// When they do not; the error says what to do.
    pub fn check(&self) -> Result<(), ConfigError> {
        let conflict = |reason: &str| {
            Err(ConfigError::Conflict {
                reason: reason.to_owned(),
            })
        };
        if self.found && !self.join.is_empty() {
            return conflict(
                "found and join exclude each other: the first node of a cluster founds it, every other joins",
            );
        }
        if self.bundle.is_none() && (self.found || !self.join.is_empty()) {
            return conflict(
                "a node of a cluster needs its certificates: make them with `antipode cluster create` and `antipode \
                 cluster issue`, and name their directory by bundle",
            );
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return conflict("tls_certificate and tls_key are needed together");
        }
        if self.client_ca.is_some() && self.tls_certificate.is_none() {
            return conflict("client_ca needs tls_certificate and tls_key");
        }
        let local_only = self.listen.ip().is_loopback();
        if !local_only && self.client_ca.is_none() && !self.insecure {
            return Err(ConfigError::Conflict {
                reason: format!(
                    "listening on {} would let anyone read and write: ask clients for certificates with client_ca, \
                     listen on 127.0.0.1, or accept it with insecure",
                    self.listen
                ),
            });
        }
        if self.bundle.is_some() && self.listen.ip().is_unspecified() && self.advertise.is_empty() {
            return Err(ConfigError::Conflict {
                reason: format!(
                    "peers cannot reach this node by {}: name its address with advertise",
                    self.listen
                ),
            });
        }
        Ok(())
    }

    /// How the database of this node is opened.
    #[must_use]
    pub fn options(&self) -> Options {
        let cluster = self.bundle.as_ref().map(|bundle| Cluster {
            bundle: bundle.clone(),
            listen: self.listen.to_string(),
            advertise: Some(self.advertise.clone()).filter(|address| !address.is_empty()),
            found: self.found,
            join: self.join.clone(),
            wan: self.wan,
        });
        Options {
            node: self.node.clone(),
            region: self.region.clone(),
            durability: self.durability,
            query_memory_bytes: self.query_memory_bytes,
            query_text_bytes: memory(self.query_text_bytes),
            plan_cache_bytes: memory(self.plan_cache_bytes),
            slow_query: self.slow_query,
            cache_bytes: memory(self.cache_bytes),
            write_buffer_bytes: memory(self.write_buffer_bytes),
            cluster,
        }
    }
}

/// A size in memory: what the machine cannot address is as good as no limit.
fn memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The reference of all keys, as Markdown.
#[must_use]
pub fn reference() -> String {
    let defaults = Config::default();
    let mut text = String::from(REFERENCE_HEAD);
    for key in KEYS {
        let default = match key.value(&defaults) {
            value if value.is_empty() => "empty".to_owned(),
            value => format!("`{value}`"),
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n## `{}`\n\n{}\n\n{}; default {default}; `{}`, `--{}`\n",
            key.name,
            key.doc,
            key.kind.describe(),
            key.variable(),
            key.flag(),
        );
    }
    text
}

const REFERENCE_HEAD: &str = "\
# Configuration

<!-- Generated from the table in crates/antipode/src/config.rs; `UPDATE=1 cargo test -p antipode config` writes it anew. -->

`antipode serve` takes each key from a file, the environment, and the command line; the later wins. A node needs none of
them: without any it is a single node with its data in `./antipode-data`, serving clients on this machine.

- The file is `antipode.toml` in the working directory if it is there, or the one that `--config` names. It is TOML
  without sections: `region = \"frankfurt\"`, `found = true`, `join = [\"10.0.0.1:7490\"]`. An unknown key is an error.
- The variable of a key is `ANTIPODE_` and the key in upper case.
- The flag of a key has dashes for underscores. A switch needs no value: `--found` is `--found=true`.

Sizes are bytes, or have a unit: `kB`, `MB`, `GB` (powers of 1000), `KiB`, `MiB`, `GiB` (of 1024). Times have one: `ms`,
`s`, `m`, `h`.
";

impl Kind {
    /// The kind in words.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Switch => "a switch".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Address => "an address (`ip:port`)".to_owned(),
            Self::Addresses => "addresses (`host:port`)".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Bytes => "a size".to_owned(),
            Self::Time => "a time".to_owned(),
            Self::Choice(words) => words
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(" or "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        config.set(key, value, &Origin::Flag)?;
        Ok(config)
    }

    #[test]
    fn every_key_takes_back_its_own_default() {
        let defaults = Config::default();
        for key in KEYS {
            let value = key.value(&defaults);
            assert_eq!(
                set(key.name, &value),
                Ok(defaults.clone()),
                "{} = {value}",
                key.name
            );
        }
        assert_eq!(defaults.check(), Ok(()));
    }

    #[test]
    fn keys_are_named_once_and_plainly() {
        for (index, key) in KEYS.iter().enumerate() {
            let plain = |character: char| character.is_ascii_lowercase() || character == '_';
            assert!(key.name.chars().all(plain), "{}", key.name);
            assert!(
                KEYS.iter()
                    .skip(index + 1)
                    .all(|other| other.name != key.name),
                "{}",
                key.name
            );
        }
    }

    #[test]
    fn an_unknown_key_is_an_error_with_the_nearest_one() {
        let nearest = |key: &str| match set(key, "x") {
            Err(ConfigError::UnknownKey { nearest, .. }) => nearest,
            other => panic!("{key}: {other:?}"),
        };
        assert_eq!(nearest("regoin"), Some("region"));
        assert_eq!(nearest("Durability "), Some("durability"));
        assert_eq!(nearest("query-memory-byte"), Some("query_memory_bytes"));
        assert_eq!(nearest("colour_of_the_sky"), None);
        let error = set("joins", "x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown key 'joins' in the command line; did you mean 'join'?; all keys are in docs/configuration.md"
        );
        assert_eq!(error.code(), 5401);
    }

    #[test]
    fn values_are_checked_and_the_error_says_what_to_write() {
        for (key, value) in [
            ("listen", "7490"),
            ("listen", "example.org:7490"),
            ("found", "maybe"),
            ("join", "tokyo"),
            ("join", "tokyo:0"),
            ("node", "Tokyo 1"),
            ("region", ""),
            ("durability", "paper"),
            ("query_memory_bytes", "much"),
            ("query_memory_bytes", "99999999999GiB"),
            ("call_deadline", "30"),
            ("call_deadline", "0s"),
            ("calls_max", "0"),
            ("data", ""),
        ] {
            let error = set(key, value).expect_err(value);
            assert_eq!(error.code(), 5402, "{key} = {value}: {error}");
            assert!(error.to_string().starts_with("--"), "{error}");
        }
    }

    #[test]
    fn values_are_read() {
        let listen = |text: &str| set("listen", text).map(|config| config.listen.to_string());
        assert_eq!(listen("0.0.0.0"), Ok("0.0.0.0:7490".to_owned()));
        assert_eq!(listen("localhost:7"), Ok("127.0.0.1:7".to_owned()));
        assert_eq!(listen("[::1]:7"), Ok("[::1]:7".to_owned()));
        let join = set("join", "a:1, b:2").map(|config| config.join);
        assert_eq!(join, Ok(vec!["a:1".to_owned(), "b:2".to_owned()]));
        let cache = |text: &str| set("cache_bytes", text).map(|config| config.cache_bytes);
        assert_eq!(cache("64 MiB"), Ok(64 << 20));
        assert_eq!(cache("1000"), Ok(1000));
        let deadline = set("call_deadline", "90s").map(|config| time_text(config.call_deadline));
        assert_eq!(deadline, Ok("90s".to_owned()));
    }

    #[test]
    fn values_must_go_together() {
        for settings in [
            &[("found", "true")][..],
            &[("bundle", "b"), ("found", "true"), ("join", "a:1")],
            &[("listen", "0.0.0.0:7490")],
            &[
                ("insecure", "true"),
                ("bundle", "b"),
                ("listen", "0.0.0.0:7490"),
            ],
            &[("tls_certificate", "c.pem")],
            &[("client_ca", "ca.pem")],
        ] {
            let mut config = Config::default();
            for (key, value) in settings {
                config.set(key, value, &Origin::Code).expect("a good value");
            }
            assert_eq!(
                config.check().map_err(|error| error.code()),
                Err(5403),
                "{settings:?}"
            );
        }
    }

    #[test]
    fn the_reference_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, reference()).expect("docs/configuration.md can be written");
        }
        let written = std::fs::read_to_string(path).expect("docs/configuration.md can be read");
        assert!(
            written == reference(),
            "docs/configuration.md is stale: run `UPDATE=1 cargo test -p antipode config`"
        );
    }
}
