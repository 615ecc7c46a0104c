//! COLLECT and WINDOW.

use crate::check;

#[test]
fn grouping() {
    check(
        r#"
FOR x IN [2, 1, 2, null] COLLECT k = x RETURN k => [null,1,2]
FOR x IN [1, 1.0, "1", true, [1], [1, null], {}, {a: null}] COLLECT k = x RETURN k => [true,1,"1",[1],{}]
FOR x IN ["b", "A", "a", "B"] COLLECT k = x RETURN k => ["A","a","B","b"]
FOR x IN [] COLLECT k = x RETURN k => []
FOR x IN [] COLLECT k = x WITH COUNT INTO n RETURN [k, n] => []
FOR x IN [] COLLECT WITH COUNT INTO n RETURN n => [0]
FOR x IN [] COLLECT AGGREGATE s = SUM(x), m = MAX(x), n = LENGTH(), u = UNIQUE(x) RETURN [s, m, n, u] => [[null,null,0,[]]]
FOR x IN [1, 2, 3] COLLECT WITH COUNT INTO n RETURN n => [3]
FOR x IN [1, 2, 3] COLLECT k = x % 2 WITH COUNT INTO n RETURN [k, n] => [[0,1],[1,2]]
FOR x IN [{a: 1, b: 2}, {a: 1, b: 1}, {a: 0}] COLLECT a = x.a, b = x.b RETURN [a, b] => [[0,null],[1,1],[1,2]]
FOR x IN [1, 2] COLLECT k = x SORT k DESC RETURN k => [2,1]
FOR x IN [1, 2, 1] COLLECT k = x INTO g RETURN [k, g] => [[1,[{"x":1},{"x":1}]],[2,[{"x":2}]]]
FOR x IN [1, 2, 1] COLLECT k = x INTO g = x * 10 RETURN [k, g] => [[1,[10,10]],[2,[20]]]
FOR x IN [1, 2, 1] LET y = x + 1 COLLECT k = x INTO g RETURN [k, g] => [[1,[{"x":1,"y":2},{"x":1,"y":2}]],[2,[{"x":2,"y":3}]]]
FOR x IN [1, 2, 1] LET y = x + 1 COLLECT k = x INTO g KEEP y RETURN [k, g] => [[1,[{"y":2},{"y":2}]],[2,[{"y":3}]]]
FOR x IN [1, 2, 1] LET y = x + 1 LET z = 0 COLLECT k = x INTO g KEEP y, z RETURN g => [[{"y":2,"z":0},{"y":2,"z":0}],[{"y":3,"z":0}]]
LET a = 1 FOR x IN [1, 2] COLLECT k = x INTO g RETURN g => [[{"x":1}],[{"x":2}]]
LET a = 1 COLLECT k = a INTO g RETURN [k, g] => [[1,[{"a":1}]]]
LET a = 1, b = 2 COLLECT k = a INTO g RETURN g => [[{"a":1,"b":2}]]
LET a = 5 FOR x IN [1] COLLECT k = x INTO g KEEP a RETURN g => [[{"a":5}]]
FOR x IN [1] FOR y IN [2] COLLECT k = x INTO g RETURN g => [[{"x":1,"y":2}]]
FOR x IN [1, 2] RETURN (FOR y IN [x, x] COLLECT k = y INTO g RETURN [k, g]) => [[[1,[{"y":1},{"y":1}]]],[[2,[{"y":2},{"y":2}]]]]
FOR x IN [1, 2] RETURN (FOR y IN [1, 2] COLLECT WITH COUNT INTO n RETURN n + x) => [[3],[4]]
FOR x IN [1, 2] RETURN (FOR y IN [] COLLECT WITH COUNT INTO n RETURN [n, x]) => [[[0,1]],[[0,2]]]
FOR x IN [3, 1] COLLECT k = x SORT NULL RETURN k > 0 => [true,true]
FOR x IN [3, 1, 2] COLLECT k = x SORT 1 RETURN k => [1,2,3]
FOR x IN [3, 1, 2] COLLECT k = x SORT null, "" DESC RETURN k => [1,2,3]
FOR x IN [3, 1, 2] COLLECT k = x SORT @s RETURN k <- {"s": 5} => [1,2,3]
FOR x IN [1, 2, 3, 4] COLLECT k = x % 2 INTO g COLLECT WITH COUNT INTO n RETURN n => [2]
FOR x IN [1, 2, 3] COLLECT AGGREGATE s = SUM(x) FILTER s > 5 RETURN s => [6]
FOR x IN [1, 2, 3] COLLECT `k k` = x RETURN `k k` => [1,2,3]
RETURN (FOR x IN [1, 1] COLLECT k = x RETURN k) => [[1]]
FOR d IN c COLLECT k = d.n > 1 INTO g = d._key RETURN [k, g] => [[false,["a"]],[true,["b","c"]]]
FOR x IN [1, 2] COLLECT k = x OPTIONS {method: "hash"} RETURN k => [1,2]
FOR x IN [2, 1] COLLECT k = x OPTIONS {method: "sorted"} RETURN k => [1,2]
FOR x IN [2, 1] COLLECT k = x INTO g OPTIONS {method: "hash"} RETURN [k, LENGTH(g)] => [[1,1],[2,1]]
FOR x IN [2, 1] COLLECT k = x OPTIONS {disableIndex: true} RETURN k => [1,2]
FOR x IN [2, 1] COLLECT k = x OPTIONS {nope: 1} RETURN k => [1,2] warns 10
FOR x IN [2, 1] COLLECT k = x OPTIONS {method: 5} RETURN k => [1,2]
FOR x IN [2, 1] COLLECT k = x OPTIONS {method: "quick"} RETURN k => [1,2] warns 10
FOR x IN [2, 1] COLLECT k = x OPTIONS {method: x} RETURN k => error 1575
FOR x IN [2, 1] COLLECT k = x OPTIONS 1 RETURN k => error 1501
"#,
    );
}

