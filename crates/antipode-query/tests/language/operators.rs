//! Operators: precedence, casts, order, laziness.

use crate::check;

#[test]
fn precedence_and_associativity() {
    check(
        r#"
RETURN 1 + 2 * 3 => [7]
RETURN (1 + 2) * 3 => [9]
RETURN 10 - 4 - 3 => [3]
RETURN 100 / 10 / 5 => [2]
RETURN 7 % 4 * 2 => [6]
RETURN -2 * -3 => [6]
RETURN 1 + 1 .. 2 * 2 => [[2,3,4]]
RETURN 1 < 2 == true => [true]
RETURN 1 < 2 < 3 => [true]
RETURN 3 > 2 > 1 => [false]
RETURN 1 == 1 IN [true] => [false]
RETURN 1 == (1 IN [true]) => [false]
RETURN NOT 1 == 0 => [false]
RETURN NOT (1 == 0) => [true]
RETURN NOT "a" LIKE "b" => [false]
RETURN !true == false => [true]
RETURN ! 1 => [false]
RETURN NOT NOT 1 => [true]
RETURN true || false && false => [true]
RETURN (true || false) && false => [false]
RETURN false ? 1 : true ? 2 : 3 => [2]
RETURN true ? false ? 1 : 2 : 3 => [2]
RETURN 1 ? 2 : 3 ? 4 : 5 => [2]
RETURN 0 ?: 0 ?: 3 => [3]
RETURN 0 ? : 4 => [4]
RETURN 1 > 0 ? "y" : "n" => ["y"]
RETURN false || 0 ? 1 : 2 => [2]
RETURN 1 + 1 == 2 AND 2 + 2 == 4 => [true]
RETURN 1 IN [1] == true => [true]
RETURN 2 IN 1..3 => [true]
RETURN 1 < 2 IN [true] => [true]
RETURN 1..3 == [1, 2, 3] => [true]
RETURN 1 NOT IN [2] AND 2 IN [2] => [true]
RETURN [1, 2] ANY == 1 AND [3] ALL == 3 => [true]
RETURN [1, 2] ANY == 1 OR false => [true]
RETURN -1 .. 1 => [[-1,0,1]]
RETURN "a" NOT LIKE "b" => [true]
RETURN "a" not like "a" => [false]
RETURN "abc" =~ "b" => [true]
RETURN "abc" !~ "b" => [false]
RETURN "abc" NOT =~ "b" => [false]
RETURN "abc" NOT !~ "b" => [true]
RETURN 1 ! IN [1] => [false]
RETURN 1 !IN [1] => [false]
RETURN 1 and 1 => [1]
RETURN 1 or 0 => [1]
RETURN - 2 ..2 => [[-2,-1,0,1,2]]
RETURN 1 = 1 => error 1501
RETURN 1 === 1 => error 1501
RETURN 1 <> 1 => error 1501
RETURN 1 & 1 => error 1501
RETURN 1 ** 2 => error 1501
RETURN 1 + => error 1501 1:11 "end of the query"
RETURN * 1 => error 1501
RETURN !! 1 => [true]
RETURN 1 == 1 == 1 => [false]
RETURN (1 == 1) == true => [true]
RETURN 2 * 3 % 4 => [2]
RETURN "x" IN ["x"] ? 1 : 2 => [1]
"#,
    );
}

#[test]
fn arithmetic_casts() {
    check(
        r#"
RETURN ["1" + 1, "a" + 1, "" + 1, " 2 " + 1, "1e2" + 0, "0x10" + 0, "1a" + 1] => [[2,1,1,3,100,0,1]]
RETURN [null + 1, true + 1, false + 1, [] + 1, [5] + 1, ["5"] + 1, [[7]] + 1, [1, 2] + 1, {} + 1, {a: 1} + 1] => [[1,2,1,1,6,6,8,1,1,1]]
RETURN [+"3", -"3", +true, -null, +[4], -[], -{}, +"x"] => [[3,-3,1,0,4,0,0,0]]
RETURN ["a" - "b", "3" * "4", "8" / "2", "9" % "5"] => [[0,12,4,4]]
RETURN [7 / 2, 6 / 3, -7 / 2, 7 % 3, -7 % 3, 7 % -3, 7.5 % 2, 5.5 + 0.5] => [[3.5,2,-3.5,1,-1,1,1.5,6]]
RETURN 1 / 0 => [null] warns 1562
RETURN 1 % 0 => [null] warns 1562
RETURN 0 / 0 => [null] warns 1562
RETURN 1 / "a" => [null] warns 1562
RETURN 1 / null => [null] warns 1562
RETURN 1 / 0.0 => [null] warns 1562
RETURN 9223372036854775807 + 1 => [9223372036854775808]
RETURN 9223372036854775807 - 1 => [9223372036854775806]
RETURN -9223372036854775807 - 2 => [-9223372036854775809]
RETURN 9223372036854775807 * 2 => [18446744073709551614]
RETURN 3000000000 * 3000000000 => [9000000000000000000]
RETURN (-9223372036854775807 - 1) / -1 => [9223372036854775808]
RETURN (-9223372036854775807 - 1) % -1 => [0]
RETURN 1e308 * 10 => [null] warns 1504
RETURN -1e308 - 1e308 => [null] warns 1504
RETURN 1e308 + 1e308 => [null] warns 1504
RETURN 0.1 * 3 => [0.30000000000000004]
RETURN 1e3 % 7 => [6]
RETURN 2 + "2" * "3" => [8]
RETURN "9223372036854775807" + 0 => [9223372036854775807]
RETURN 10 / 4 * 4 => [10]
RETURN 4 / 2 => [2]
RETURN (1..3) + 1 => [1]
RETURN (RETURN 4) + 1 => [5]
"#,
    );
}

