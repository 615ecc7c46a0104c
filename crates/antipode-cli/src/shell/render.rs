//! How results and errors look.

use std::time::Duration;

use antipode_c8ql::{Code, Diagnostic, Span, parse, tokens};
use antipode_client::{Error, Extra, Status};

use crate::output::counted;

/// What the query told beside its rows.
pub fn warnings(extra: &Extra) -> String {
    let lines = extra.warnings.iter();
    lines
        .map(|warning| format!("warning {}: {}\n", warning.code, warning.message))
        .collect()
}

/// How long a query took: here, and on the node alone.
pub fn timing(total: Duration, extra: Option<&Extra>) -> String {
    let total = total.as_secs_f64() * 1e3;
    match extra {
        Some(extra) => format!(
            "time: {total:.2} ms, of it {:.2} ms on the node",
            extra.execution_seconds * 1e3
        ),
        None => format!("time: {total:.2} ms"),
    }
}

/// A syntax error that can be told without the node.
pub fn syntax_error(query: &str) -> Option<String> {
    parse(query)
        .err()
        .map(|diagnostic| diagnostic.render(query))
}

/// An error of the node or of the way to it; one that has a place in the query is shown there.
pub fn error(error: &Error, query: &str) -> String {
    let Error::Database {
        code,
        name,
        message,
        line,
        column,
        ..
    } = error
    else {
        return format!("error: {error}");
    };
    let Some(span) = span_at(query, *line, *column) else {
        return format!("error {code} ({name}): {message}");
    };
    let message = message.trim_end_matches(&format!(" at position {line}:{column}"));
    let diagnostic = Diagnostic::new(Code::new(0, ""), message, span);
    let rendered = diagnostic.render(query);
    let excerpt = rendered.split_once('\n').map_or("", |(_, excerpt)| excerpt);
    format!("error {code} ({name}) at {line}:{column}: {message}\n{excerpt}")
}

/// The token at a place; lines and columns count from 1, columns in characters.
fn span_at(query: &str, line: u32, column: u32) -> Option<Span> {
    let (line, column) = (line.checked_sub(1)?, column.checked_sub(1)?);
    let mut start = 0;
    for _ in 0..line {
        start += query.get(start..)?.find('\n')? + 1;
    }
    let rest = query.get(start..)?;
    let within = rest
        .char_indices()
        .nth(column as usize)
        .map_or(rest.len(), |(at, _)| at);
    let at = u32::try_from(start + within).ok()?;
    let token = tokens(query).find(|token| token.span.start <= at && at < token.span.end);
    Some(token.map_or(Span::new(at, at), |token| Span::new(at, token.span.end)))
}

/// A few lines about a node.
pub fn status(status: &Status) -> String {
    let mut lines = vec![
        format!(
            "node {} in {}, replica {}, version {}",
            status.node, status.region, status.replica_id, status.version
        ),
        match &status.read_only {
            None => "takes writes".to_owned(),
            Some(reason) => format!("takes NO writes: {reason}"),
        },
        format!(
            "{} discarded by merges",
            counted(status.discarded_writes, "write")
        ),
    ];
    for member in status.members.iter().filter(|member| !member.me) {
        let link = match (member.connected, member.rtt) {
            (true, Some(rtt)) => format!("connected, round trip {:.1} ms", rtt.as_secs_f64() * 1e3),
            (true, None) => "connected".to_owned(),
            (false, _) => "NOT connected".to_owned(),
        };
        lines.push(format!(
            "peer {} in {}: {link}, {} behind",
            member.node, member.region, member.behind
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use antipode_client::{Retry, Written};

    fn at(line: u32, column: u32) -> Error {
        Error::Database {
            code: 1203,
            name: "ERROR_ARANGO_DATA_SOURCE_NOT_FOUND".to_owned(),
            message: "collection or view not found: airport at position 2:10".to_owned(),
            retry: Retry::Never,
            written: Written::Nothing,
            line,
            column,
        }
    }

    #[test]
    fn an_error_is_shown_in_its_place() {
        let query = "// a comment\nFOR a IN airport RETURN a";
        let expected = "\
error 1203 (ERROR_ARANGO_DATA_SOURCE_NOT_FOUND) at 2:10: collection or view not found: airport
  |
2 | FOR a IN airport RETURN a
  |          ^^^^^^^";
        assert_eq!(error(&at(2, 10), query), expected);
        assert!(!error(&at(0, 0), query).contains('^'));
        // A place that is not in the text.
        assert!(!error(&at(9, 1), query).contains('^'));
        assert!(error(&at(2, 90), query).contains('^'));
    }

    #[test]
    fn syntax_errors_need_no_node() {
        assert_eq!(syntax_error("RETURN 1"), None);
        assert!(
            syntax_error("RETURN )")
                .is_some_and(|text| text.contains("error 1501") && text.contains('^'))
        );
    }

    #[test]
    fn times_are_told() {
        let extra = Extra {
            execution_seconds: 0.0015,
            ..Extra::default()
        };
        assert_eq!(
            timing(Duration::from_millis(2), Some(&extra)),
            "time: 2.00 ms, of it 1.50 ms on the node"
        );
    }
}
