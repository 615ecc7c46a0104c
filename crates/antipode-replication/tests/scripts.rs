//! Golden scripts: a command a line, and for `show` one status line per node. `UPDATE=1` rewrites what is expected.

mod network;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use antipode_clock::VersionVector;
use antipode_replication::{Config, Micros};
use network::{Network, Weather};

const CALM: Weather = Weather {
    delay: Micros::from_ms(50),
    jitter: Micros(0),
    loss_percent: 0,
    double_percent: 0,
};

fn vector(network: &Network, vv: &VersionVector) -> String {
    let entries: Vec<_> = network
        .nodes
        .iter()
        .filter(|node| vv.get(node.replica) > 0)
        .map(|node| format!("{}:{}", node.name, vv.get(node.replica)))
        .collect();
    format!("{{{}}}", entries.join(" "))
}

fn show(network: &Network, out: &mut String) {
    for (index, node) in network.nodes.iter().enumerate() {
        if !node.up {
            let _ = writeln!(out, "  {}: down", node.name);
            continue;
        }
        let status = network.status(index);
        let open: Vec<_> = network
            .nodes
            .iter()
            .filter(|other| {
                status.peers.iter().any(|peer| {
                    let member = peer.member.as_ref();
                    peer.open && member.is_some_and(|member| member.replica == other.replica)
                })
            })
            .map(|other| other.name.as_str())
            .collect();
        let _ = write!(
            out,
            "  {}: epoch {}/{} vv {} durable {} links [{}]",
            node.name,
            status.epoch.number,
            status.members.len(),
            vector(network, &status.vv),
            vector(network, &status.durable),
            open.join(" "),
        );
        if status.buffered_records > 0 {
            let _ = write!(out, " buffered {}", status.buffered_records);
        }
        if status.on_probation {
            out.push_str(" on probation");
        }
        if node.full {
            out.push_str(" full");
        }
        for alarm in &node.alarms {
            let _ = write!(out, " ALARM {alarm}");
        }
        out.push('\n');
    }
}

fn run(script: &str) -> String {
    let mut out = String::new();
    let mut network = Network::new(&[], 1, CALM, Config::default());
    let mut images = std::collections::BTreeMap::new();
    for line in script.lines() {
        if line.starts_with("  ") {
            continue;
        }
        let _ = writeln!(out, "{line}");
        let words: Vec<_> = line.split_whitespace().collect();
        let node = |network: &Network, name: &str| {
            let index = network.nodes.iter().position(|node| node.name == name);
            index.unwrap_or_else(|| panic!("no node {name}"))
        };
        match words.as_slice() {
            [] | ["#", ..] => {}
            ["nodes", names @ ..] => {
                for name in names {
                    network.add(name);
                }
            }
            ["run", ms] => network.run(Micros::from_ms(ms.parse().expect("milliseconds"))),
            ["write", name, count, rest @ ..] => {
                let index = node(&network, name);
                for number in 0..count.parse().expect("count") {
                    let payload = format!("{name} {number}");
                    network.write(index, payload.as_bytes(), rest.is_empty());
                }
            }
            ["sync", name] => {
                let index = node(&network, name);
                network.sync(index);
            }
            ["cut", a, b] => {
                let (a, b) = (node(&network, a), node(&network, b));
                network.cut(a, b);
                network.cut(b, a);
            }
            ["mute", a, b] => {
                let (a, b) = (node(&network, a), node(&network, b));
                network.cut(a, b);
            }
            ["heal"] => network.heal(),
            ["crash", name] => {
                let index = node(&network, name);
                network.crash(index);
            }
            ["restart", name] => {
                let index = node(&network, name);
                network.restart(index);
            }
            ["fill", name] => {
                let index = node(&network, name);
                network.fill(index);
            }
            ["room", name] => {
                let index = node(&network, name);
                network.make_room(index);
            }
            ["image", name] => {
                let disk = network.nodes[node(&network, name)].disk.clone();
                images.insert((*name).to_owned(), disk);
            }
            ["restore", name] => {
                let index = node(&network, name);
                network.restart_from(index, images[*name].clone());
            }
            ["show"] => show(&network, &mut out),
            _ => panic!("what is {line:?}"),
        }
        network.check();
    }
    out
}

#[test]
fn scripts_give_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("scripts")
        .map(|entry| entry.expect("entry").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let script = fs::read_to_string(&path).expect("script");
        let result = run(&script);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, result).expect("rewritten");
        } else {
            assert_eq!(result, script, "{} (UPDATE=1 rewrites it)", path.display());
        }
    }
}
