//! PROFILE as text and as JSON: the plan as EXPLAIN shows it, with what its nodes did.

use std::collections::HashMap;
use std::fmt::Write as _;

use antipode_value::Value;

use super::{Line, Printer, comment};
use crate::context::Extra;
use crate::plan::Plan;
use crate::profile::{NodeProfile, Profile};

impl Plan {
    /// The plan as a table with an indented tree and what each node did, the counters of the run, and the time of each
    /// phase.
    pub fn profile_text(&self, profile: &Profile, extra: &Extra) -> String {
        let printer = Printer {
            names: &self.variables,
        };
        let lines = self.lines();
        let mut out = self.head();
        let _ = writeln!(out, "\nExecution plan:");
        out.push_str(&table(&lines, &printer, profile));
        self.tail(&lines, &printer, &mut out);
        for warning in &extra.warnings {
            let told = self.warnings.iter().any(|known| known == warning);
            if !told {
                let _ = writeln!(
                    out,
                    "Warning {}: {}",
                    warning.code.number(),
                    warning.message
                );
            }
        }
        let _ = writeln!(out, "\nQuery statistics:\n{}", statistics(profile, extra));
        let _ = writeln!(
            out,
            "\nQuery profile:\n Phase                  Duration [ms]"
        );
        for (name, time) in profile.phases() {
            let _ = writeln!(out, " {name:<20}  {:>14}", milliseconds(time));
        }
        out
    }

    /// What PROFILE shows as an object: `profile` with the phases in seconds, `stats` with the nodes, `warnings`, `plan`.
    pub fn profile_json(&self, profile: &Profile, extra: &Extra) -> Value {
        let phases = profile
            .phases()
            .map(|(name, time)| (name, Value::float(seconds(time))));
        let warnings = extra.warnings.iter().map(|warning| {
            Value::object([
                ("code", Value::from(warning.code.number())),
                ("message", Value::from(warning.message.as_str())),
            ])
        });
        let plan = self.explain_json();
        Value::object([
            ("profile", Value::object(phases)),
            ("stats", stats_json(profile, extra)),
            ("warnings", Value::array(warnings)),
            ("plan", plan.attribute("plan")),
        ])
    }
}

fn table(lines: &[Line<'_>], printer: &Printer<'_>, profile: &Profile) -> String {
    let nodes: HashMap<u32, &NodeProfile> = profile
        .run
        .nodes
        .iter()
        .map(|node| (node.id, node))
        .collect();
    let kinds = lines.iter().map(|line| line.kind().len());
    let kinds = kinds.max().unwrap_or(8).max(8);
    let mut out = format!(
        " {:>3}  {:kinds$}  {:>9}  {:>7}  {:>9}  {:>9}  {:>9}  {:>12}  {:>10}   Comment\n",
        "Id", "NodeType", "Est.", "Calls", "In", "Out", "Filtered", "Runtime [ms]", "Memory [B]"
    );
    for line in lines {
        let bullet = match line.depth {
            0 => "* ".to_owned(),
            depth => format!("{}- ", "  ".repeat(depth)),
        };
        let idle = NodeProfile::default();
        let node = nodes.get(&line.node.id).copied().unwrap_or(&idle);
        let _ = writeln!(
            out,
            " {:>3}  {:kinds$}  {:>9.0}  {:>7}  {:>9}  {:>9}  {:>9}  {:>12}  {:>10}   {bullet}{}",
            line.node.id,
            line.kind(),
            line.rows,
            node.calls,
            node.items_in,
            node.items,
            node.filtered,
            milliseconds(node.own_time_ns),
            node.memory_bytes,
            comment(line, printer),
        );
    }
    out
}

fn statistics(profile: &Profile, extra: &Extra) -> String {
    let stats = &extra.stats;
    let mut columns = vec![
        ("Writes Exec", stats.writes_executed.to_string()),
        ("Writes Ign", stats.writes_ignored.to_string()),
        ("Doc. Lookups", stats.document_lookups.to_string()),
        ("Scan Full", stats.scanned_full.to_string()),
        ("Scan Index", stats.scanned_index.to_string()),
        ("Filtered", stats.filtered.to_string()),
    ];
    if let Some(count) = stats.full_count {
        columns.push(("Full Count", count.to_string()));
    }
    columns.push(("Peak Mem [B]", stats.peak_memory_bytes.to_string()));
    columns.push((
        "Exec Time [s]",
        format!("{:.5}", seconds(profile.total_ns())),
    ));
    let (mut names, mut values) = (String::new(), String::new());
    for (name, value) in columns {
        let width = name.len().max(value.len()) + 2;
        let _ = write!(names, "{name:>width$}");
        let _ = write!(values, "{value:>width$}");
    }
    format!("{names}\n{values}")
}

fn stats_json(profile: &Profile, extra: &Extra) -> Value {
    let stats = &extra.stats;
    let nodes = profile.run.nodes.iter().map(|node| {
        Value::object([
            ("id", Value::from(node.id)),
            ("calls", Value::from(node.calls)),
            ("itemsIn", Value::from(node.items_in)),
            ("items", Value::from(node.items)),
            ("filtered", Value::from(node.filtered)),
            ("runtime", Value::float(seconds(node.time_ns))),
            ("ownRuntime", Value::float(seconds(node.own_time_ns))),
            ("peakMemoryUsage", Value::from(node.memory_bytes)),
        ])
    });
    let mut pairs = vec![
        ("writesExecuted", Value::from(stats.writes_executed)),
        ("writesIgnored", Value::from(stats.writes_ignored)),
        ("scannedFull", Value::from(stats.scanned_full)),
        ("scannedIndex", Value::from(stats.scanned_index)),
        ("documentLookups", Value::from(stats.document_lookups)),
        ("filtered", Value::from(stats.filtered)),
        ("executionTime", Value::float(seconds(profile.total_ns()))),
        ("peakMemoryUsage", Value::from(stats.peak_memory_bytes)),
    ];
    if let Some(count) = stats.full_count {
        pairs.push(("fullCount", Value::from(count)));
    }
    if !profile.run.nodes.is_empty() {
        pairs.push(("nodes", Value::array(nodes)));
    }
    Value::object(pairs)
}

fn seconds(time_ns: u64) -> f64 {
    time_ns as f64 / 1e9
}

fn milliseconds(time_ns: u64) -> String {
    format!("{:.3}", time_ns as f64 / 1e6)
}
