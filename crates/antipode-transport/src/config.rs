//! Settings of the transport, with the reason for each default.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Settings of one node's transport.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where peers are served (UDP). Loopback unless told otherwise.
    pub listen: SocketAddr,
    /// A link that hears nothing for so long is down. Longer than a WAN's worst pauses, short enough that a dead
    /// peer's queue does not fill up.
    pub idle_timeout: Duration,
    /// A connection attempt is given up after this: four round trips of the slowest links, and a lost packet.
    pub connect_timeout: Duration,
    /// Pauses between attempts double from the first of these to the second. An attempt costs a few packets, so a peer
    /// that comes back is not kept waiting.
    pub backoff: (Duration, Duration),
    /// A longer message is refused. Above the largest transaction (64 MiB), with room for its header.
    pub message_bytes_max: usize,
    /// So many bytes wait to be sent on a lane of a link; more are refused. One message may exceed it alone.
    pub queue_bytes_max: usize,
    /// So many received bytes of a lane of a link are given to the receiver before it has released earlier ones.
    pub receive_bytes_max: usize,
    /// So much of a lane is in flight at most: a link with a round trip of 200 ms carries 10 MB/s. More would let a
    /// backlog on the bulk lane use up the congestion window, and fresh commits wait a round trip for room in it.
    pub stream_window_bytes: u32,
    /// The congestion window of a new link: what 2,000 writes a second have under way over 250 ms, so that a link that
    /// comes up does not hold fresh commits back while it finds out what the line carries.
    pub initial_window_bytes: u64,
    /// Links may be slowed and cut at run time, for tests and demos. Costs some speed.
    pub wan: bool,
    /// Threads that drive the network.
    pub threads: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7490)),
            idle_timeout: Duration::from_secs(6),
            connect_timeout: Duration::from_secs(3),
            backoff: (Duration::from_millis(50), Duration::from_secs(1)),
            message_bytes_max: 68 * 1024 * 1024,
            queue_bytes_max: 16 * 1024 * 1024,
            receive_bytes_max: 8 * 1024 * 1024,
            stream_window_bytes: 2 * 1024 * 1024,
            initial_window_bytes: 256 * 1024,
            wan: false,
            threads: 2,
        }
    }
}

impl Config {
    /// The defaults on a port of the system's choice, on loopback.
    pub fn loopback() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ..Self::default()
        }
    }
}