#[test]
fn what_collect_leaves() {
    check(
        r#"
FOR x IN [1] COLLECT k = x RETURN x => error 1203
FOR x IN [1] LET y = 1 COLLECT k = x RETURN y => error 1203
FOR x IN [1] COLLECT WITH COUNT INTO n RETURN x => error 1203
LET a = 1 FOR x IN [1] COLLECT k = x RETURN a => [1]
FOR x IN [1] COLLECT x = x + 1 RETURN x => [2]
FOR x IN [1] COLLECT k = x, k = x RETURN k => error 1511
FOR x IN [1] COLLECT k = x INTO k RETURN k => error 1511
FOR x IN [1] COLLECT k = x LET x = 2 RETURN [k, x] => [[1,2]]
FOR x IN [1] COLLECT k = x FOR x IN [3] RETURN [k, x] => [[1,3]]
LET a = 1 FOR x IN [1] COLLECT a = x RETURN a => error 1511
FOR x IN [1] COLLECT k = x, l = k RETURN l => error 1512
FOR x IN [1] COLLECT k = x AGGREGATE m = MAX(k) RETURN m => error 1512
FOR x IN [1] COLLECT k = x AGGREGATE m = MAX(x), n = MIN(m) RETURN n => error 1512
FOR x IN [1] COLLECT k = x INTO g = k RETURN g => error 1512
FOR x IN [1] COLLECT k = x INTO g = {k} RETURN g => error 1512
FOR x IN [1] COLLECT k = g INTO g RETURN g => error 1512
FOR x IN [1] COLLECT k = nope RETURN k => error 1203
"#,
    );
}

