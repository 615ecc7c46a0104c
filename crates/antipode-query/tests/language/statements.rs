//! FOR, FILTER, SORT, LIMIT, LET and RETURN.

use crate::check;

#[test]
fn for_over_values() {
    check(
        r#"
FOR x IN [3, 1, 2] RETURN x => [3,1,2]
FOR x IN [] RETURN x => []
FOR x IN 1..3 RETURN x => [1,2,3]
FOR x IN [1, 2] FOR y IN [x, x * 10] RETURN [x, y] => [[1,1],[1,10],[2,2],[2,20]]
FOR x IN null RETURN x => error 1563
FOR x IN 1 RETURN x => error 1563
FOR x IN "abc" RETURN x => error 1563
FOR x IN {a: 1} RETURN x => error 1563
FOR x IN true RETURN x => error 1563
FOR d IN c FOR x IN d.list RETURN x => error 1563
FOR d IN nested FOR x IN d.l RETURN x => [1,{"m":null}]
FOR d IN d FOR x IN d.list RETURN x => []
FOR x IN NOOPT(null) RETURN x => error 1563
FOR x IN (RETURN 5) RETURN x => [5]
FOR x IN [[1, 2], [3]] FOR y IN x RETURN y => [1,2,3]
FOR x IN true ? [1] : [2] RETURN x => [1]
FOR x IN [1] OR [2] RETURN x => [1]
FOR d IN c SORT d.n RETURN d.n => [1,2,3]
FOR d IN c FILTER d._key == "a" RETURN d => [{"_key":"a","_id":"c/a","n":1}]
FOR d IN c FILTER d._id == "c/b" RETURN d.n => [2]
FOR d IN c FILTER d._id == "d/b" RETURN d.n => []
FOR d IN c FILTER d._key IN ["a", "zz", "c"] SORT d.n RETURN d.n => [1,3]
FOR x IN [1] OPTIONS {indexHint: "i", forceIndexHint: false, disableIndex: true, maxProjections: 3, useCache: false, lookahead: 1} RETURN x => [1]
FOR d IN c OPTIONS {indexHint: ["i", "j"]} SORT d.n RETURN d.n => [1,2,3]
FOR d IN c OPTIONS {indexHint: "nope", forceIndexHint: true} RETURN d => error 5240
FOR d IN c OPTIONS {what: 1} LIMIT 1 RETURN 1 => [1] warns 10
FOR d IN c OPTIONS 5 RETURN d => error 1501
FOR d IN c OPTIONS "a" RETURN d => error 1501
FOR d IN c OPTIONS [] RETURN d => error 1501
LET o = NOOPT(1) FOR d IN c OPTIONS {indexHint: o} RETURN d => error 1575
FOR d IN c OPTIONS {indexHint: @h} LIMIT 1 RETURN 1 <- {"h": "x"} => [1]
FOR d IN c OPTION {} RETURN d => error 1501 1:12 "unexpected qualifier 'OPTION'"
FOR d IN c FOO RETURN d => error 1501 1:12 "unexpected qualifier 'FOO'"
FOR d IN c SEARCH d.n == 1 RETURN d => error 1501 "SEARCH condition used on non-view"
FOR d IN [1] SEARCH true RETURN d => error 1501
FOR IN c RETURN 1 => error 1501 1:5
FOR d c RETURN 1 => error 1501 1:7 "IN"
FOR d OF c RETURN d => error 1501
FOR d IN RETURN d => error 1501
FOR "d" IN c RETURN d => error 1501
FOR a, b IN c RETURN a => error 1501
FOR a, b IN [1] RETURN a => error 1501
FOR a, b, x, y IN OUTBOUND "c/a" e RETURN a => error 1501
FOR d IN c INSERT {x: 1} INTO c => [] writes 3
FOR d IN c INSERT {x: 1} INTO c ;; RETURN LENGTH(c) => [6]
"#,
    );
}

