//! Access, expansion, literals, calls and subqueries.

use crate::check;

#[test]
fn attributes_and_elements() {
    check(
        r#"
LET v = {a: {b: [1, {c: 2}]}} RETURN [v.a.b[1].c, v["a"]["b"][0], v.a.b[0].x.y, v.nope.x] => [[2,1,null,null]]
RETURN [null.a, 1.0.a, "s".a, true.a, [1].a] => [[null,null,null,null,null]]
RETURN [[1, 2, 3][0], [1, 2, 3][-1], [1, 2, 3][-3], [1, 2, 3][-4], [1, 2, 3][3], [1, 2, 3][1.9], [1, 2, 3][-1.5]] => [[1,3,1,null,null,2,3]]
RETURN [["a", "b"]["1"], ["a", "b"]["x"], ["a", "b"][null], ["a", "b"][true], ["a", "b"]["-1"]] => [["b",null,null,null,"b"]]
RETURN [{"1": "x"}[1], {"1": "x"}["1"], {"-1": "x"}[-1], {"1.5": "y"}[1.5], {"true": 1}[true], {"null": 1}[null]] => [["x","x","x","y",null,null]]
RETURN ["abc"[0], 5[0], null[0], true[0], {a: 1}[0]] => [[null,null,null,null,null]]
LET k = "a", v = {a: 1, b: 2} RETURN [v[k], v[CONCAT("", "b")], v[LOWER("A")]] => [[1,2,1]]
RETURN (FOR x IN 1..3 RETURN {y: x})[1].y => [2]
RETURN FIRST(FOR x IN 1..3 RETURN {y: x}).y => [1]
RETURN [1, 2][1] => [2]
RETURN {a: 1}.a => [1]
RETURN ({a: 1}).a => [1]
RETURN MERGE({a: 1}, {b: 2}).b => [2]
RETURN {a: [5]}.a[0] => [5]
RETURN (1..3)[-1] => [3]
RETURN {a: {"b c": 1}}.a.`b c` => [1]
RETURN {a: {"b c": 1}}.a.´b c´ => [1]
LET x = {x: {x: 1}} RETURN x.x.x => [1]
RETURN -{a: 2}.a => [-2]
RETURN !{a: 0}.a => [true]
"#,
    );
}

