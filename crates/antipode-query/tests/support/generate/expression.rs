//! Expressions over the variables in scope: values of a known kind, subqueries, calls and conditions.

use antipode_query::function;

use super::{EXTREME, Kind, MIXED, Maker, Variable};

impl Maker {
    pub(super) fn fresh(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    pub(super) fn document(&mut self, scope: &[Variable]) -> Option<String> {
        let documents: Vec<&Variable> = scope
            .iter()
            .filter(|variable| variable.kind == Kind::Document)
            .collect();
        match documents.len() {
            0 => None,
            count => Some(documents[self.random.below(count)].name.clone()),
        }
    }

    pub(super) fn variable(&mut self, scope: &[Variable]) -> String {
        match scope.len() {
            0 => "1".into(),
            count => scope[self.random.below(count)].name.clone(),
        }
    }

    pub(super) fn literal(&mut self) -> String {
        let pool = if self.chance(12) { EXTREME } else { MIXED };
        let literal = self.one(pool).to_owned();
        if self.chance(8) {
            // Of the same type, so that one plan may serve both.
            let other = match literal.as_bytes().first() {
                Some(b'"') => "\"x\"".to_owned(),
                Some(b'0'..=b'9' | b'-') => "2".to_owned(),
                _ => self.one(MIXED).to_owned(),
            };
            self.binds.push((literal, other));
            return format!("@p{}", self.binds.len() - 1);
        }
        literal
    }

    pub(super) fn path(&mut self, scope: &[Variable]) -> String {
        match self.document(scope) {
            Some(document) => format!(
                "{document}.{}",
                self.one(&[
                    "a", "a", "b", "b", "n", "n", "s", "o.x", "o.y.z", "arr", "_key", "_id",
                    "_from", "_to", "w", "r", "t", "arr[0]", "`a`", "o[\"x\"]", "missing",
                ])
            ),
            None => self.variable(scope),
        }
    }

    pub(super) fn small_number(&mut self, scope: &[Variable]) -> String {
        match self.document(scope) {
            Some(document) => format!("{document}.n"),
            None => self.one(&["1", "2", "null"]).to_owned(),
        }
    }

    pub(super) fn array(&mut self, scope: &[Variable], depth: usize) -> String {
        match self.random.below(6) {
            0 => format!("TO_ARRAY({})", self.value(scope, depth)),
            1 => {
                let path = self.path(scope);
                format!("{path}[*]")
            }
            2 => {
                let (first, second) = (self.value(scope, depth), self.value(scope, depth));
                format!("[{first}, {second}, 1]")
            }
            3 => self
                .one(&["1..3", "[1, 2, {a: 1, n: 2}]", "[[1], [2, 3]]", "3..1"])
                .to_owned(),
            4 => self.subquery(scope, depth),
            _ => self.path(scope),
        }
    }

    /// A subquery whose array has a fixed order.
    pub(super) fn subquery(&mut self, scope: &[Variable], depth: usize) -> String {
        if depth == 0 {
            return "[1, 2]".into();
        }
        let mut inner = scope.to_vec();
        let operations = self.operations(&mut inner, depth - 1).join(" ");
        let value = match self.chance(2) {
            true => self.variable(&inner),
            false => self.value(&inner, 1),
        };
        match self.random.below(4) {
            0 => format!("[LENGTH({operations} RETURN {value}), 1]"),
            1 => format!("[FIRST({operations} SORT {value} RETURN {value}), 1]"),
            2 => format!("SORTED_UNIQUE(({operations} RETURN {value}))"),
            _ => format!("SORTED(({operations} RETURN {value}))"),
        }
    }

    pub(super) fn value(&mut self, scope: &[Variable], depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(5) {
                0 | 1 => self.literal(),
                2 => self.variable(scope),
                _ => self.path(scope),
            };
        }
        let below = depth - 1;
        let left = self.value(scope, below);
        let right = self.value(scope, below);
        match self.random.below(22) {
            0 => format!("({left} {} {right})", self.one(&["+", "-", "*", "/", "%"])),
            1 => format!("({left} AND {right})"),
            2 => format!("({left} OR {right})"),
            3 => format!("({left} ? {right} : {})", self.value(scope, 0)),
            4 => format!("({left} ?: {right})"),
            5 | 6 => self.condition(scope, below),
            7 => format!("[{left}, {right}, 1]"),
            8 => format!("{{x: {left}, [\"y\"]: {right}, z: 1}}"),
            9 => format!("({left})[{right}]"),
            10 => format!(
                "({}){}",
                self.array(scope, below),
                self.expansion(scope, below)
            ),
            11 => format!("({}).x", left),
            12 => format!("-({left})"),
            13 => format!("LENGTH({left})"),
            14 if depth > 1 => self.subquery(scope, depth),
            _ => self.call(scope, below),
        }
    }