#[test]
fn filter() {
    check(
        r#"
FOR x IN 1..5 FILTER x > 2 FILTER x < 5 RETURN x => [3,4]
FOR x IN 1..5 FILTER x > 2 AND x < 5 RETURN x => [3,4]
FILTER true RETURN 1 => [1]
FILTER false RETURN 1 => []
FILTER null RETURN 1 => []
FOR x IN [{a: 1}, {a: null}, {}] FILTER x.a == null RETURN x => [{"a":null},{}]
FOR x IN [{a: 1}, {a: null}, {}] FILTER x.a < 39 RETURN x => [{"a":1},{"a":null},{}]
FOR x IN [{a: 1}, {a: null}, {}] FILTER x.a != null AND x.a < 39 RETURN x => [{"a":1}]
FOR x IN [{a: 1}, {a: null}, {}] FILTER HAS(x, "a") RETURN x => [{"a":1},{"a":null}]
FOR x IN 1..5 LIMIT 2 FILTER x > 1 RETURN x => [2]
FOR x IN 1..5 FILTER x > 1 LIMIT 2 RETURN x => [2,3]
FOR x IN 1..3 FILTER RETURN x => error 1501
FOR x IN 1..3 FILTER x = 1 RETURN x => error 1501 1:24
FOR x IN 1..2 FILTER (FOR y IN [] RETURN y) RETURN x => [1,2]
FOR x IN 1..2 FILTER x == 1 || x == 2 RETURN x => [1,2]
FOR x IN 1..3 FILTER !(x == 1) RETURN x => [2,3]
FOR d IN c FILTER d.n >= 2 AND d._key != "c" RETURN d.n => [2]
"#,
    );
}

#[test]
fn sort() {
    check(
        r#"
FOR x IN [2, 3, 1] SORT x RETURN x => [1,2,3]
FOR x IN [2, 3, 1] SORT x ASC RETURN x => [1,2,3]
FOR x IN [2, 3, 1] SORT x DESC RETURN x => [3,2,1]
FOR x IN [2, 3, 1] SORT -x RETURN x => [3,2,1]
FOR x IN [2, 3, 1] SORT x "desc" RETURN x => [3,2,1]
FOR x IN [2, 3, 1] SORT x "ASC" RETURN x => [1,2,3]
FOR x IN [2, 3, 1] SORT x true RETURN x => [1,2,3]
FOR x IN [2, 3, 1] SORT x false RETURN x => [3,2,1]
FOR x IN [2, 3, 1] SORT x "up" RETURN x => error 1501
FOR x IN [2, 3, 1] SORT x 1 RETURN x => error 1501
FOR x IN [2, 3, 1] SORT x UP RETURN x => error 1501
FOR x IN [2, 3, 1] SORT RETURN x => error 1501
FOR x IN [2, 3, 1] SORT x, RETURN x => error 1501
FOR x IN [2, 3, 1] SORT null RETURN x => [2,3,1]
FOR x IN [2, 3, 1] SORT 1 RETURN x => [2,3,1]
FOR x IN [2, 3, 1] SORT 1, x RETURN x => [1,2,3]
FOR x IN [{a: 1, b: 1}, {a: 0, b: 3}, {a: 1, b: 0}] SORT x.a, x.b RETURN [x.a, x.b] => [[0,3],[1,0],[1,1]]
FOR x IN [{a: 1, b: 1}, {a: 0, b: 3}, {a: 1, b: 0}] SORT x.a DESC, x.b RETURN [x.a, x.b] => [[1,0],[1,1],[0,3]]
FOR x IN [{a: 1, b: 1}, {a: 1, b: 0}] SORT x.a RETURN x.b => [1,0]
FOR x IN [{a: 1}, {}, {a: null}, {a: 0}] SORT x.a RETURN x.a => [null,null,0,1]
FOR x IN [2, 3, 1] SORT x DESC SORT x RETURN x => [1,2,3]
FOR x IN [{a: 1, b: 2}, {a: 2, b: 1}] SORT x.a SORT x.b RETURN x.a => [2,1]
FOR x IN [3, 1, 2] SORT x LIMIT 2 RETURN x => [1,2]
FOR x IN [3, 1, 2] LIMIT 2 SORT x RETURN x => [1,3]
FOR x IN [3, 1, 2] SORT x LIMIT 1, 1 RETURN x => [2]
FOR x IN ["10", 9, "9", 10] SORT x RETURN x => [9,10,"10","9"]
FOR x IN [3, 1] LET y = x * 2 SORT y RETURN y => [2,6]
FOR x IN [1, 2] SORT RAND() LIMIT 0 RETURN x => []
FOR x IN [[2, 1], [1, 9], [2]] SORT x RETURN x => [[1,9],[2],[2,1]]
"#,
    );
}