#[test]
fn arrays_and_objects() {
    check(
        r#"
RETURN [[], [1], [1,], [[1], [2]], [1, "a", null, {}]] => [[[],[1],[1],[[1],[2]],[1,"a",null,{}]]]
RETURN [,] => error 1501
RETURN [1,,2] => error 1501
RETURN [1 2] => error 1501
RETURN [1 => error 1501
RETURN {} => [{}]
RETURN {a: 1,} => [{"a":1}]
RETURN {,} => error 1501
RETURN {a: 1,, b: 2} => error 1501
RETURN {a} => error 1512
LET a = 1 RETURN {a} => [{"a":1}]
LET a = 1 RETURN {a, b: 2, "c": 3, 'd': 4, ["e" + ""]: 5} => [{"a":1,"b":2,"c":3,"d":4,"0":5}]
LET a = 1, b = 2 RETURN {a, b,} => [{"a":1,"b":2}]
RETURN {["x"]: 1, [1]: 2, [null]: 3, [true]: 4, [[1]]: 5, [CONCAT("a", "b")]: 6} => [{"x":1,"1":2,"":3,"true":4,"[1]":5,"ab":6}]
RETURN {a: 1, a: 2} => [{"a":2}]
RETURN ATTRIBUTES({b: 1, a: 2}) => [["b","a"]]
RETURN {a: 1, b: 2, a: 3} => [{"a":3,"b":2}]
RETURN {"": 1} => [{"":1}]
RETURN {"a.b": 1}["a.b"] => [1]
RETURN {"a.b": 1}.a => [null]
RETURN {a: 1 b: 2} => error 1501
RETURN {1: 2} => error 1501
RETURN {a: } => error 1501
RETURN {for: 1} => error 1501
RETURN {"for": 1} => [{"for":1}]
RETURN {old: 1, new: 2, current: 3, keep: 4} => [{"old":1,"new":2,"current":3,"keep":4}]
"#,
    );
}

#[test]
fn expansion() {
    check(
        r#"
LET v = [{a: 1}, {}, {a: 3}] RETURN v[*].a => [[1,null,3]]
RETURN [null[*], 1[*], "a"[*], {a: 1}[*], {a: 1}[*].a, null[*].a.b] => [[[],[],[],[],[],[]]]
RETURN [][*] => [[]]
RETURN [1, 2][*] => [[1,2]]
LET v = [{a: [1, 2]}, {a: [3]}] RETURN [v[*].a[0], (v[*].a)[0], v[*].a[*], v[*].a[**]] => [[[1,3],[1,2],[[1,2],[3]],[1,2,3]]]
LET v = [{a: [{b: 1}, {b: 2}]}, {a: [{b: 3}]}] RETURN [v[*].a[*].b, v[*].a[**].b, (v[*].a[*].b)[**]] => [[[[1,2],[3]],[1,2,3],[1,2,3]]]
RETURN [[[1, [2]], 3][*], [[1, [2]], 3][**], [[1, [2]], 3][***], [[1, [[2]]], 3][****]] => [[[[1,[2]],3],[1,[2],3],[1,2,3],[1,2,3]]]
RETURN [[1, 2], null, [3]][**] => [[1,2,null,3]]
RETURN 1[**] => [[]]
RETURN [1, 2, 3, 4][* FILTER CURRENT > 2] => [[3,4]]
RETURN [1, 2, 3, 4][* LIMIT 2] => [[1,2]]
RETURN [1, 2, 3, 4][* LIMIT 1, 2] => [[2,3]]
RETURN [1, 2, 3, 4][* LIMIT 0] => [[]]
RETURN [1, 2, 3, 4][* LIMIT 10, 2] => [[]]
RETURN [1, 2, 3, 4][* LIMIT -1] => [[]]
RETURN [1, 2, 3, 4][* LIMIT "2"] => [[1,2]]
RETURN [1, 2, 3, 4][* LIMIT null] => [[]]
RETURN [1, 2, 3, 4][* RETURN CURRENT * 2] => [[2,4,6,8]]
RETURN [1, 2, 3, 4][* FILTER CURRENT > 1 LIMIT 1, 2 RETURN CURRENT * 10] => [[30,40]]
RETURN [1, 2, 3, 4][* LIMIT 2 FILTER CURRENT > 1] => error 1501
RETURN [1, 2, 3, 4][* RETURN CURRENT FILTER CURRENT > 1] => error 1501
RETURN [1, 2, 3, 4][* FILTER true FILTER false] => error 1501
LET n = 2 RETURN [1, 2, 3][* FILTER CURRENT >= n LIMIT n - 1 RETURN {v: CURRENT, n}] => [[{"v":2,"n":2}]]
LET n = 2 RETURN [1, 2, 3][* LIMIT n] => [[1,2]]
RETURN [{a: 1, b: [1]}, {a: 2, b: [2]}][* FILTER CURRENT.a == 2].b => [[[2]]]
RETURN [{a: 1}, {a: 2}][* RETURN CURRENT.a] => [[1,2]]
RETURN [{a: {b: 1}}][* RETURN CURRENT.a].b => [[1]]
RETURN [[1, 2], [3]][* RETURN CURRENT[* RETURN CURRENT + 10]] => [[[11,12],[13]]]
RETURN [[1, 2], [3]][** FILTER CURRENT > 1] => [[2,3]]
RETURN [[1, 2], [3]][** RETURN CURRENT * 2] => [[2,4,6]]
RETURN [1, 2][* RETURN (FOR x IN [CURRENT] RETURN x * 2)[0]] => [[2,4]]
RETURN [1, 2][* FILTER CURRENT IN [2]] => [[2]]
LET CURRENT = 5 RETURN [1][* RETURN CURRENT] => [[1]]
LET CURRENT = 5 RETURN CURRENT => [5]
RETURN CURRENT => error 1203
RETURN [1][* RETURN current] => error 1203
RETURN [1][* RETURN CURRENT][0] => [[null]]
RETURN ([1][* RETURN CURRENT])[0] => [1]
RETURN [1, 2][* RETURN x] => error 1203
FOR d IN nested RETURN d.l[*].m => [[null,null]]
FOR d IN nested RETURN d.o[*] => [[]]
FOR i IN 1..2 RETURN [1, 2, 3][* FILTER CURRENT > i] => [[2,3],[3]]
LET v = {a: [{b: 1}]} RETURN v.a[*].b[*] => [[[]]]
RETURN [{a: [1]}, {a: null}, {}][*].a[*] => [[[1],[],[]]]
RETURN [[{a: 1}], [{a: 2}]][*][0].a => [[1,2]]
RETURN [[{a: 1}], [{a: 2}]][*][*].a => [[[1],[2]]]
RETURN (FOR x IN 1..2 RETURN {x})[*].x => [[1,2]]
RETURN [3, 1][*] == [3, 1] => [true]
RETURN [{name: "a"}][*].name ANY == "a" => [true]
LET v = [{a: 1}] RETURN v[*].@k <- {"k": "a"} => [[1]]
"#,
    );
}

#[test]
fn tests_of_elements() {
    check(
        r#"
RETURN [[1][?], [][?], [null][?], null[?], {a: 1}[?], "a"[?]] => [[true,false,true,false,false,false]]
RETURN [[1, 2][? FILTER CURRENT > 1], [1][? FILTER CURRENT > 1], [][? FILTER true]] => [[true,false,false]]
RETURN [[1, 2][? ANY FILTER CURRENT > 1], [1][? ANY FILTER CURRENT > 1]] => [[true,false]]
RETURN [[1, 2, 3][? 2 FILTER CURRENT > 1], [1, 2, 3][? 1 FILTER CURRENT > 1], [][? 0 FILTER true]] => [[true,false,true]]
RETURN [[1, 2, 3][? 1..2 FILTER CURRENT > 1], [1, 2, 3][? 3..4 FILTER CURRENT > 1], [1, 2, 3][? 0..1 FILTER CURRENT > 9]] => [[true,false,true]]
RETURN [[1, 2][? NONE FILTER CURRENT > 2], [1, 3][? NONE FILTER CURRENT > 2], null[? NONE FILTER true]] => [[true,false,true]]
RETURN [[1, 2][? ALL FILTER CURRENT > 0], [1, 0][? ALL FILTER CURRENT > 0], [][? ALL FILTER false], null[? ALL FILTER false]] => [[true,false,true,true]]
RETURN [[1, 2][? AT LEAST (1) FILTER CURRENT > 1], [1, 2][? AT LEAST (2) FILTER CURRENT > 1], [][? AT LEAST (0) FILTER true]] => [[true,false,true]]
RETURN [1, 2][? ALL] => error 1501
RETURN [1, 2][? 2] => error 1501
RETURN [1, 2][? AT LEAST (1)] => error 1501
RETURN [1, 2][? FILTER true LIMIT 1] => error 1501
RETURN [1, 2][? FILTER true RETURN 1] => error 1501
RETURN [[[1], [2, 3]][?? FILTER CURRENT == 3], [[1], [2, 3]][? FILTER CURRENT == 3], [[1], [2]][?? 2 FILTER CURRENT > 0]] => [[true,false,true]]
LET n = 1 RETURN [1, 2][? n FILTER CURRENT > n] => [true]
LET n = 1 RETURN [1, 2][? n..n + 1 FILTER CURRENT > 0] => [true]
FOR x IN [{l: [1, 5]}, {l: [1]}, {}] FILTER x.l[? FILTER CURRENT > 4] RETURN x => [{"l":[1,5]}]
RETURN [{a: 1, b: 2}][? FILTER CURRENT.a == 1 AND CURRENT.b == 2] => [true]
RETURN [[{x: 1}], []][? FILTER CURRENT[? FILTER CURRENT.x == 1]] => [true]
RETURN [{t: [1]}, {t: [2]}][*].t[? FILTER CURRENT == 1] => [[true,false]]
"#,
    );
}

#[test]
fn calls() {
    check(
        r#"
RETURN LENGTH((FOR x IN 1..3 RETURN x)) => [3]
RETURN LENGTH(FOR x IN 1..3 RETURN x) => [3]
RETURN UNION(FOR i IN 1..2 RETURN i, FOR j IN 3..4 RETURN j) => [[1,2,3,4]]
RETURN UNION((FOR i IN 1..2 RETURN i), [9]) => [[1,2,9]]
RETURN FIRST(RETURN 7) => [7]
RETURN NOPE() => error 1540 1:8
RETURN LENGHT([]) => error 1540 1:8 "LENGTH"
RETURN lenght([]) => error 1540 1:8 "LENGTH"
RETURN MY::FUNC(1) => error 1540 1:8
RETURN my::ns::func() => error 1540
RETURN LENGTH() => error 1541 1:8 "minimum: 1, maximum: 1"
RETURN LENGTH([], []) => error 1541 1:8
RETURN CONCAT() => error 1541
RETURN SUBSTRING("a") => error 1541
RETURN LENGTH => error 1203
RETURN LENGTH(c) => [3]
RETURN COUNT(c) => [3]
RETURN LENGTH(d) => [0]
RETURN COLLECTION_COUNT(c) => [3]
RETURN COLLECTION_COUNT("c") => [3]
RETURN LENGTH(@@c) <- {"@c": "c"} => [3]
RETURN LENGTH("c") => [1]
RETURN LENGTH(nope) => error 1203
RETURN DOCUMENT(c, "a").n => [1]
RETURN DOCUMENT("c/a").n => [1]
RETURN DOCUMENT(c, ["a", "b"])[*].n => [[1,2]]
RETURN FIRST(c) => error 1577
RETURN c => error 1577 1:8
RETURN c + 1 => error 1577
RETURN [c] => error 1577
RETURN c.x => error 1577
RETURN {a: c} => error 1577
RETURN c[0] => error 1577
RETURN c[*].n => error 1577
FILTER c RETURN 1 => error 1577
SORT c RETURN 1 => error 1577
LET x = c RETURN x => error 1577
RETURN SUM(c) => error 1577
RETURN MAX(c[*].n) => error 1577
RETURN 1 IN c => error 1577
RETURN LIKE("abc", "a%") => [true]
RETURN like("abc", "a%") => [true]
RETURN MIN ([1, 2]) => [1]
RETURN `LENGTH`([1]) => [1]
RETURN LENGTH([1],) => error 1501
RETURN LENGTH(,) => error 1501
RETURN LENGTH([1] => error 1501
"#,
    );
}

#[test]
fn subqueries() {
    check(
        r#"
RETURN (RETURN 1) => [[1]]
RETURN (FOR x IN [] RETURN x) => [[]]
RETURN (FOR x IN 1..2 RETURN (FOR y IN 1..x RETURN y)) => [[[1],[1,2]]]
LET a = 1 RETURN (FOR x IN 1..2 RETURN x + a) => [[2,3]]
FOR x IN 1..2 LET y = (FOR z IN [x, x * 2] RETURN z) RETURN y => [[1,2],[2,4]]
FOR x IN (FOR y IN [3, 4] RETURN y) RETURN x => [3,4]
FOR x IN 1..3 FILTER LENGTH(FOR y IN 1..x RETURN y) > 1 RETURN x => [2,3]
RETURN (FOR x IN 1..3 FILTER x > 1 LIMIT 1 RETURN x) => [[2]]
RETURN (INSERT {_key: "q"} INTO d) => [[]] writes 1
RETURN (INSERT {_key: "q"} INTO d RETURN NEW._key) => [["q"]] writes 1
LET x = (FOR i IN 1..2 INSERT {_key: CONCAT("k", i)} INTO d) RETURN x => [[]] writes 2
RETURN ((RETURN 1)) => [[1]]
RETURN (FOR x IN 1..2 RETURN x)[0] + 1 => [2]
RETURN (FOR x IN 1..3 RETURN x) == [1, 2, 3] => [true]
RETURN (FOR x IN 1..2) => error 1501
RETURN () => error 1501
RETURN (1, 2) => error 1501
RETURN FOR x IN 1..2 RETURN x => error 1501
LET x = FOR y IN 1..2 RETURN y RETURN x => error 1501
FOR x IN 1..2 RETURN (RETURN x) => [[1],[2]]
RETURN 2 IN (FOR x IN 1..3 RETURN x) => [true]
RETURN MAX(FOR x IN 1..3 RETURN x) + 1 => [4]
FOR i IN 1..2 SORT (RETURN -i)[0] RETURN i => [2,1]
RETURN [1, 2, 3][(RETURN 1)[0]] => [2]
"#,
    );
}
