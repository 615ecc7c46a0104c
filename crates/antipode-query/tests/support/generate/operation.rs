//! Operations that follow one another: loops, traversals, filters, groups, and the modification that may end them.

use super::{Kind, Maker, Variable};

impl Maker {
    pub(super) fn operations(&mut self, scope: &mut Vec<Variable>, depth: usize) -> Vec<String> {
        let outer = scope.len();
        let mut out = Vec::new();
        let first = match self.chance(8) {
            true => self.ordered_loop(scope),
            false => self.loop_over(scope, depth),
        };
        out.push(first);
        for _ in 0..1 + self.random.below(4) {
            let operation = self.operation(scope, outer, depth);
            out.push(operation);
        }
        out
    }

    fn declare(&mut self, scope: &mut Vec<Variable>, kind: Kind) -> String {
        let name = self.fresh();
        scope.push(Variable {
            name: name.clone(),
            kind,
        });
        name
    }

    fn loop_over(&mut self, scope: &mut Vec<Variable>, depth: usize) -> String {
        let other = self.path(scope);
        match self.random.below(14) {
            0 => {
                let array = self.array(scope, depth.min(1));
                let name = self.declare(scope, Kind::Any);
                format!("FOR {name} IN TO_ARRAY({array})")
            }
            1 => {
                let name = self.declare(scope, Kind::Any);
                format!(
                    "FOR {name} IN {}",
                    self.one(&["1..3", "[1, 2, {a: 1, n: 2}]", "[]"])
                )
            }
            2 => {
                let target = self.one(&["[{}, , {}]", "{ a: {}, b: {} }"]);
                let (first, second) = (
                    self.declare(scope, Kind::Any),
                    self.declare(scope, Kind::Any),
                );
                let target = target.replacen("{}", &first, 1).replacen("{}", &second, 1);
                format!(
                    "FOR {target} IN {}",
                    self.one(&["[[1, 2, 3], {a: 1, b: 2}]", "c", "d"])
                )
            }
            3 => self.traversal(scope),
            4 if depth > 0 => {
                let mut inner = scope.clone();
                let operations = self.operations(&mut inner, depth - 1).join(" ");
                let value = self.variable(&inner[scope.len()..]);
                let name = self.declare(scope, Kind::Any);
                format!("FOR {name} IN ({operations} RETURN {value})")
            }
            5 => {
                let name = self.declare(scope, Kind::Document);
                format!(
                    "FOR {name} IN FULLTEXT(c, \"t\", \"{}\")",
                    self.one(&["fox", "prefix:fo", "run,|red", "red,-fox"])
                )
            }
            6..=8 => {
                let name = self.declare(scope, Kind::Document);
                let collection = self.one(&["c", "d", "e"]);
                let attribute =
                    self.one(&["a", "b", "n", "_key", "_from", "_to", "r", "w", "s", "o.x"]);
                format!("FOR {name} IN {collection} FILTER {name}.{attribute} == {other}")
            }
            _ => {
                let name = self.declare(scope, Kind::Document);
                format!("FOR {name} IN {}", self.one(&["c", "c", "c", "d", "e"]))
            }
        }
    }

    /// A loop in an order that an index can have. `n` is different in all documents that have it.
    fn ordered_loop(&mut self, scope: &mut Vec<Variable>) -> String {
        let name = self.declare(scope, Kind::Document);
        let direction = self.one(&["", " DESC"]);
        let inner = [Variable {
            name: name.clone(),
            kind: Kind::Document,
        }];
        let condition = match self.chance(2) {
            true => format!(" FILTER {}", self.condition(&inner, 1)),
            false => String::new(),
        };
        match self.random.below(4) {
            0 => format!(
                "FOR {name} IN c{condition} FILTER {name}.n != null SORT {name}.n{direction} LIMIT 1, 4"
            ),
            1 => format!(
                "FOR {name} IN c FILTER {name}.n >= 2{condition} SORT {name}.n{direction} LIMIT 3"
            ),
            2 => {
                let key = self.one(&["a", "b", "s", "o.x", "arr"]);
                format!(
                    "FOR {name} IN c{condition} SORT {name}.{key}{direction}, {name}.n{direction}"
                )
            }
            _ => {
                let value = self.literal();
                format!(
                    "FOR {name} IN c FILTER {name}.a == {value}{condition} SORT {name}.b{direction}"
                )
            }
        }
    }