#[test]
fn what_collect_needs() {
    check(
        r#"
FOR x IN [1] COLLECT RETURN 1 => error 1501
FOR x IN [1] COLLECT INTO g RETURN g => error 1501
FOR x IN [1] COLLECT OPTIONS {} RETURN 1 => error 1501
FOR x IN [1] COLLECT k RETURN k => error 1501
FOR x IN [1] COLLECT k = x WITH n RETURN k => error 1501
FOR x IN [1] COLLECT k = x WITH LENGTH INTO n RETURN k => error 1501 1:33 "unexpected qualifier 'LENGTH', expecting 'COUNT'"
FOR x IN [1] COLLECT k = x WITH COUNT n RETURN k => error 1501
FOR x IN [1] COLLECT k = x WITH COUNT INTO n INTO g RETURN k => error 1501
FOR x IN [1] COLLECT k = x KEEP x RETURN k => error 1501
FOR x IN [1] COLLECT k = x INTO g = x KEEP x RETURN k => error 1501 "KEEP with projection"
FOR x IN [1] COLLECT k = x INTO g KEEP RETURN k => error 1501
FOR x IN [1] COLLECT k = x INTO g KEEP nope RETURN k => error 1501
FOR x IN [1] COLLECT k = x INTO g KEEP k RETURN k => error 1501
FOR x IN [1] COLLECT k = x INTO g FOO x RETURN k => error 1501 "unexpected qualifier 'FOO'"
FOR x IN [1] COLLECT k = x AGGREGATE s = SUM(x) WITH COUNT INTO n RETURN k => error 1501
FOR x IN [1] COLLECT k = x AGGREGATE s = SUM(x) INTO g RETURN [k, s, g] => [[1,1,[{"x":1}]]]
FOR x IN [1] COLLECT k = x AGGREGATE s = SUM(x) INTO g = x + 1 RETURN [k, s, g] => [[1,1,[2]]]
FOR x IN [1] COLLECT AGGREGATE s = SUM(x) INTO g RETURN [s, g] => [[1,[{"x":1}]]]
FOR x IN [] COLLECT AGGREGATE s = SUM(x) INTO g RETURN [s, g] => [[null,[]]]
"#,
    );
}

