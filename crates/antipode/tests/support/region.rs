//! The regions of a cluster whose nodes all run in this process.

use std::net::UdpSocket;
use std::path::Path;

use antipode::{Ca, Cluster, Options};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The options of the one node of a region, with a bundle of its own, and its port. Without anyone to join it founds the
/// cluster.
pub fn options(
    folder: &Path,
    ca: &Ca,
    name: &str,
    join: &[u16],
) -> Result<(Options, u16), Failure> {
    let bundle = folder.join(format!("bundle-{name}"));
    ca.issue(name, name)?.write(&bundle)?;
    // A port that was free a moment ago.
    let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let options = Options {
        node: name.to_owned(),
        region: name.to_owned(),
        cluster: Some(Cluster {
            bundle,
            listen: format!("127.0.0.1:{port}"),
            advertise: None,
            found: join.is_empty(),
            join: join
                .iter()
                .map(|port| format!("127.0.0.1:{port}"))
                .collect(),
            wan: true,
        }),
        ..Options::default()
    };
    Ok((options, port))
}