#[test]
fn truth() {
    check(
        r#"
RETURN [null, false, true, 0, 1, -1, 0.0, 0.5, "", "0", " ", [], [0], {}, {a: 1}][* RETURN !CURRENT] => [[true,true,false,true,false,false,true,false,true,false,false,false,false,false,false]]
RETURN [1 && 0, 1 && "x", 0 && 1, null && 1, "" && 1, [] && {}, true && null] => [[0,"x",0,null,"",{},null]]
RETURN [1 || 0, 0 || "x", null || 0, "" || [], false || null, {} || 1] => [[1,"x",0,[],null,{}]]
RETURN [NOT null, NOT "", NOT [], !0, !"a"] => [[true,true,false,true,false]]
RETURN [null ? 1 : 2, "" ? 1 : 2, [] ? 1 : 2, 0 ?: "z", "a" ?: "z", null ?: null] => [[2,2,1,"z","a",null]]
FOR x IN [null, false, 0, "", [], {}, "0", 1] FILTER x RETURN x => [[],{},"0",1]
"#,
    );
}

#[test]
fn what_is_not_needed_is_not_evaluated() {
    check(
        r#"
RETURN false && FAIL("no") => [false]
RETURN true || FAIL("no") => [true]
RETURN true ? 1 : FAIL("no") => [1]
RETURN false ? FAIL("no") : 2 => [2]
RETURN 1 ?: FAIL("no") => [1]
RETURN true && FAIL("no") => error 1569
RETURN false || FAIL("no") => error 1569
LET x = NOOPT(false) RETURN x && (RETURN FAIL("no")) => [false]
LET x = NOOPT(true) RETURN x || (RETURN FAIL("no")) => [true]
LET x = NOOPT(true) RETURN x ? 1 : (RETURN FAIL("no")) => [1]
LET x = NOOPT(false) RETURN x ? (RETURN FAIL("no")) : 2 => [2]
LET x = NOOPT(true) RETURN x ?: (RETURN FAIL("no")) => [true]
LET x = NOOPT(0) RETURN x != 0 AND 1 / x > 0 => [false]
RETURN false ? 1 / 0 : 1 => [1]
RETURN true ? 1 / 0 : 1 => [null] warns 1562
FOR i IN [1, 0] RETURN i == 0 ? 0 : 1 / i => [1,0]
FOR i IN [] RETURN FAIL("no") => []
FOR i IN 1..2 FILTER false RETURN FAIL("no") => []
LET a = 1 / 0 RETURN 1 => [1] warns 1562
FOR i IN 1..3 RETURN 1 / 0 => [null,null,null] warns 1562
RETURN [1, 2][* FILTER false RETURN FAIL("no")] => [[]]
RETURN [][? FILTER FAIL("no")] => [false]
"#,
    );
}

