//! `antipode serve`: runs a node until it is told to stop.

use std::io::{self, IsTerminal as _, Read as _};

use antipode::config::LogFormat;
use antipode::{Config, Database};
use antipode_server::Server;
use anyhow::{Context, Result};
use clap::Args;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::settings::Settings;

/// Arguments of `antipode serve`.
#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// Show the configuration that results from file, environment and flags, and do not start
    #[arg(long)]
    show_config: bool,
    /// Stop when standard input ends: a node that a test or a demo started does not outlive it
    #[arg(long, hide = true)]
    stop_with_input: bool,
}

/// Opens the database, serves it, and closes it when a signal comes.
pub async fn run(arguments: &Serve) -> Result<()> {
    let config = arguments.settings.config()?;
    if arguments.show_config {
        for key in antipode::config::KEYS {
            println!("{} = {}", key.name, quoted(key, &config));
        }
        return Ok(());
    }
    start_log(&config)?;
    // The signals are awaited from here on, so that one that comes early stops the node in good order too.
    let stop = stop_asked(arguments.stop_with_input)?;
    let database = open(&config).await?;
    let server = Server::bind(server_config(&config), database.clone()).await?;
    let identity = database.status()?.node.identity;
    tracing::info!(
        node = %identity.node,
        region = %identity.region,
        replica = %identity.replica,
        listen = %server.address(),
        data = %config.data.display(),
        "ready"
    );
    let stop = async {
        let reason = stop.await;
        tracing::info!(reason, "stopping");
    };
    server.run(stop).await?;
    // The last handle closes the store, which may have to wait for a sync.
    tokio::task::spawn_blocking(move || drop(database))
        .await
        .context("closing the database")?;
    tracing::info!("stopped");
    Ok(())
}

/// A value as it would stand in the file.
fn quoted(key: &antipode::config::Key, config: &Config) -> String {
    use antipode::config::Kind;
    let value = key.value(config);
    match key.kind {
        Kind::Switch | Kind::Number => value,
        _ => toml::Value::String(value).to_string(),
    }
}

async fn open(config: &Config) -> Result<Database> {
    let data = config.data.clone();
    let options = config.options();
    let opened = tokio::task::spawn_blocking(move || Database::open(&data, options))
        .await
        .context("opening the database")?;
    opened.with_context(|| format!("cannot open the database in {}", config.data.display()))
}

fn server_config(config: &Config) -> antipode_server::Config {
    let tls = match (&config.tls_certificate, &config.tls_key) {
        (Some(certificate), Some(key)) => Some(antipode_server::Tls {
            certificate: certificate.clone(),
            key: key.clone(),
            client_authority: config.client_ca.clone(),
        }),
        _ => None,
    };
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    antipode_server::Config {
        listen: config.listen,
        tls,
        insecure: config.insecure,
        request_bytes_max: count(config.request_bytes),
        calls_max: count(config.calls_max),
        deadline: config.call_deadline,
        ..antipode_server::Config::default()
    }
}

fn start_log(config: &Config) -> Result<()> {
    let filter: Targets = config.log.parse().with_context(|| {
        format!(
            "log: '{}' is no filter of log messages; write info, or warn,antipode=debug",
            config.log
        )
    })?;
    let layer = match config.log_format {
        LogFormat::Text => fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .boxed(),
        LogFormat::Json => fmt::layer().with_writer(io::stderr).json().boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .init();
    Ok(())
}

/// Resolves when the node is to stop, and says why.
fn stop_asked(with_input: bool) -> Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let (ended, input_ended) = tokio::sync::oneshot::channel();
    let mut never_ends = None;
    if with_input {
        // A thread of its own, not a runtime's: it may block for as long as the node lives, and must not hold up its end.
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while matches!(io::stdin().read(&mut buffer), Ok(read) if read > 0) {}
            // The node may have stopped for another reason meanwhile.
            let _ = ended.send(());
        });
    } else {
        // A channel that is dropped counts as the end of the input.
        never_ends = Some(ended);
    }
    Ok(async move {
        let _never_ends = never_ends;
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            _ = input_ended => "the end of standard input",
        }
    })
}
