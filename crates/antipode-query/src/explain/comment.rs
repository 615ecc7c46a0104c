//! The comments of EXPLAIN: what each node does.

use std::fmt::Write as _;

use super::Line;
use super::print::Printer;
use crate::expression::Expression;
use crate::plan::graph::{EdgeSet, Order, PathKind, PathSearch, Traverse, Way};
use crate::plan::{
    Access, Action, Bound, Collect, Enumerate, GroupMember, IndexAccess, Modify, NodeKind, SortKey,
    Window,
};

/// What a node does, in the words of the language, with remarks between `/*` and `*/`.
pub(super) fn comment(line: &Line<'_>, printer: &Printer<'_>) -> String {
    let show = |expression: &Expression| printer.expression(expression);
    match &line.node.kind {
        NodeKind::Singleton => "ROOT".into(),
        NodeKind::EnumerateCollection(enumerate) => collection_comment(enumerate, printer),
        NodeKind::EnumerateList { list, variable } => {
            format!(
                "FOR {} IN {}   /* list iteration */",
                printer.variable(*variable),
                show(list)
            )
        }
        NodeKind::EnumerateStream {
            stream, variable, ..
        } => {
            format!(
                "FOR {} IN STREAM {}   /* bounded */",
                printer.variable(*variable),
                stream.name
            )
        }
        NodeKind::Traverse(traverse) => traversal_comment(traverse, printer),
        NodeKind::PathSearch(search) => search_comment(search, printer),
        NodeKind::Calculation { variable, .. } if line.subquery.is_some() => {
            format!("LET {} = …   /* subquery */", printer.variable(*variable))
        }
        NodeKind::Calculation {
            expression,
            variable,
        } => {
            format!("LET {} = {}", printer.variable(*variable), show(expression))
        }
        NodeKind::Filter(condition) => format!("FILTER {}", show(condition)),
        NodeKind::Sort { keys, limit } => sort_comment(keys, limit.is_some(), printer),
        NodeKind::Limit {
            offset,
            count,
            full_count,
            ..
        } => {
            let count = count.map_or("null".into(), |count| count.to_string());
            let counted = if *full_count {
                "   /* last top-level LIMIT */"
            } else {
                ""
            };
            format!("LIMIT {offset}, {count}{counted}")
        }
        NodeKind::Collect(collect) => collect_comment(collect, printer),
        NodeKind::Window(window) => window_comment(window, printer),
        NodeKind::Distinct(expression) => format!("COLLECT {}   /* distinct */", show(expression)),
        NodeKind::Modify(modify) => modify_comment(modify, printer),
        NodeKind::Publish(publish) => {
            format!(
                "INSERT {} INTO STREAM {}",
                show(&publish.payload),
                publish.stream.name
            )
        }
        NodeKind::NoResults => "no results".into(),
        NodeKind::Return(expression) => format!("RETURN {}", show(expression)),
    }
}

fn collection_comment(enumerate: &Enumerate, printer: &Printer<'_>) -> String {
    let name = printer.variable(enumerate.variable);
    let access = match &enumerate.access {
        Access::Full => "full collection scan".to_owned(),
        Access::Table { path, value } => {
            let path = path
                .iter()
                .map(|name| &**name)
                .collect::<Vec<_>>()
                .join("`.`");
            let collection = &enumerate.collection.name;
            return format!(
                "FOR {name} IN {collection}   /* hash table on `{path}` == {} */",
                printer.expression(value)
            );
        }
        access => {
            let mut remarks = vec![format!("{} index scan", super::indexes::kinds(access))];
            if let Access::Index(access) = access {
                remarks.extend(projection_remark(access));
                if access.reverse {
                    remarks.push("reverse".into());
                }
            }
            remarks.join(", ")
        }
    };
    format!(
        "FOR {name} IN {}   /* {access} */",
        enumerate.collection.name
    )
}

/// What is read of the documents that an index finds.
fn projection_remark(access: &IndexAccess) -> Option<String> {
    let projections = access.projections.as_ref()?;
    let paths: Vec<String> = projections
        .iter()
        .map(|path| format!("`{}`", path.join(".")))
        .collect();
    let only = if access.index_only { "index only" } else { "" };
    Some(match (only, paths.is_empty()) {
        (_, true) => "scan only".into(),
        ("", false) => format!("projections: {}", paths.join(", ")),
        (only, false) => format!("{only} (projections: {})", paths.join(", ")),
    })
}

fn sort_comment(keys: &[SortKey], limited: bool, printer: &Printer<'_>) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|key| {
            format!(
                "{} {}",
                printer.expression(&key.expression),
                if key.ascending { "ASC" } else { "DESC" }
            )
        })
        .collect();
    let strategy = if limited {
        "constrained heap"
    } else {
        "standard"
    };
    format!(
        "SORT {}   /* sorting strategy: {strategy} */",
        keys.join(", ")
    )
}

