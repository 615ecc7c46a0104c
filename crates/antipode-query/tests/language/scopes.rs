//! Variables: where they begin, where they end, and what a name means.

use crate::check;

#[test]
fn declared_once() {
    check(
        r#"
LET a = 1 LET a = 2 RETURN a => error 1511 1:15 "'a'"
LET a = 1, a = 2 RETURN a => error 1511 1:12
LET a = 1 FOR a IN [1] RETURN a => error 1511 1:15
FOR a IN [1] FOR a IN [2] RETURN a => error 1511 1:18
FOR a IN [1] LET a = 2 RETURN a => error 1511
FOR a IN [1] LET b = (FOR a IN [2] RETURN a) RETURN b => error 1511
FOR a IN [1] RETURN (LET a = 2 RETURN a) => error 1511
LET a = (LET b = 1 RETURN b) LET b = 2 RETURN [a, b] => [[[1],2]]
LET a = (LET x = 1 RETURN x), b = (LET x = 2 RETURN x) RETURN [a, b] => [[[1],[2]]]
RETURN [(FOR x IN [1] RETURN x), (FOR x IN [2] RETURN x)] => [[[1],[2]]]
RETURN UNION(FOR x IN [1] RETURN x, FOR x IN [2] RETURN x) => [[1,2]]
FOR x IN (FOR x IN [1] RETURN x) RETURN x => [1]
LET x = (LET x = 1 RETURN x) RETURN x => [[1]]
LET a = a RETURN a => error 1203 1:9
LET a = b, b = 1 RETURN a => error 1203 1:9
LET a = 1, b = a + 1 RETURN b => [2]
FOR x IN x RETURN x => error 1203 1:10
FOR x IN [1] LET y = x RETURN y => [1]
RETURN x LET x = 1 => error 1501
FOR [a, a] IN [[1, 2]] RETURN a => error 1511
FOR {a, b: a} IN [{a: 1}] RETURN a => error 1511
LET a = 1 COLLECT a = 2 RETURN a => error 1511
FOR v, v IN OUTBOUND "c/a" e RETURN v => error 1511
FOR v, e2, v IN OUTBOUND "c/a" e RETURN v => error 1511
FOR x IN [1] WINDOW {preceding: 1} AGGREGATE x = SUM(x) RETURN x => error 1511
LET c = [7] FOR x IN c RETURN x => [7]
LET c = [7] RETURN c => [[7]]
LET d = 1 FOR x IN c SORT x.n RETURN x.n + d => [2,3,4]
LET c = 5 RETURN LENGTH(c) => [1]
FOR c IN c SORT c.n RETURN c.n => [1,2,3]
RETURN (LET q = 1 RETURN q) == q => error 1203
LET a = 1 RETURN A => error 1203 1:18 "'a'"
LET value = 1 RETURN vaule => error 1203 1:22 "did you mean 'value'"
FOR u IN usres RETURN u => error 1203 1:10 "did you mean 'users'"
INSERT {} INTO usres => error 1203 1:16 "did you mean 'users'"
"#,
    );
}

