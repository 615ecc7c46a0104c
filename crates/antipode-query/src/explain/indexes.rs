//! The indexes of a plan in EXPLAIN: what each loop asks of which index.

use antipode_value::Value;

use super::Line;
use super::print::Printer;
use crate::expression::Expression;
use crate::plan::{Access, Action, GeoAccess, GeoOrigin, IndexAccess, NodeKind, RangeEnd};
use crate::source::Direction;

/// Headings of the table of indexes.
const HEADINGS: [&str; 9] = [
    "By",
    "Name",
    "Type",
    "Collection",
    "Unique",
    "Sparse",
    "Selectivity",
    "Fields",
    "Ranges",
];

/// One index that a node uses.
struct Used {
    name: String,
    kind: &'static str,
    id: Option<u64>,
    unique: bool,
    sparse: bool,
    selectivity: Option<f64>,
    fields: Vec<String>,
    ranges: String,
}

/// The kinds of the indexes of an access, each once: `persistent`, `primary`.
pub(super) fn kinds(access: &Access) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for used in used(access, "", None) {
        if !kinds.contains(&used.kind) {
            kinds.push(used.kind);
        }
    }
    kinds.join(", ")
}

/// What an access asks of its indexes, as a condition on a variable.
pub(super) fn condition(access: &Access, variable: &str, printer: &Printer<'_>) -> String {
    let ranges = used(access, variable, Some(printer))
        .into_iter()
        .map(|used| used.ranges)
        .filter(|ranges| !ranges.is_empty());
    ranges.collect::<Vec<_>>().join(" OR ")
}

/// The table of the indexes that are used, or `none`.
pub(super) fn table(lines: &[Line<'_>], printer: &Printer<'_>) -> String {
    let mut rows: Vec<[String; 9]> = Vec::new();
    for line in lines {
        let (collection, used) = used_by(line, printer);
        rows.extend(used.into_iter().map(|used| {
            let fields: Vec<String> = used.fields.iter().map(|name| format!("`{name}`")).collect();
            [
                line.node.id.to_string(),
                used.name,
                used.kind.to_owned(),
                collection.to_owned(),
                used.unique.to_string(),
                used.sparse.to_string(),
                used.selectivity
                    .map_or("n/a".into(), |share| format!("{:.2} %", share * 100.0)),
                format!("[ {} ]", fields.join(", ")),
                if used.ranges.is_empty() {
                    "*".to_owned()
                } else {
                    format!("({})", used.ranges)
                },
            ]
        }));
    }
    if rows.is_empty() {
        return " none".into();
    }
    rows.insert(0, HEADINGS.map(str::to_owned));
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let shown = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, width))| match column {
                0 => format!("{cell:>3}"),
                _ => format!("{cell:width$}"),
            })
            .collect();
        format!(" {}", cells.join("  ").trim_end())
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// What the JSON form says of a node that uses indexes.
pub(super) fn json(line: &Line<'_>, printer: &Printer<'_>) -> Vec<(&'static str, Value)> {
    let (_, used) = used_by(line, printer);
    if used.is_empty() {
        return Vec::new();
    }
    let ranges: Vec<String> = used.iter().map(|used| used.ranges.clone()).collect();
    let indexes = used.into_iter().map(|used| {
        Value::object([
            ("id", Value::from(used.id.map(|id| id.to_string()))),
            ("name", Value::from(used.name)),
            ("type", Value::from(used.kind)),
            ("fields", Value::array(used.fields)),
            ("unique", Value::Bool(used.unique)),
            ("sparse", Value::Bool(used.sparse)),
            ("selectivityEstimate", Value::from(used.selectivity)),
            ("ranges", Value::from(used.ranges)),
        ])
    });
    let mut pairs = vec![
        ("indexes", Value::array(indexes)),
        ("condition", Value::from(ranges.join(" OR "))),
    ];
    if let NodeKind::EnumerateCollection(enumerate) = &line.node.kind
        && let Access::Index(access) = &enumerate.access
    {
        pairs.push(("reverse", Value::Bool(access.reverse)));
        pairs.push(("ascending", Value::Bool(!access.reverse)));
        pairs.push(("indexCoversProjections", Value::Bool(access.index_only)));
        if let Some(projections) = &access.projections {
            let paths = projections.iter().map(Value::array);
            pairs.push(("projections", Value::array(paths)));
        }
    }
    pairs
}

/// The indexes that a node uses, and of which collection they are.
fn used_by<'p>(line: &Line<'p>, printer: &Printer<'_>) -> (&'p str, Vec<Used>) {
    match &line.node.kind {
        NodeKind::EnumerateCollection(enumerate) => {
            let variable = printer.variable(enumerate.variable);
            let used = used(&enumerate.access, &variable, Some(printer));
            (&enumerate.collection.name, used)
        }
        NodeKind::Modify(modify) => {
            let used = match &modify.action {
                Action::Upsert(upsert) => match &upsert.index {
                    Some(access) => vec![persistent(access, "CURRENT", Some(printer))],
                    None => Vec::new(),
                },
                _ => Vec::new(),
            };
            (&modify.collection.name, used)
        }
        _ => ("", Vec::new()),
    }
}