#[test]
fn limit() {
    check(
        r#"
FOR x IN 1..5 LIMIT 2 RETURN x => [1,2]
FOR x IN 1..5 LIMIT 0 RETURN x => []
FOR x IN 1..5 LIMIT 10 RETURN x => [1,2,3,4,5]
FOR x IN 1..5 LIMIT 1, 2 RETURN x => [2,3]
FOR x IN 1..5 LIMIT 4, 9 RETURN x => [5]
FOR x IN 1..5 LIMIT 9, 1 RETURN x => []
FOR x IN 1..5 LIMIT 3, null RETURN x => [4,5]
FOR x IN 1..5 LIMIT null RETURN x => [1,2,3,4,5]
FOR x IN 1..5 LIMIT @n RETURN x <- {"n": null} => [1,2,3,4,5]
FOR x IN 1..5 LIMIT null, 2 RETURN x => error 1504
FOR x IN 1..5 LIMIT 1 + 1 RETURN x => [1,2]
FOR x IN 1..5 LIMIT LENGTH([1, 2]) RETURN x => [1,2]
LET n = 2 FOR x IN 1..5 LIMIT n RETURN x => error 1501
FOR x IN 1..5 LIMIT x RETURN x => error 1501
FOR x IN 1..5 LIMIT (RETURN 2)[0] RETURN x => error 1501
FOR x IN 1..5 LIMIT RAND() RETURN x => error 1501
FOR x IN 1..5 LIMIT -1 RETURN x => error 1504 1:21
FOR x IN 1..5 LIMIT 1, -1 RETURN x => error 1504
FOR x IN 1..5 LIMIT -1, 1 RETURN x => error 1504
FOR x IN 1..5 LIMIT "2" RETURN x => error 1504
FOR x IN 1..5 LIMIT true RETURN x => error 1504
FOR x IN 1..5 LIMIT [2] RETURN x => error 1504
FOR x IN 1..5 LIMIT 2.5 RETURN x => error 1504
FOR x IN 1..5 LIMIT 2.0 RETURN x => [1,2]
FOR x IN 1..5 LIMIT 1, 2, 3 RETURN x => error 1501
FOR x IN 1..5 LIMIT RETURN x => error 1501
FOR x IN 1..5 LIMIT 1, RETURN x => error 1501
LIMIT 0 RETURN 1 => []
LIMIT 1 RETURN 1 => [1]
FOR x IN 1..9 LIMIT 5 LIMIT 2, 9 RETURN x => [3,4,5]
FOR x IN 1..3 FOR y IN 1..3 LIMIT 2, 3 RETURN [x, y] => [[1,3],[2,1],[2,2]]
FOR x IN 1..2 RETURN (FOR y IN 1..5 LIMIT x, 1 RETURN y) => error 1501
FOR x IN 1..5 INSERT {_key: CONCAT("k", x)} INTO d LIMIT 2 RETURN NEW._key => ["k1","k2"] writes 5
FOR x IN 1..5 INSERT {} INTO d LIMIT 0 RETURN 1 => [] writes 5
FOR x IN 1..5 LIMIT 2 INSERT {} INTO d => [] writes 2
FOR x IN 1..5 LIMIT 0 INSERT {} INTO d => [] writes 0
FOR x IN 1..3 LET y = (INSERT {} INTO d RETURN 1) LIMIT 1 RETURN x => [1] writes 3
FOR d IN c REMOVE d IN c LIMIT 1 RETURN 1 => [1] writes 3
"#,
    );
}

#[test]
fn let_and_return() {
    check(
        r#"
LET a = 1 RETURN a => [1]
LET a = 1, b = 2, x = a + b RETURN x => [3]
LET a RETURN a => error 1501
LET a == 1 RETURN a => error 1501
LET = 1 RETURN 1 => error 1501
LET a = 1, RETURN a => error 1501
FOR x IN 1..2 LET y = x * 2 LET z = y + 1 RETURN z => [3,5]
FOR x IN [1, 2, 1, 1.0, "1", null] RETURN DISTINCT x => [1,2,"1",null]
FOR x IN [[1], [1, null], {}, {a: null}] RETURN DISTINCT x => [[1],{}]
FOR x IN [2, 1, 2] SORT x RETURN DISTINCT x => [1,2]
RETURN DISTINCT 1 => error 1501 1:8
LET x = [1, 1] RETURN DISTINCT x => error 1501
FOR x IN [1] RETURN (RETURN DISTINCT x) => error 1501
FOR x IN [1, 1] COLLECT y = x RETURN DISTINCT y => [1]
RETURN (FOR x IN [1, 1] RETURN DISTINCT x) => [[1]]
FOR x IN [1, 1] RETURN DISTINCT(x) => [1]
FOR x IN [{a: 1, b: 1}, {a: 1, b: 2}] RETURN DISTINCT x.a => [1]
FOR x IN [1, 1, 2] RETURN DISTINCT {y: x} => [{"y":1},{"y":2}]
RETURN DISTINCT => error 1501
FOR x IN [1, 1] RETURN distinct x => [1]
RETURN null => [null]
FOR x IN 1..2 RETURN null => [null,null]
RETURN 1 FILTER true => error 1501
RETURN 1, 2 => error 1501
"#,
    );
}