#[test]
fn order_of_types_and_values() {
    check(
        r#"
RETURN [null < false, false < true, true < 0, 0 < "", "" < [], [] < {}] => [[true,true,true,true,true,true]]
RETURN [null > -1, true > 99, "" > 99, [] > "zzz", {} > [99]] => [[false,false,true,true,true]]
RETURN [null == null, null != null, null < null, null <= null] => [[true,false,false,true]]
RETURN [1 == 1.0, 0 == -0.0, "1" == 1, true == 1, null == 0, null == false, "" == null] => [[true,true,false,false,false,false,false]]
RETURN [9007199254740993 == 9007199254740992.0, 9007199254740993 > 9007199254740992.0] => [[false,true]]
RETURN [9223372036854775807 < 9223372036854775808, 9223372036854775807 == 9223372036854775808] => [[true,false]]
RETURN ["A" < "a", "a" < "B", "a" < "b", "Z" < "a", "a" < "ä", "ä" < "b", "" < "a", "a" < "aa"] => [[true,true,true,false,true,true,true,true]]
RETURN ["a" == "A", "ä" == "a\u0308", "a" IN ["A"]] => [[false,false,false]]
RETURN [[] < [0], [1, 2] < [2], [99, 99] < [100], [false] < [true], [1] < [1, 0], [] < [null], [1] == [1, null]] => [[true,true,true,true,true,false,true]]
RETURN [[1] != [1, null, null], [null] == [], [[]] == [], [] == [[]]] => [[false,true,false,false]]
RETURN [{} == {a: null}, {a: 1} < {a: 2}, {b: 1} < {a: 0}, {a: 1, b: 2} == {b: 2, a: 1}, {a: 1} < {A: 1}] => [[true,true,true,true,true]]
RETURN [{} < {a: 1}, {a: 1} > {}, {a: {b: 1}} < {a: {b: 2}}, {a: 1} == {a: 1.0}] => [[true,true,true,true]]
FOR x IN [{}, [], "", 0, false, null, true, "a", 1, [1], {a: 1}] SORT x RETURN x => [null,false,true,0,1,"","a",[],[1],{},{"a":1}]
FOR x IN ["b", "B", "a", "A", "ab", "Ab"] SORT x RETURN x => ["A","a","Ab","ab","B","b"]
FOR x IN [3, 1, null, 2] SORT x DESC RETURN x => [3,2,1,null]
RETURN UNIQUE([1, 1.0, [1], [1, null], {}, {a: null}]) => [[1,[1],{}]]
RETURN [1 IN [1.0], [1] IN [[1, null]], null IN [null], {} IN [{a: null}]] => [[true,true,true,true]]
"#,
    );
}

#[test]
fn membership() {
    check(
        r#"
RETURN [1 IN [1, 2], 1 NOT IN [1, 2], 3 IN [], 3 NOT IN []] => [[true,false,false,true]]
RETURN [1 IN null, 1 NOT IN null, 1 IN 1, 1 NOT IN 1, "a" IN "abc", "a" NOT IN "abc", 1 IN {a: 1}, 1 NOT IN {}] => [[false,false,false,false,false,false,false,false]]
RETURN [2 IN 1..3, 0 IN 1..3, 2 NOT IN 1..3, 2.5 IN 1..3, "2" IN 1..3, 2 IN 3..1] => [[true,false,false,false,false,true]]
RETURN "a" IN ["a", "b"] => [true]
RETURN [1, 2] IN [[1, 2], [3]] => [true]
FOR x IN [1, 2, 3] FILTER x IN (FOR y IN [2, 3] RETURN y) RETURN x => [2,3]
FOR x IN [1, 2, 3] FILTER x NOT IN (FOR y IN [2, 3] RETURN y) RETURN x => [1]
FOR d IN c FILTER d.n IN [1, 3] SORT d.n RETURN d.n => [1,3]
FOR d IN c FILTER d.n IN null SORT d.n RETURN d.n => []
FOR d IN c FILTER d.n NOT IN null SORT d.n RETURN d.n => []
"#,
    );
}

#[test]
fn array_comparisons() {
    check(
        r#"
RETURN [[1, 2, 3] ALL IN [1, 2, 3], [1, 2, 4] ALL IN [1, 2, 3], [] ALL IN [1], [] ALL IN []] => [[true,false,true,true]]
RETURN [[1, 2] ANY IN [2, 3], [1] ANY IN [2], [] ANY IN [1]] => [[true,false,false]]
RETURN [[1, 2] NONE IN [2, 3], [1] NONE IN [2], [] NONE IN [1]] => [[false,true,true]]
RETURN [[1, 2] ALL NOT IN [3], [1, 2] ANY NOT IN [1], [1, 2] NONE NOT IN [1, 2]] => [[true,true,true]]
RETURN [[1, 2] ALL > 0, [1, 2] ANY > 1, [1, 2] NONE > 2, [1, 2] ALL == 1, [1, 1] ALL == 1, [1, 2] ANY != 1] => [[true,true,true,false,true,true]]
RETURN [[1, 2] ALL < 3, [1, 2] ALL <= 2, [1, 2] ALL >= 1] => [[true,true,true]]
RETURN [[1, 2, 3] AT LEAST (2) IN [2, 3, 4], [1, 2, 3] AT LEAST (3) IN [2, 3, 4], [1, 2, 3] AT LEAST (0) == 9, [] AT LEAST (0) == 1, [] AT LEAST (1) == 1] => [[true,false,true,true,false]]
RETURN [1, 2, 3] AT LEAST ("2") > 1 => [true]
RETURN [1, 2, 3] at  least (1 + 1) > 1 => [true]
LET n = 3 RETURN [1, 2, 3] AT LEAST (n) > 0 => [true]
RETURN [1 ALL == 1, null ANY == null, "a" NONE == "b", {} ALL IN [1]] => [[false,false,false,false]]
RETURN [[1] ALL IN 1, [1] NONE IN null, [] ALL IN null, [] NONE IN "x", [1] ANY NOT IN 1, [] ALL NOT IN 2] => [[false,false,false,false,false,false]]
RETURN [[1, 2]] ANY == [1, 2] => [true]
RETURN (1..3) ANY == 2 => [true]
RETURN [1] ANY LIKE "a" => error 1501
RETURN [1] ALL =~ "a" => error 1501
RETURN [1] ANY + 1 => error 1501
FOR d IN [{t: ["a", "b"]}, {t: ["b"]}, {t: null}, {}] FILTER d.t ANY == "a" RETURN d => [{"t":["a","b"]}]
FOR d IN [{t: ["a", "b"]}, {t: ["b"]}, {t: null}, {t: []}] FILTER d.t ALL == "b" RETURN d.t => [["b"],[]]
FOR d IN [{t: [1, 2]}, {t: [3]}] FILTER NOT (d.t ANY == 1) RETURN d.t => [[3]]
RETURN ["a", "b"] all in ["a", "b", "c"] => [true]
RETURN true == [1] ANY == 1 => [false]
RETURN ([1] ANY == 1) == true => [true]
RETURN [1] ANY == 1 == true => [true]
RETURN [1, 5] ANY > 2 + 2 => [true]
RETURN [true] ANY == 1 < 2 => [true]
RETURN [1] ANY == 1 ? "y" : "n" => ["y"]
"#,
    );
}