/// The indexes of an access. Without a printer, without ranges.
fn used(access: &Access, variable: &str, printer: Option<&Printer<'_>>) -> Vec<Used> {
    let own = |kind: &'static str, field: &str, value: Option<&Expression>, many: bool| {
        let operator = if many { "IN" } else { "==" };
        let range = printer
            .zip(value)
            .map_or(String::new(), |(printer, value)| {
                let value = printer.expression(value);
                format!("{variable}.`{field}` {operator} {value}")
            });
        vec![Used {
            name: kind.to_owned(),
            kind,
            id: None,
            unique: kind == "primary",
            sparse: false,
            selectivity: (kind == "primary").then_some(1.0),
            fields: vec![field.to_owned()],
            ranges: range,
        }]
    };
    match access {
        Access::Full | Access::Table { .. } => Vec::new(),
        Access::Key { keys, many, ids } => own(
            "primary",
            if *ids { "_id" } else { "_key" },
            Some(keys),
            *many,
        ),
        Access::KeyRange { lower, upper } => {
            let mut used = own("primary", "_key", None, false);
            if let (Some(printer), [used]) = (printer, used.as_mut_slice()) {
                let name = format!("{variable}.`_key`");
                used.ranges = range(&name, lower, upper, printer).join(" AND ");
            }
            used
        }
        Access::Edge {
            direction,
            vertices,
            many,
        } => {
            let field = match direction {
                Direction::Out => "_from",
                Direction::In => "_to",
            };
            own("edge", field, Some(vertices), *many)
        }
        Access::Index(access) => vec![persistent(access, variable, printer)],
        Access::Geo(access) => vec![geo(access, variable, printer)],
        Access::Union { parts, .. } => parts
            .iter()
            .flat_map(|part| used(part, variable, printer))
            .collect(),
    }
}

fn persistent(access: &IndexAccess, variable: &str, printer: Option<&Printer<'_>>) -> Used {
    let index = &access.index;
    let name = |place: usize| {
        let field = index.fields.get(place).map(|field| field.text());
        format!("{variable}.`{}`", field.unwrap_or_default())
    };
    let mut ranges = Vec::new();
    if let Some(printer) = printer {
        for (place, lookup) in access.lookups.iter().enumerate() {
            let array = index
                .fields
                .get(place)
                .is_some_and(|field| field.each.is_some());
            let value = printer.expression(&lookup.value);
            ranges.push(match (array, lookup.many) {
                (true, _) => format!("{value} IN {}", name(place)),
                (false, true) => format!("{} IN {value}", name(place)),
                (false, false) => format!("{} == {value}", name(place)),
            });
        }
        let name = name(access.lookups.len());
        ranges.extend(range(&name, &access.lower, &access.upper, printer));
    }
    Used {
        name: index.name.clone(),
        kind: index.kind.name(),
        id: Some(index.id.0),
        unique: index.unique,
        sparse: index.sparse,
        selectivity: index.selectivity,
        fields: index.fields.iter().map(|field| field.text()).collect(),
        ranges: ranges.join(" AND "),
    }
}

/// The ends of a range, as conditions.
fn range(
    name: &str,
    lower: &Option<RangeEnd>,
    upper: &Option<RangeEnd>,
    printer: &Printer<'_>,
) -> Vec<String> {
    let ends = [(lower, ">"), (upper, "<")].into_iter();
    let shown = ends.filter_map(|(end, strict)| {
        let end = end.as_ref()?;
        let or_equal = if end.inclusive { "=" } else { "" };
        let value = printer.expression(&end.value);
        Some(format!("{name} {strict}{or_equal} {value}"))
    });
    shown.collect()
}

fn geo(access: &GeoAccess, variable: &str, printer: Option<&Printer<'_>>) -> Used {
    let index = &access.index;
    let mut ranges = Vec::new();
    if let Some(printer) = printer {
        let show = |expression| printer.expression(expression);
        let question = match &access.origin {
            GeoOrigin::Point(latitude, longitude) => {
                format!(
                    "DISTANCE({variable}, {}, {})",
                    show(latitude),
                    show(longitude)
                )
            }
            GeoOrigin::Middle(shape) => format!("GEO_DISTANCE({variable}, {})", show(shape)),
            GeoOrigin::Touching(shape) => format!("GEO_INTERSECTS({variable}, {})", show(shape)),
        };
        let bounds = [(&access.least, ">="), (&access.most, "<=")];
        for (bound, operator) in bounds {
            ranges.extend(
                bound
                    .as_ref()
                    .map(|bound| format!("{question} {operator} {}", show(bound))),
            );
        }
        match access.nearest_first {
            Some(true) => ranges.push(format!("SORT {question} ASC")),
            Some(false) => ranges.push(format!("SORT {question} DESC")),
            None if ranges.is_empty() => ranges.push(question),
            None => {}
        }
    }
    Used {
        name: index.name.clone(),
        kind: index.kind.name(),
        id: Some(index.id.0),
        unique: index.unique,
        sparse: index.sparse,
        selectivity: None,
        fields: index.fields.iter().map(|field| field.text()).collect(),
        ranges: ranges.join(" AND "),
    }
}