#[test]
fn what_fails_on_purpose_fails() {
    check(
        r#"
LET x = FAIL("a") RETURN 1 => error 1569
LET x = (RETURN FAIL("a")) RETURN 1 => error 1569
FOR i IN [] LET x = FAIL("a") RETURN i => []
FOR i IN 1..2 LET x = FAIL("a") FILTER i > 5 RETURN i => error 1569
FOR i IN 1..2 FILTER i > 5 LET x = FAIL("a") RETURN i => []
RETURN LENGTH(FOR i IN 1..3 RETURN FAIL("a")) => error 1569
LET x = NOOPT(1) FILTER x == 2 RETURN FAIL("a") => []
LET x = ASSERT(false, "a") RETURN 1 => error 1593
FOR i IN 1..3 FILTER i == 3 ? FAIL("a") : true RETURN i => error 1569
FOR i IN [1, 2] FILTER ASSERT(i < 3, "a") RETURN i => [1,2]
FOR i IN [1, 3] FILTER ASSERT(i < 3, "a") RETURN i => error 1593
FOR i IN [1] RETURN WARN(i > 1, "a") => [false] warns 1594
"#,
    );
}

#[test]
fn odd_names_and_binds() {
    check(
        r#"
LET `` = 1 RETURN 1 => error 1510 1:5
RETURN {``: 1} => [{"":1}]
RETURN @c + @d <- {"c": 1, "d": 2} => [3]
FOR d IN @@c FILTER d.n == @c RETURN d.n <- {"@c": "c", "c": 2} => [2]
RETURN @c <- {"@c": "c"} => error 1551
RETURN 1 <- {"@c": "c"} => error 1552
FOR d IN @@c RETURN 1 <- {"@@c": "c"} => error 1551
RETURN @a <- {"a": null} => [null]
RETURN @a.b.c <- {"a": {"b": {"c": 5}}} => [5]
RETURN @a[1] <- {"a": [1, 2]} => [2]
RETURN @a[*].b <- {"a": [{"b": 1}]} => [[1]]
RETURN LENGTH(@a) <- {"a": [1, 2]} => [2]
RETURN @a IN @b <- {"a": 1, "b": [1]} => [true]
RETURN -@a <- {"a": 1} => [-1]
RETURN @a ? @b : @c <- {"a": 0, "b": 1, "c": 2} => [2]
RETURN {a: @a} <- {"a": {"x": 1}} => [{"a":{"x":1}}]
RETURN {@a: @a} <- {"a": "k"} => [{"k":"k"}]
FOR x IN @a RETURN x <- {"a": [1, 2]} => [1,2]
FOR x IN @a RETURN x <- {"a": 1} => error 1563
FOR x IN @a..@b RETURN x <- {"a": 1, "b": 3} => [1,2,3]
UPDATE @k WITH @d IN c RETURN NEW.m <- {"k": "a", "d": {"m": 1}} => [1]
REMOVE @k IN c RETURN OLD.n <- {"k": "a"} => [1]
REMOVE @k IN c RETURN OLD.n <- {"k": {"_key": "b"}} => [2]
INSERT @d INTO d RETURN NEW.v <- {"d": {"_key": "q", "v": 1}} => [1]
UPSERT {n: @n} INSERT @i UPDATE @u IN c RETURN NEW.m <- {"n": 1, "i": {}, "u": {"m": 5}} => [5]
RETURN IS_SAME_COLLECTION(c, "c/a") => [true]
RETURN IS_SAME_COLLECTION("c", "d/a") => [false]
RETURN DOCUMENT(@@c, "a").n <- {"@c": "c"} => [1]
"#,
    );
}

