//! A node's configuration from its three sources: file, environment, flags. Which keys there are is in one table,
//! `antipode::config::KEYS`; this module only finds their values.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use antipode::Config;
use antipode::config::{ConfigError, KEYS, Key, Kind, Origin};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// The file that is read if none is named.
const FILE: &str = "antipode.toml";
/// The variable that names the file.
const FILE_VARIABLE: &str = "ANTIPODE_CONFIG";
/// The flag that names the file.
const FILE_FLAG: &str = "config";

/// What the command line says of the configuration: a file, and keys with their values.
#[derive(Debug, Default)]
pub struct Settings {
    file: Option<PathBuf>,
    flags: Vec<(&'static str, String)>,
}

impl Settings {
    /// The configuration from all sources, the later winning, checked.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        if let Some(path) = self.file() {
            read_file(&path, &mut config)?;
        }
        for key in KEYS {
            if let Ok(value) = env::var(key.variable()) {
                config.set(key.name, &value, &Origin::Environment)?;
            }
        }
        for (key, value) in &self.flags {
            config.set(key, value, &Origin::Flag)?;
        }
        config.check()?;
        Ok(config)
    }

    fn file(&self) -> Option<PathBuf> {
        let named = self.file.clone();
        let named = named.or_else(|| env::var_os(FILE_VARIABLE).map(PathBuf::from));
        named.or_else(|| Some(PathBuf::from(FILE)).filter(|path| path.exists()))
    }
}

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE_FLAG)
            .long(FILE_FLAG)
            .value_name("FILE")
            .help(format!(
                "The configuration file [default: {FILE}, if there is one]"
            ));
        KEYS.iter()
            .fold(command.arg(file), |command, key| command.arg(flag(key)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut settings = Self::default();
        settings.update_from_arg_matches(matches)?;
        Ok(settings)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        if let Some(path) = matches.get_one::<String>(FILE_FLAG) {
            self.file = Some(PathBuf::from(path));
        }
        for key in KEYS {
            if let Some(values) = matches.get_many::<String>(key.name) {
                let values: Vec<&str> = values.map(String::as_str).collect();
                self.flags.push((key.name, values.join(",")));
            }
        }
        Ok(())
    }
}

fn flag(key: &'static Key) -> Arg {
    let default = key.value(&Config::default());
    let help = match default.as_str() {
        "" | "false" => key.doc.to_owned(),
        default => format!("{} [default: {default}]", key.doc),
    };
    let arg = Arg::new(key.name).long(key.flag()).help(help);
    match key.kind {
        Kind::Switch => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL"),
        Kind::Addresses => arg
            .num_args(1..)
            .action(ArgAction::Append)
            .value_name("ADDRESS"),
        Kind::Choice(words) => arg
            .value_name("WORD")
            .value_parser(PossibleValuesParser::new(words.iter().copied())),
        Kind::Path => arg.value_name("PATH"),
        Kind::Address => arg.value_name("ADDRESS"),
        Kind::Bytes | Kind::Number => arg.value_name("N"),
        Kind::Time => arg.value_name("TIME"),
        Kind::Text => arg.value_name("TEXT"),
    }
}

fn read_file(path: &Path, config: &mut Config) -> Result<(), ConfigError> {
    let unreadable = |reason: String| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| unreadable(error.to_string().trim_end().to_owned()))?;
    let origin = Origin::File(path.to_owned());
    for (key, value) in table {
        match text_of(&value) {
            Some(text) => config.set(&key, &text, &origin)?,
            None => return Err(unfit(&key, &value, config, &origin)),
        }
    }
    Ok(())
}

/// A value of the file as the text that it would be in the environment; none of a section.
fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => Some(value.to_string()),
        toml::Value::Array(elements) => {
            let texts: Option<Vec<String>> = elements.iter().map(text_of).collect();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Table(_) => None,
    }
}

/// A section where there are none: its name is no key, or a key that takes something else.
fn unfit(key: &str, value: &toml::Value, config: &mut Config, origin: &Origin) -> ConfigError {
    let known = match Key::find(key) {
        Some(known) => known,
        None => match config.set(key, "", origin) {
            Err(error) => return error,
            Ok(()) => unreachable!("a key that is not in the table was taken"),
        },
    };
    ConfigError::Value {
        key: known.name,
        place: known.name.to_owned(),
        value: value.type_str().to_owned(),
        reason: format!("write {}", known.kind.describe()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("antipode.toml");
        fs::write(&path, text).expect("a file");
        let mut config = Config::default();
        read_file(&path, &mut config).map(|()| config)
    }

    fn flags(arguments: &[&str]) -> Settings {
        let command = Settings::augment_args(Command::new("serve").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).expect("good flags");
        Settings::from_arg_matches(&matches).expect("settings")
    }

    #[test]
    fn a_file_is_read() {
        let config =
            read("region = \"tokyo\"\nwan = true\njoin = [\"a:1\", \"b:2\"]\ncalls_max = 7\n");
        let config = config.expect("a good file");
        assert_eq!(config.region, "tokyo");
        assert!(config.wan);
        assert_eq!(config.join, ["a:1", "b:2"]);
        assert_eq!(config.calls_max, 7);
    }

    #[test]
    fn a_bad_file_is_a_typed_error_that_names_the_place() {
        for (text, code, part) in [
            ("regoin = \"tokyo\"", 5401, "did you mean 'region'?"),
            ("[storage]\ndata = \"x\"", 5401, "unknown key 'storage'"),
            ("[region]\nname = \"x\"", 5402, "write a text"),
            ("durability = \"paper\"", 5402, "durability in "),
            ("region = ", 5400, "line 1"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
        let missing = read_file(Path::new("/nowhere/antipode.toml"), &mut Config::default());
        assert_eq!(missing.map_err(|error| error.code()), Err(5400));
    }

    #[test]
    fn every_key_has_a_flag() {
        let settings = flags(&[
            "--found",
            "--wan=false",
            "--join",
            "a:1",
            "b:2",
            "--join",
            "c:3",
            "--region",
            "x",
        ]);
        let expected = [
            ("region", "x"),
            ("found", "true"),
            ("join", "a:1,b:2,c:3"),
            ("wan", "false"),
        ];
        let got: Vec<(&str, &str)> = settings
            .flags
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        assert_eq!(got, expected);
        for key in KEYS {
            assert!(
                Settings::augment_args(Command::new("x"))
                    .get_arguments()
                    .any(|arg| arg.get_id() == key.name)
            );
        }
    }
}