#[test]
fn special_variables() {
    check(
        r#"
RETURN NEW => error 1203
RETURN OLD => error 1203
FOR d IN c RETURN OLD => error 1203
INSERT {_key: "q", v: 1} INTO d RETURN NEW.v => [1] writes 1
INSERT {_key: "q", v: 1} INTO d RETURN new.v => error 1203
INSERT {_key: "q", v: 1} INTO d RETURN OLD => error 1203
INSERT {_key: "q", v: 1} INTO d RETURN {NEW} => [{"NEW":{"_key":"q","_id":"d/q","v":1}}]
REMOVE "a" IN c RETURN NEW => error 1203
REMOVE "a" IN c RETURN OLD.n => [1]
UPDATE "a" WITH {n: 9} IN c RETURN [OLD.n, NEW.n] => [[1,9]]
LET OLD = 5 RETURN OLD => [5]
LET NEW = 5 RETURN NEW => [5]
LET NEW = 5 INSERT {_key: "q"} INTO d RETURN NEW._key => ["q"]
INSERT {_key: "q"} INTO d LET x = NEW._key RETURN x => ["q"]
INSERT {_key: "q"} INTO d INSERT {_key: "r"} INTO users RETURN NEW._id => ["users/r"] writes 2
INSERT {_key: "q"} INTO d LET n = NEW INSERT {_key: "r"} INTO users RETURN [n._id, NEW._id] => [["d/q","users/r"]]
RETURN (INSERT {_key: "q"} INTO d RETURN NEW._key) => [["q"]]
LET x = (INSERT {_key: "q"} INTO d RETURN 1) RETURN NEW => error 1203
UPDATE "a" WITH {n: OLD.n + 1} IN c => error 1203
UPSERT {_key: "a"} INSERT {} UPDATE {n: OLD.n + 1} IN c RETURN [OLD.n, NEW.n] => [[1,2]]
UPSERT {_key: OLD} INSERT {} UPDATE {} IN c => error 1203
UPSERT {_key: "a"} INSERT {n: OLD} UPDATE {} IN c => error 1203
UPSERT {_key: "a"} INSERT {} UPDATE {n: NEW} IN c => error 1203
"#,
    );
}

#[test]
fn destructuring() {
    check(
        r#"
LET [a, b] = [1, 2] RETURN [a, b] => [[1,2]]
LET [a, , b] = [1, 2, 3] RETURN [a, b] => [[1,3]]
LET [, a] = [1, 2] RETURN a => [2]
LET [a, b] = [1] RETURN [a, b] => [[1,null]]
LET [a] = "x" RETURN a => [null]
LET [a] = null RETURN a => [null]
LET [a] = {"0": 1} RETURN a => [null]
LET [a, [b, c2]] = [1, [2, 3]] RETURN [a, b, c2] => [[1,2,3]]
LET {a, b} = {a: 1, b: 2} RETURN [a, b] => [[1,2]]
LET {a, b: x} = {a: 1, b: 2} RETURN [a, x] => [[1,2]]
LET {a: {b}} = {a: {b: 3}} RETURN b => [3]
LET {a: [x, y]} = {a: [1, 2]} RETURN [x, y] => [[1,2]]
LET {nope} = {a: 1} RETURN nope => [null]
LET {a} = [1] RETURN a => [null]
LET {a} = null RETURN a => [null]
LET {"x y": z} = {"x y": 1} RETURN z => [1]
LET {"x"} = {x: 1} RETURN 1 => error 1501
LET {`x y`} = {"x y": 1} RETURN `x y` => [1]
LET [a] = [1], b = a + 1 RETURN b => [2]
LET {a: {b: d2}} = {a: {b: 1}} RETURN a => error 1203
FOR [a, , b] IN [[1, 2, 3], [4]] RETURN [a, b] => [[1,3],[4,null]]
FOR {x, y: z, n: {first}} IN [{x: 1, y: 2, n: {first: 3}}, {}] RETURN [x, z, first] => [[1,2,3],[null,null,null]]
FOR {n} IN c SORT n RETURN n => [1,2,3]
FOR {_key, n} IN c FILTER n > 1 SORT n RETURN {_key} => [{"_key":"b"},{"_key":"c"}]
FOR [k, v] IN ENTRIES({a: 1}) RETURN {[k]: v} => [{"a":1}]
FOR [a], b IN OUTBOUND "c/a" e RETURN a => error 1501
FOR {a} IN OUTBOUND "c/a" e RETURN a => error 1501
FOR [a], b IN [[1]] RETURN a => error 1501
LET [] = [1] RETURN 1 => [1]
LET {} = {a: 1} RETURN 1 => error 1501
LET [a => error 1501
LET {a: 1} = {a: 1} RETURN 1 => error 1501
LET [a + 1] = [1] RETURN 1 => error 1501
"#,
    );
}