    fn traversal(&mut self, scope: &mut Vec<Variable>) -> String {
        let start = match self.random.below(3) {
            0 => self.variable(scope),
            _ => format!("\"c/k{}\"", self.random.below(9)),
        };
        let direction = self.one(&["OUTBOUND", "INBOUND", "ANY"]);
        let edges = self.one(&["e", "GRAPH \"g\""]);
        let (vertex, edge) = (
            self.declare(scope, Kind::Document),
            self.declare(scope, Kind::Document),
        );
        if self.chance(5) {
            let end = self.random.below(9);
            return format!(
                "FOR {vertex}, {edge} IN {direction} SHORTEST_PATH {start} TO \"c/k{end}\" {edges}"
            );
        }
        let depths = self.one(&["1", "0..1", "1..2", "2", "1..3"]);
        let options = self.one(&[
            "",
            "",
            " OPTIONS { order: \"bfs\", uniqueVertices: \"global\" }",
            " OPTIONS { uniqueVertices: \"path\" }",
            " OPTIONS { order: \"bfs\" }",
        ]);
        let prune = match self.chance(5) {
            true => format!(" PRUNE {vertex}.n == 2"),
            false => String::new(),
        };
        if self.chance(2) {
            return format!(
                "FOR {vertex}, {edge} IN {depths} {direction} {start} {edges}{prune}{options}"
            );
        }
        let path = self.declare(scope, Kind::Any);
        let filter = match self.chance(2) {
            true => format!(
                " FILTER {path}.{}",
                self.one(&[
                    "edges[0].w == 1",
                    "vertices[1].a == 1",
                    "edges[*].w ALL < 3",
                    "vertices[*].n ANY == 2"
                ])
            ),
            false => String::new(),
        };
        format!(
            "FOR {vertex}, {edge}, {path} IN {depths} {direction} {start} {edges}{prune}{options}{filter}"
        )
    }

    fn operation(&mut self, scope: &mut Vec<Variable>, outer: usize, depth: usize) -> String {
        let level = self.random.below(3);
        // Loops in loops of loops take long and show nothing new.
        let loops = match scope.len() - outer.min(scope.len()) {
            0..4 if depth > 0 || outer == 0 => 2,
            _ => 0,
        };
        match self.random.below(10) {
            way @ (0 | 1) if way < loops => self.loop_over(scope, depth),
            2 | 3 => {
                let value = self.value(scope, level);
                let name = self.declare(scope, Kind::Any);
                format!("LET {name} = {value}")
            }
            4 if depth > 0 => {
                let subquery = self.subquery(scope, depth);
                let name = self.declare(scope, Kind::Any);
                format!("LET {name} = {subquery}")
            }
            5 => self.sorted(scope, outer, true),
            6 => self.collect(scope, outer),
            7 => {
                let sorted = self.sorted(scope, outer, false);
                let number = self.small_number(scope);
                let bounds = self.one(&[
                    "preceding: 1",
                    "preceding: 1, following: 1",
                    "preceding: \"unbounded\"",
                    "following: 2",
                ]);
                let (sum, count) = (
                    self.declare(scope, Kind::Any),
                    self.declare(scope, Kind::Any),
                );
                format!(
                    "{sorted} WINDOW {{ {bounds} }} AGGREGATE {sum} = SUM({number}), {count} = COUNT(1)"
                )
            }
            _ => format!("FILTER {}", self.condition(scope, level)),
        }
    }

    /// SORT by anything and then by everything, so that only equal rows are left to chance; with a LIMIT, maybe.
    fn sorted(&mut self, scope: &[Variable], outer: usize, limit: bool) -> String {
        let names: Vec<&str> = scope[outer.min(scope.len())..]
            .iter()
            .map(|variable| &*variable.name)
            .collect();
        let all = names.join(", ");
        let key = match self.chance(2) {
            true => self.path(scope),
            false => self.value(scope, 1),
        };
        let direction = self.one(&["", " DESC"]);
        let limit = match (limit, self.random.below(4)) {
            (false, _) | (true, 0) => String::new(),
            (true, 1) => format!(" LIMIT {}, {}", self.random.below(3), self.random.below(6)),
            (true, _) => format!(" LIMIT {}", self.random.below(6)),
        };
        format!("SORT {key}{direction}, [{all}]{limit}")
    }