fn window_comment(window: &Window, printer: &Printer<'_>) -> String {
    let bound = |bound: &Bound| match bound {
        Bound::Unbounded => "\"unbounded\"".to_string(),
        Bound::Offset(offset) => offset.to_json(),
    };
    let range = window.range.as_ref().map_or(String::new(), |range| {
        format!("{} WITH ", printer.expression(range))
    });
    let frame = format!(
        "preceding: {}, following: {}",
        bound(&window.preceding),
        bound(&window.following)
    );
    format!(
        "WINDOW {range}{{ {frame} }} AGGREGATE {}",
        printer.aggregates(&window.aggregates)
    )
}

fn edges_text(edges: &EdgeSet) -> String {
    let one = |(collection, way): &(std::sync::Arc<crate::source::CollectionInfo>, Way)| {
        let way = match way {
            Way::Outbound => "OUTBOUND",
            Way::Inbound => "INBOUND",
            Way::Any => "ANY",
        };
        format!("{way} {}", collection.name)
    };
    edges.edges.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn traversal_comment(traverse: &Traverse, printer: &Printer<'_>) -> String {
    let mut names = vec![printer.variable(traverse.vertex)];
    names.extend(
        traverse
            .edge
            .iter()
            .chain(&traverse.path)
            .map(|name| printer.variable(*name)),
    );
    let prune = traverse
        .prune
        .as_ref()
        .map_or(String::new(), |(_, condition)| {
            format!(" PRUNE {}", printer.expression(condition))
        });
    let early = traverse.early.iter();
    let early: Vec<String> = early
        .map(|early| format!(" ONLY WHILE {}", printer.expression(&early.condition)))
        .collect();
    let order = match traverse.order {
        Order::Depth => "depth first",
        Order::Breadth => "breadth first",
        Order::Weighted => "by weight",
    };
    format!(
        "FOR {} IN {}..{} FROM {} {}{prune}{}   /* {order}, edge index */",
        names.join(", "),
        traverse.depth.0,
        traverse.depth.1,
        printer.expression(&traverse.start),
        edges_text(&traverse.edges),
        early.concat(),
    )
}

fn search_comment(search: &PathSearch, printer: &Printer<'_>) -> String {
    let kind = match search.kind {
        PathKind::Shortest => "SHORTEST_PATH",
        PathKind::AllShortest => "ALL_SHORTEST_PATHS",
        PathKind::KShortest => "K_SHORTEST_PATHS",
        PathKind::KPaths => "K_PATHS",
    };
    format!(
        "FOR {} IN {kind} {} TO {} {}   /* edge index */",
        printer.variable(search.variable),
        printer.expression(&search.start),
        printer.expression(&search.goal),
        edges_text(&search.edges)
    )
}

fn collect_comment(collect: &Collect, printer: &Printer<'_>) -> String {
    let mut out = "COLLECT".to_string();
    let keys = collect.keys.iter();
    let keys: Vec<String> = keys
        .map(|(name, key)| format!("{} = {}", printer.variable(*name), printer.expression(key)))
        .collect();
    if !keys.is_empty() {
        let _ = write!(out, " {}", keys.join(", "));
    }
    if !collect.aggregates.is_empty() {
        let _ = write!(
            out,
            " AGGREGATE {}",
            printer.aggregates(&collect.aggregates)
        );
    }
    match &collect.into {
        None => {}
        Some((name, GroupMember::Projection(projection))) => {
            let _ = write!(
                out,
                " INTO {} = {}",
                printer.variable(*name),
                printer.expression(projection)
            );
        }
        Some((name, GroupMember::Variables(members))) => {
            let members: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
            let _ = write!(
                out,
                " INTO {} KEEP {}",
                printer.variable(*name),
                members.join(", ")
            );
        }
    }
    let method = match (collect.keys.is_empty(), collect.sorted) {
        (true, _) => "count",
        (false, true) => "hash, sorted by its keys",
        (false, false) => "hash",
    };
    let _ = write!(out, "   /* {method} */");
    out
}

fn modify_comment(modify: &Modify, printer: &Printer<'_>) -> String {
    let show = |expression: &Expression| printer.expression(expression);
    let with = |key: &Option<Expression>, document: &Expression| match key {
        Some(key) => format!("{} WITH {}", show(key), show(document)),
        None => show(document),
    };
    let name = &modify.collection.name;
    match &modify.action {
        Action::Insert { document } => format!("INSERT {} IN {name}", show(document)),
        Action::Update { key, patch } => format!("UPDATE {} IN {name}", with(key, &patch.document)),
        Action::Replace { key, document } => format!("REPLACE {} IN {name}", with(key, document)),
        Action::Remove { key } => format!("REMOVE {} IN {name}", show(key)),
        Action::Upsert(upsert) => {
            let change = if upsert.replace { "REPLACE" } else { "UPDATE" };
            let access = if upsert.key.is_some() {
                "primary index scan"
            } else if upsert.index.is_some() {
                "persistent index scan"
            } else {
                "full collection scan"
            };
            format!(
                "UPSERT FILTER {} INSERT {} {change} {} IN {name}   /* {access} */",
                show(&upsert.condition),
                show(&upsert.insert.document),
                show(&upsert.update.document)
            )
        }
    }
}