#[test]
fn aggregates() {
    check(
        r#"
FOR x IN [1, 2, null, 4] COLLECT AGGREGATE a = LENGTH(), b = LENGTH(x), d = COUNT(x), e = COUNT() RETURN [a, b, d, e] => [[4,4,4,4]]
FOR x IN [3, null, 1] COLLECT AGGREGATE a = MIN(x), b = MAX(x) RETURN [a, b] => [[1,3]]
FOR x IN [null, null] COLLECT AGGREGATE a = MIN(x), b = MAX(x), s = SUM(x), m = AVERAGE(x) RETURN [a, b, s, m] => [[null,null,0,null]]
FOR x IN [1, "a", [2]] COLLECT AGGREGATE a = MIN(x), b = MAX(x), s = SUM(x), m = AVG(x) RETURN [a, b, s, m] => [[1,[2],null,null]]
FOR x IN [1, 2, null] COLLECT AGGREGATE s = SUM(x), m = AVERAGE(x), v = AVG(x) RETURN [s, m, v] => [[3,1.5,1.5]]
FOR x IN [1, 3] COLLECT AGGREGATE a = VARIANCE(x), b = VARIANCE_POPULATION(x), d = VARIANCE_SAMPLE(x), e = STDDEV(x), f = STDDEV_POPULATION(x) RETURN [a, b, d, e, f] => [[1,1,2,1,1]]
FOR x IN [7] COLLECT AGGREGATE a = VARIANCE(x), b = VARIANCE_SAMPLE(x), d = STDDEV_SAMPLE(x) RETURN [a, b, d] => [[0,null,null]]
FOR x IN [1, "a"] COLLECT AGGREGATE a = VARIANCE(x), b = STDDEV(x) RETURN [a, b] => [[null,null]]
FOR x IN [2, 1, 2, null, 1.0] COLLECT AGGREGATE a = SORTED_UNIQUE(x), n = COUNT_DISTINCT(x), o = COUNT_UNIQUE(x) RETURN [a, n, o] => [[[null,1,2],3,3]]
FOR x IN [2, 1, 2, null] COLLECT AGGREGATE a = UNIQUE(x) RETURN a => [[2,1,null]]
FOR x IN [5, 3] COLLECT AGGREGATE a = BIT_AND(x), o = BIT_OR(x), y = BIT_XOR(x) RETURN [a, o, y] => [[1,7,6]]
FOR x IN [5, -1] COLLECT AGGREGATE a = BIT_AND(x) RETURN a => [null]
FOR x IN [3, null, 1] COLLECT AGGREGATE p = PUSH(x) RETURN p => [[3,null,1]]
FOR x IN [] COLLECT AGGREGATE a = LENGTH(), m = MIN(x), s = SUM(x), v = AVERAGE(x), w = VARIANCE(x), u = UNIQUE(x), t = SORTED_UNIQUE(x), k = COUNT_DISTINCT(x), b = BIT_OR(x), p = PUSH(x) RETURN [a, m, s, v, w, u, t, k, b, p] => [[0,null,null,null,null,[],[],0,null,[]]]
FOR x IN [1] COLLECT AGGREGATE s = SUM(x) + 1 RETURN s => error 1574 1:36
FOR x IN [1] COLLECT AGGREGATE s = x RETURN s => error 1574
FOR x IN [1] COLLECT AGGREGATE s = 1 RETURN s => error 1574
FOR x IN [1] COLLECT AGGREGATE s = FLOOR(x) RETURN s => error 1574
FOR x IN [1] COLLECT AGGREGATE s = NOPE(x) RETURN s => error 1574
FOR x IN [1] COLLECT AGGREGATE s = MEDIAN(x) RETURN s => error 1574
FOR x IN [1] COLLECT AGGREGATE s = SUM() RETURN s => error 1541
FOR x IN [1] COLLECT AGGREGATE s = SUM(x, x) RETURN s => error 1541
FOR x IN [1] COLLECT AGGREGATE s = LENGTH(x, x) RETURN s => error 1541
FOR x IN [1] COLLECT AGGREGATE s = sum(x) RETURN s => [1]
FOR x IN [1, 2] COLLECT k = x AGGREGATE s = SUM(x * 2 + (RETURN 1)[0]) RETURN s => [3,5]
FOR x IN [9223372036854775807, 1] COLLECT AGGREGATE s = SUM(x) RETURN s => [9223372036854775808]
FOR x IN [true, false] COLLECT AGGREGATE s = SUM(x), a = MAX(x) RETURN [s, a] => [[null,true]]
FOR x IN ["a", "B"] COLLECT AGGREGATE s = MIN(x), a = MAX(x) RETURN [s, a] => [["a","B"]]
"#,
    );
}