#[test]
fn operations_together() {
    check(
        r#"
FOR u IN [{name: "x", tags: [{n: "a"}, {n: "b"}]}] RETURN u.tags[* FILTER CURRENT.n != "a"].n => [["b"]]
FOR i IN [1, 2] LET s = (FOR j IN [10, 20] FILTER j > i * 9 RETURN j) RETURN s => [[10,20],[20]]
FOR i IN [1, 2] LET s = (FOR j IN [10, 20] RETURN i * j) FOR k IN s RETURN k => [10,20,20,40]
LET a = [1, 2, 3] FOR x IN a FILTER x IN a[* FILTER CURRENT > 1] RETURN x => [2,3]
FOR x IN [{a: 1}, {a: 2}] COLLECT a = x.a INTO g RETURN {a, l: g[*].x.a} => [{"a":1,"l":[1]},{"a":2,"l":[2]}]
FOR x IN [1, 2, 3, 4] COLLECT even = x % 2 == 0 AGGREGATE s = SUM(x), l = PUSH(x) RETURN {even, s, l} => [{"even":false,"s":4,"l":[1,3]},{"even":true,"s":6,"l":[2,4]}]
FOR x IN [3, 1, 2] SORT x LET y = x RETURN y => [1,2,3]
FOR x IN [3, 1, 2] LET y = x SORT y DESC LIMIT 1, 1 RETURN y => [2]
FOR x IN 1..3 FOR y IN 1..3 FILTER x < y RETURN [x, y] => [[1,2],[1,3],[2,3]]
FOR x IN 1..2 FOR y IN (FOR z IN 1..x RETURN z) RETURN [x, y] => [[1,1],[2,1],[2,2]]
RETURN (FOR x IN 1..3 FILTER x == 2 RETURN x)[0] == 2 ? "yes" : "no" => ["yes"]
LET o = {a: {b: [1, 2, {c: "x"}]}} RETURN o.a.b[2].c => ["x"]
LET k = "b" LET o = {a: 1, b: 2} RETURN o[k] => [2]
LET o = {a: 1} RETURN MERGE(o, {[CONCAT("k", 1)]: 2}) => [{"a":1,"k1":2}]
FOR d IN c FILTER d.n == 2 OR d.n == 3 SORT d.n DESC RETURN d.n => [3,2]
FOR d IN c FILTER d.n IN 2..3 SORT d.n RETURN d.n => [2,3]
FOR d IN c FILTER d.n > 1 && d.n < 3 RETURN d.n => [2]
FOR d IN c FILTER d.missing == null SORT d.n RETURN d.n => [1,2,3]
FOR d IN c FILTER d["n"] == 1 RETURN d._id => ["c/a"]
FOR d IN c FOR f IN c FILTER d.n + 1 == f.n SORT d.n RETURN [d._key, f._key] => [["a","b"],["b","c"]]
FOR d IN c LET m = MAX(FOR f IN c RETURN f.n) FILTER d.n == m RETURN d._key => ["c"]
FOR d IN c SORT d.n COLLECT WITH COUNT INTO n RETURN n => [3]
RETURN MAX(FOR d IN c RETURN d.n) - MIN(FOR d IN c RETURN d.n) => [2]
RETURN LENGTH(FOR d IN c FILTER d.n > 1 RETURN 1) => [2]
RETURN COUNT(c) + LENGTH(d) => [3]
FOR d IN UNION((FOR x IN c RETURN x.n), [9]) SORT d RETURN d => [1,2,3,9]
FOR d IN c FILTER d._key >= "b" SORT d._key RETURN d._key => ["b","c"]
FOR d IN c FILTER d._key > "a" AND d._key < "c" RETURN d.n => [2]
FOR x IN e FILTER x._from == "c/a" RETURN x._to => ["c/b"]
FOR x IN e FILTER x._to IN ["c/b", "c/z"] RETURN x._from => ["c/a"]
FOR x IN e FILTER "c/a" == x._from && x.w == 1 RETURN x._key => ["1"]
FOR d IN c FILTER d._id IN ["c/a", "c/b", "nope", 1] SORT d.n RETURN d.n => [1,2]
FOR d IN c LIMIT 0, 2 COLLECT WITH COUNT INTO n RETURN n => [2]
FOR d IN c SORT d.n DESC LIMIT 2 SORT d.n RETURN d.n => [2,3]
FOR d IN c FILTER NOT (d.n == 1 OR d.n == 2) RETURN d.n => [3]
FOR d IN c FILTER !(d.n IN [1, 2]) RETURN d.n => [3]
FOR d IN c FILTER d.n NOT IN [1, 2] RETURN d.n => [3]
FOR d IN c RETURN DISTINCT d.n > 0 => [true]
FOR d IN c FILTER d == {_key: "a"} RETURN d => []
FOR d IN c FILTER d.n == "1" RETURN d => []
FOR d IN c FILTER d.n LIKE "1" RETURN d.n => [1]
FOR d IN c FILTER CONCAT(d._key, d.n) == "b2" RETURN d.n => [2]
FOR i IN 1..3 LET d = DOCUMENT(c, i == 1 ? "a" : "zz") RETURN d.n => [1,null,null]
FOR d IN c FILTER d.n >= 1 FILTER d.n <= 2 SORT d.n LIMIT 1 RETURN d => [{"_key":"a","_id":"c/a","n":1}]
"#,
    );
}