#[test]
fn patterns() {
    check(
        r#"
RETURN ["abc" LIKE "a%", "abc" LIKE "_bc", "abc" LIKE "a", "abc" LIKE "ABC", "" LIKE "%", "" LIKE "", "a" LIKE "_", "ab" LIKE "_"] => [[true,true,false,false,true,true,true,false]]
RETURN ["a%c" LIKE "a\\%c", "abc" LIKE "a\\%c", "a_c" LIKE "a\\_c", "abc" LIKE "a\\_c"] => [[true,false,true,false]]
RETURN ["a.c" LIKE "a.c", "abc" LIKE "a.c", "a\nb" LIKE "a%b", "a\nb" LIKE "a_b"] => [[true,false,true,true]]
RETURN ["ABC" NOT LIKE "a%", "abc" NOT LIKE "a%"] => [[true,false]]
RETURN [LIKE("ABC", "a%", true), LIKE("ABC", "a%", false), LIKE("ABC", "a%")] => [[true,false,false]]
RETURN [1 LIKE "1", null LIKE "%", true LIKE "true"] => [[true,true,true]]
RETURN ["foo" =~ "^f[o].$", "foo" =~ "[a-z]+bar$", "foo" !~ "[a-z]+bar$"] => [[true,false,true]]
RETURN ["a1" =~ "\\d", "a1" =~ "^\\w+$", "x y" =~ "\\s", "xy" =~ "\\bx", "Ab" =~ "ab"] => [[true,true,true,true,false]]
RETURN ["aaa" =~ "^a{3}$", "aaa" =~ "^a{2}$", "aaa" =~ "^a{2,}$", "ab" =~ "^(?:a|b)+$", "a\nb" =~ "a.b"] => [[true,false,true,true,false]]
RETURN "a" =~ "[" => [null] warns 1543
RETURN "a" =~ "(?=a)" => [null] warns 1543
RETURN "aa" =~ "(a)\\1" => [null] warns 1543
LET p = NOOPT("a%") FOR x IN ["ab", "b"] FILTER x LIKE p RETURN x => ["ab"]
"#,
    );
}

#[test]
fn ranges() {
    check(
        r#"
RETURN [1..3, 3..1, 2..2, -1..1, 0..0] => [[[1,2,3],[3,2,1],[2],[-1,0,1],[0]]]
RETURN [1.9..3.9, "1".."3", null..2, true..2, []..1, "a"..1] => [[[1,2,3],[1,2,3],[0,1,2],[1,2],[0,1],[0,1]]]
LET a = 2, b = 4 RETURN a..b => [[2,3,4]]
RETURN (1..3)[1] => [2]
RETURN LENGTH(1..1000) => [1000]
RETURN LENGTH(1..10000000) => [10000000]
RETURN 1..10000001 => error 32
RETURN LENGTH(1..10000001) => error 32
FOR i IN 1..1000000000 LIMIT 2 RETURN i => [1,2]
FOR i IN 5..3 RETURN i => [5,4,3]
RETURN TYPENAME(1..2) => ["array"]
RETURN (1..3)[*] => [[1,2,3]]
RETURN (1..4)[* FILTER CURRENT % 2 == 0] => [[2,4]]
RETURN MAX(1..5) => [5]
RETURN [1..2] => [[[1,2]]]
"#,
    );
}