#[test]
fn windows_over_rows() {
    check(
        r#"
FOR x IN 1..4 WINDOW {preceding: 1, following: 1} AGGREGATE s = SUM(x) RETURN [x, s] => [[1,3],[2,6],[3,9],[4,7]]
FOR x IN 1..4 WINDOW {preceding: 1} AGGREGATE s = SUM(x) RETURN s => [1,3,5,7]
FOR x IN 1..4 WINDOW {following: 1} AGGREGATE s = SUM(x) RETURN s => [3,5,7,4]
FOR x IN 1..4 WINDOW {preceding: "unbounded"} AGGREGATE s = SUM(x), n = LENGTH() RETURN [s, n] => [[1,1],[3,2],[6,3],[10,4]]
FOR x IN 1..3 WINDOW {preceding: "unbounded", following: "unbounded"} AGGREGATE s = SUM(x) RETURN s => [6,6,6]
FOR x IN 1..3 WINDOW {following: "unbounded"} AGGREGATE s = MAX(x) RETURN s => [3,3,3]
FOR x IN 1..3 WINDOW {preceding: 0} AGGREGATE s = PUSH(x) RETURN s => [[1],[2],[3]]
FOR x IN [3, 1, 2] SORT x WINDOW {preceding: 1} AGGREGATE s = PUSH(x) RETURN s => [[1],[1,2],[2,3]]
FOR x IN 1..3 WINDOW {preceding: @p} AGGREGATE s = SUM(x) RETURN s <- {"p": 1} => [1,3,5]
FOR x IN 1..3 WINDOW {preceding: 1 + 1} AGGREGATE s = SUM(x) RETURN s => [1,3,6]
FOR x IN [] WINDOW {preceding: 1} AGGREGATE s = SUM(x) RETURN s => []
FOR x IN 1..2 WINDOW {preceding: 1} AGGREGATE s = SUM(x), t = s RETURN s => error 1574
FOR x IN 1..2 WINDOW {preceding: 1} AGGREGATE s = SUM(x), t = MAX(s) RETURN s => error 1512
FOR x IN 1..2 WINDOW {preceding: 1} AGGREGATE x = SUM(x) RETURN x => error 1511
FOR x IN 1..2 WINDOW {preceding: -1} AGGREGATE s = SUM(x) RETURN s => error 1501
FOR x IN 1..2 WINDOW {preceding: 1.5} AGGREGATE s = SUM(x) RETURN s => error 1501
FOR x IN 1..2 WINDOW {preceding: "a"} AGGREGATE s = SUM(x) RETURN s => error 1501
FOR x IN 1..2 WINDOW {preceding: x} AGGREGATE s = SUM(x) RETURN s => error 1501
FOR x IN 1..2 WINDOW {} AGGREGATE s = SUM(x) RETURN s => error 1501
FOR x IN 1..2 WINDOW {before: 1} AGGREGATE s = SUM(x) RETURN s => error 1501
FOR x IN 1..2 WINDOW {preceding: 1, preceding: 2} AGGREGATE s = SUM(x) RETURN s => error 1501
FOR x IN 1..2 WINDOW {preceding: 1, other: 2} AGGREGATE s = SUM(x) RETURN s => error 1501
FOR x IN 1..2 WINDOW {preceding: 1} RETURN 1 => error 1501
FOR x IN 1..2 WINDOW {preceding: 1} AGGREGATE s = FLOOR(x) RETURN s => error 1574
FOR x IN c INSERT {} INTO d WINDOW {preceding: 1} AGGREGATE s = SUM(1) RETURN s => error 1595
LET y = (INSERT {} INTO d) FOR x IN 1..2 WINDOW {preceding: 1} AGGREGATE s = SUM(x) RETURN s => error 1595
"#,
    );
}

#[test]
fn windows_over_ranges() {
    check(
        r#"
FOR x IN [5, 1, 2] WINDOW x WITH {preceding: 1, following: 1} AGGREGATE s = SUM(x) RETURN [x, s] => [[1,3],[2,3],[5,5]]
FOR x IN [1, 2, 4] WINDOW x WITH {preceding: 2} AGGREGATE s = PUSH(x) RETURN s => [[1],[1,2],[2,4]]
FOR x IN [1, 1, 2] WINDOW x WITH {preceding: 0} AGGREGATE n = LENGTH() RETURN n => [2,2,1]
FOR x IN [1, 2, 4] WINDOW x WITH {preceding: "unbounded"} AGGREGATE n = LENGTH() RETURN n => [1,2,3]
FOR x IN [1, 1.5, 2.5] WINDOW x WITH {preceding: 0.5} AGGREGATE n = LENGTH() RETURN n => [1,2,1]
FOR x IN [1, "a"] WINDOW x WITH {preceding: 1} AGGREGATE n = SUM(1) RETURN n => [1,null] warns 1561
FOR x IN [0, 86400000, 172800000] WINDOW x WITH {preceding: "P1D"} AGGREGATE n = LENGTH() RETURN n => [1,2,2]
FOR x IN [0, 3600000] WINDOW x WITH {preceding: "PT30M", following: "PT1H"} AGGREGATE n = LENGTH() RETURN n => [2,1]
FOR x IN [1] WINDOW x WITH {preceding: -1} AGGREGATE n = LENGTH() RETURN n => error 1501
FOR x IN [1] WINDOW x WITH {} AGGREGATE n = LENGTH() RETURN n => error 1501
FOR x IN [1] WINDOW x WITH {preceding: "1 day"} AGGREGATE n = LENGTH() RETURN n => error 1501
"#,
    );
}