    pub(super) fn expansion(&mut self, scope: &[Variable], depth: usize) -> String {
        let mut inner = scope.to_vec();
        inner.push(Variable {
            name: "CURRENT".into(),
            kind: Kind::Any,
        });
        let condition = self.condition(&inner, depth);
        match self.random.below(7) {
            0 => "[*]".into(),
            1 => "[**]".into(),
            2 => format!("[* FILTER {condition}]"),
            3 => format!(
                "[* FILTER {condition} LIMIT 1, 2 RETURN {}]",
                self.value(&inner, depth)
            ),
            4 => format!("[? FILTER {condition}]"),
            5 => format!("[? AT LEAST (2) FILTER {condition}]"),
            _ => format!("[? NONE FILTER {condition}]"),
        }
    }

    /// A call of any function that depends on its arguments alone.
    pub(super) fn call(&mut self, scope: &[Variable], depth: usize) -> String {
        let functions: Vec<&function::Function> = function::all()
            .filter(|function| function.constant)
            .collect();
        let function = *self.random.pick(&functions);
        let (least, most) = function.arity;
        let count = least + self.random.below(most.min(least + 2) - least + 1);
        let arguments: Vec<String> = (0..count).map(|_| self.value(scope, depth)).collect();
        format!("{}({})", function.name, arguments.join(", "))
    }

    pub(super) fn condition(&mut self, scope: &[Variable], depth: usize) -> String {
        let path = self.path(scope);
        let value = match self.chance(3) {
            true => self.value(scope, depth),
            false => self.literal(),
        };
        let compare = self.one(&["==", "==", "<", "<=", ">", ">=", "!="]);
        if depth == 0 {
            return format!("{path} {compare} {value}");
        }
        let below = depth - 1;
        match self.random.below(22) {
            0 => format!(
                "({} AND {})",
                self.condition(scope, below),
                self.condition(scope, below)
            ),
            1 => format!(
                "({} OR {})",
                self.condition(scope, below),
                self.condition(scope, below)
            ),
            2 => format!("(NOT ({}))", self.condition(scope, below)),
            3 => format!("({path} IN [{value}, 1, \"k3\"])"),
            4 => format!("({path} NOT IN [{value}, 2])"),
            5 => format!("({path} == 1 OR {path} IN [\"k1\", \"c/k2\"] OR \"k3\" == {path})"),
            6 => format!("({path} >= {} AND {path} < {value})", self.literal()),
            7 => format!("({value} IN {path})"),
            8 => format!("({value} IN {path}[*])"),
            9 => format!(
                "({path} LIKE {})",
                self.one(&["\"a%\"", "\"_\"", "\"%b\"", "\"k\\\\_%\"", "\"x\""])
            ),
            10 => format!(
                "STARTS_WITH(TO_STRING({path}), {})",
                self.one(&["\"a\"", "\"k\"", "\"\""])
            ),
            11 => format!(
                "({} {} {compare} {value})",
                self.array(scope, below),
                self.one(&["ANY", "ALL", "NONE", "AT LEAST (1)"])
            ),
            12 => format!(
                "({path} =~ {})",
                self.one(&["\"^a\"", "\"[0-9]\"", "\"(\""])
            ),
            13 => format!("({path} == null)"),
            14 => format!(
                "({path} > {} AND {path} > {value} AND {path} <= 7)",
                self.literal()
            ),
            15 => match self.document(scope) {
                Some(document) => format!(
                    "(DISTANCE({document}.p[1], {document}.p[0], 1, 1) <= {})",
                    self.one(&["0", "100000", "200000", "500000"])
                ),
                None => path,
            },
            16 => match self.document(scope) {
                Some(document) => format!(
                    "GEO_DISTANCE([1, 1.5], {document}.p) {} 200000",
                    self.one(&["<", "<=", ">"])
                ),
                None => path,
            },
            17 => self.value(scope, depth),
            18 => self.nearness(scope),
            _ => format!("({path} {compare} {value})"),
        }
    }

    /// A bound of a distance, as a geo index can answer it.
    pub(super) fn nearness(&mut self, scope: &[Variable]) -> String {
        let Some(document) = self.document(scope) else {
            return "true".into();
        };
        let bound = self.one(&["0", "100000", "200000", "500000"]);
        let compare = self.one(&["<", "<="]);
        format!("GEO_DISTANCE([1, 1.5], {document}.p) {compare} {bound}")
    }
}