    fn collect(&mut self, scope: &mut Vec<Variable>, outer: usize) -> String {
        let number = self.small_number(scope);
        let keys: Vec<String> = (0..self.random.below(3))
            .map(|_| self.path(scope))
            .collect();
        let value = self.path(scope);
        let method = self.one(&[
            "",
            "",
            " OPTIONS { method: \"hash\" }",
            " OPTIONS { method: \"sorted\" }",
        ]);
        scope.truncate(outer);
        let mut head = Vec::new();
        for key in &keys {
            let name = self.declare(scope, Kind::Any);
            head.push(format!("{name} = {key}"));
        }
        let keys = head.join(", ");
        match self.random.below(5) {
            0 => {
                let count = self.declare(scope, Kind::Any);
                format!("COLLECT {keys} WITH COUNT INTO {count}{method}")
            }
            1 => {
                let group = self.fresh();
                if head.is_empty() {
                    let value_name = self.declare(scope, Kind::Any);
                    return format!("COLLECT AGGREGATE {value_name} = SORTED_UNIQUE({value})");
                }
                let sorted = self.declare(scope, Kind::Any);
                format!("COLLECT {keys} INTO {group} = {value} LET {sorted} = SORTED({group})")
            }
            2 if !head.is_empty() => format!("COLLECT {keys}{method}"),
            _ => {
                let functions = [
                    format!("SUM({number})"),
                    format!("MIN({value})"),
                    format!("MAX({value})"),
                    format!("AVERAGE({number})"),
                    format!("COUNT_DISTINCT({value})"),
                    format!("SORTED_UNIQUE({value})"),
                    "LENGTH(1)".to_owned(),
                    format!("BIT_OR({number})"),
                ];
                let mut aggregates = Vec::new();
                for _ in 0..1 + self.random.below(2) {
                    let function = self.random.pick(&functions).clone();
                    let name = self.declare(scope, Kind::Any);
                    aggregates.push(format!("{name} = {function}"));
                }
                format!("COLLECT {keys} AGGREGATE {}{method}", aggregates.join(", "))
            }
        }
    }

    // -- modifications --------------------------------------------------------------------------

    /// A query that changes documents. Rows come in a fixed order where one may undo what another did.
    pub(super) fn modification(&mut self, scope: &mut Vec<Variable>) -> Vec<String> {
        let name = self.declare(scope, Kind::Document);
        let collection = self.one(&["c", "c", "d", "e"]);
        let mut out = vec![format!("FOR {name} IN {collection}")];
        if !self.chance(3) {
            let level = self.random.below(3);
            out.push(format!("FILTER {}", self.condition(scope, level)));
        }
        if self.chance(2) {
            let value = self.value(scope, 2);
            let value_name = self.declare(scope, Kind::Any);
            out.push(format!("LET {value_name} = {value}"));
        }
        let value = self.value(scope, 1);
        let attribute = self.one(&["a", "b", "n", "o", "arr", "s", "new"]);
        let change = match self.random.below(6) {
            0 => format!("{{ {attribute}: {name}.{attribute} + 1 }}"),
            1 => format!("{{ {attribute}: PUSH({name}.{attribute}, {value}) }}"),
            2 => format!("{{ {attribute}: APPEND({name}.arr, [{value}]), o: {{ x: {value} }} }}"),
            3 => format!("{{ {attribute}: null, o: {{ y: {{ q: 1 }} }} }}"),
            4 => format!("MERGE({name}, {{ {attribute}: {value} }})"),
            _ => format!("{{ {attribute}: {value} }}"),
        };
        let options = self.one(&[
            "",
            "",
            " OPTIONS { keepNull: false }",
            " OPTIONS { mergeObjects: false }",
            " OPTIONS { ignoreErrors: true }",
        ]);
        let end = match self.random.below(8) {
            0 | 1 => format!(
                "UPDATE {name} WITH {change} IN {collection}{options} RETURN [OLD._key, UNSET(NEW, \"_rev\")]"
            ),
            2 => format!("UPDATE {name}._key WITH {change} IN {collection}{options}"),
            3 => format!(
                "REPLACE {name} WITH MERGE(KEEP({name}, \"_from\", \"_to\"), {{ {attribute}: {value} }}) IN {collection} RETURN UNSET(NEW, \"_rev\")"
            ),
            4 => format!("REMOVE {name} IN {collection} RETURN OLD._key"),
            5 => {
                let key = self.small_number(scope);
                let mode = self.one(&["conflict", "ignore", "replace", "update"]);
                format!(
                    "SORT {name}._key INSERT {{ _key: CONCAT(\"k\", {key}), {attribute}: {value} }} INTO d OPTIONS {{ overwriteMode: \"{mode}\" }} RETURN NEW._key"
                )
            }
            6 => {
                let searched = self.one(&["n", "a", "s", "o: { x"]);
                let close = if searched.ends_with('x') { " }" } else { "" };
                format!(
                    "SORT {name}._key UPSERT {{ {searched}: {name}.n{close} }} INSERT {{ _key: CONCAT(\"u\", {name}._key), a: 1 }} UPDATE {{ b: OLD.n }} IN d RETURN [OLD.n, UNSET(NEW, \"_rev\")]"
                )
            }
            _ => format!(
                "SORT {name}._key INSERT MERGE(UNSET({name}, \"_id\", \"_rev\"), {{ _key: CONCAT(\"n\", {name}._key) }}) INTO {collection} RETURN UNSET(NEW, \"_rev\")"
            ),
        };
        out.push(end);
        out
    }
}
