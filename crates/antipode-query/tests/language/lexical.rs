//! Comments, names, literals, bind parameters, and what makes a text one query.

use crate::check;

#[test]
fn one_text_is_one_query() {
    check(
        r#"
RETURN 1 => [1]
RETURN 1; => error 1501 1:9 "';'"
RETURN 1; RETURN 2 => error 1501 1:9
RETURN 1 RETURN 2 => error 1501 1:10
FOR i IN 1..3 => error 1501
LET a = 1 => error 1501
FOR i IN 1..3 FILTER i > 1 => error 1501
WITH c RETURN 1 => [1]
WITH c, d RETURN 1 => [1]
WITH c d RETURN 1 => [1]
WITH nowhere RETURN 1 => error 1203 1:6
RETURN 1 WITH c => error 1501 1:10
LET x = (WITH c RETURN 1) RETURN x => error 1501
INSERT {_key: "z"} INTO d => [] writes 1
FOR i IN [] INSERT {} INTO d => [] writes 0
RETURN => error 1501
foo => error 1501 1:1 "name 'foo'"
"#,
    );
}

#[test]
fn white_space_and_comments() {
    check(
        r#"
RETURN/* one */1/* two */+/* three\n */2 => [3]
RETURN 1 // behind => [1]
// before\nRETURN 1 => [1]
RETURN /* /* */ 1 => [1]
RETURN 1 /* open => error 1501 "unterminated comment"
RETURN 1 /* a */ */ => error 1501
RETURN "// no comment" => ["// no comment"]
RETURN '/* none */' => ["/* none */"]
/* nothing */ => error 1501
// nothing => error 1501
    RETURN\n1 => [1]
"#,
    );
}

#[test]
fn keywords_know_no_case() {
    check(
        r#"
return 1 => [1]
ReTuRn tRuE => [true]
FOR x iN [2, 1] SoRt x aSc rEtUrN x => [1,2]
RETURN NULL => [null]
RETURN [null, True, FALSE] => [[null,true,false]]
RETURN length([1]) => [1]
RETURN Length([1]) => [1]
LET filter = 1 RETURN 1 => error 1501 1:5
LET `filter` = 1 RETURN `filter` => [1]
LET ´filter´ = 1 RETURN ´filter´ => [1]
LET keep = 1, count = 2, options = 3, prune = 4, search = 5, to = 6 RETURN keep + count + options + prune + search + to => [21]
LET Keep = 1 RETURN Keep => [1]
LET current = 1 RETURN current => [1]
LET stream = [1] FOR x IN stream RETURN x => [1]
RETURN {"filter": 1}.filter => error 1501
RETURN {"filter": 1}.`filter` => [1]
RETURN {filter: 1} => error 1501
RETURN {`filter`: 1} => [{"filter":1}]
"#,
    );
}

#[test]
fn names() {
    check(
        r#"
LET $x = 1 RETURN $x => [1]
LET _id = 1 RETURN _id => [1]
LET __a1 = 1 RETURN __a1 => [1]
LET a1_ = 1 RETURN a1_ => [1]
LET _1 = 1 RETURN 1 => error 1501 1:5
LET 1a = 1 RETURN 1 => error 1501 1:5
LET $ = 1 RETURN 1 => error 1501
LET a$b = 1 RETURN 1 => error 1501
LET $1 = 1 RETURN 1 => error 1501
LET é = 1 RETURN 1 => error 1501
LET `é` = 1 RETURN `é` => [1]
LET `a b` = 1 RETURN `a b` => [1]
LET `a\`b` = 1 RETURN `a\`b` => [1]
LET `a\nb` = 1 RETURN `a\nb` => [1]
LET `x` = 1 RETURN x => [1]
LET x = 1 LET X = 2 RETURN [x, X] => [[1,2]]
RETURN `c` => error 1577
RETURN `a b` => error 1208 1:8
RETURN nope => error 1203 1:8
RETURN {a: 1}["a"] => [1]
RETURN {`a.b`: 1}.`a.b` => [1]
RETURN {"a": {"A": 1}}.a.A => [1]
RETURN {"a": {"A": 1}}.a.a => [null]
FOR x IN "c" RETURN x => error 1563
INSERT {_key: "q"} IN "d" RETURN NEW._id => ["d/q"]
INSERT {_key: "q"} INTO 'd' RETURN NEW._id => ["d/q"]
INSERT {_key: "q"} INTO `d` RETURN NEW._id => ["d/q"]
FOR x IN C RETURN x => error 1203 1:10 "'c'"
"#,
    );
}

#[test]
fn numbers() {
    check(
        r#"
RETURN [0, 1, 12, 1.5, .5, 1e3, 1E3, 1e+3, 1e-3, 1.5e2, .5e1] => [[0,1,12,1.5,0.5,1000,1000,1000,0.001,150,5]]
RETURN 1. => error 1501
RETURN 01 => error 1501 1:8
RETURN 00 => error 1501 1:8
RETURN 1e => error 1501
RETURN 1.e3 => [null]
RETURN [0b1010, 0xFF, 0xff, 0b0, 0x0] => [[10,255,255,0,0]]
RETURN [0xFFFFFFFF, 0b11111111111111111111111111111111] => [[4294967295,4294967295]]
RETURN 0x100000000 => [null] warns 1504
RETURN 0b111111111111111111111111111111111 => [null] warns 1504
RETURN 0b2 => error 1501
RETURN 0xG => error 1501
RETURN 9223372036854775807 => [9223372036854775807]
RETURN 9223372036854775808 => [9223372036854775808]
RETURN -9223372036854775808 => [-9223372036854775808]
RETURN 1e308 => [1e308]
RETURN 1e309 => [null] warns 1504
RETURN -1e309 => [0] warns 1504
RETURN 1e-400 => [0]
RETURN 123456789012345678901234567890 => [1.2345678901234568e29]
RETURN 1..3 => [[1,2,3]]
RETURN 1.5..3.5 => [[1,2,3]]
RETURN TYPENAME(1.0) => ["number"]
RETURN 1.0 => [1]
RETURN 0.1 + 0.2 => [0.30000000000000004]
RETURN - 5 => [-5]
RETURN --5 => [5]
RETURN +-5 => [-5]
RETURN 5-3 => [2]
RETURN 5 -3 => [2]
RETURN -0 => [0]
RETURN 0.0 => [0]
"#,
    );
}

#[test]
fn strings() {
    check(
        r#"
RETURN "a'b" => ["a'b"]
RETURN 'a"b' => ["a\"b"]
RETURN 'a\'b' => ["a'b"]
RETURN "a\"b" => ["a\"b"]
RETURN "\\ \/ \b\f\n\r\t" => ["\\ / \b\f\n\r\t"]
RETURN "\u0041\u00e9\uD83D\uDE00" => ["Aé😀"]
RETURN "\q\%\x" => ["q%x"]
RETURN "two\nlines" => ["two\nlines"]
RETURN "" => [""]
RETURN "open => error 1501 1:8 "unterminated string"
RETURN 'open" => error 1501 1:8
RETURN "abc\" => error 1501 1:8
RETURN LENGTH("😀é") => [2]
RETURN "a" "b" => error 1501 1:12
"#,
    );
}

#[test]
fn bind_parameters() {
    check(
        r#"
RETURN @a <- {"a": [1, {"b": null}]} => [[1,{"b":null}]]
RETURN [@1, @a_b, @_x] <- {"1": 1, "a_b": 2, "_x": 3} => [[1,2,3]]
RETURN @a + @a <- {"a": 2} => [4]
RETURN @A <- {"a": 2} => error 1551 1:8
RETURN @a => error 1551 1:8
RETURN 1 <- {"a": 2} => error 1552
RETURN @a <- [1] => error 1550
RETURN @a <- "x" => error 1550
RETURN 1 <- null => [1]
FOR d IN @@c SORT d.n RETURN d.n <- {"@c": "c"} => [1,2,3]
FOR d IN @@c RETURN d <- {"c": "c"} => error 1551
FOR d IN @@c RETURN d <- {"@c": 1} => error 1553
FOR d IN @@c RETURN d <- {"@c": ["c"]} => error 1553
FOR d IN @@c RETURN d <- {"@c": null} => error 1553
FOR d IN @@c RETURN d <- {"@c": "none"} => error 1203
FOR d IN @c RETURN d <- {"c": "c"} => error 1563
RETURN @@c <- {"@c": "c"} => error 1577
RETURN {a: {b: 1}}.@p <- {"p": "a"} => [{"b":1}]
RETURN {a: {b: 1}}.@p <- {"p": ["a", "b"]} => [1]
RETURN {"a.b": 2, a: {b: 1}}.@p <- {"p": "a.b"} => [2]
RETURN {a: {b: 1}}.@p.@q <- {"p": "a", "q": "b"} => [1]
RETURN {a: 1}.@p <- {"p": 1} => error 1553
RETURN {a: 1}.@p <- {"p": ["a", 1]} => error 1553
RETURN {a: 1}.@p <- {"p": null} => error 1553
RETURN {a: 1}[@p] <- {"p": "a"} => [1]
RETURN {@k: 1} <- {"k": "x"} => [{"x":1}]
RETURN {@k: 1} <- {"k": 1} => error 1553
RETURN {[@k]: 1} <- {"k": 1} => [{"1":1}]
FOR i IN 1..5 LIMIT @o, @n RETURN i <- {"o": 1, "n": 2} => [2,3]
FOR i IN 1..5 LIMIT @n RETURN i <- {"n": 2} => [1,2]
FOR i IN 1..5 LIMIT @n RETURN i <- {"n": -2} => error 1504
FOR i IN 1..5 LIMIT @n RETURN i <- {"n": "2"} => error 1504
FOR i IN 1..3 SORT i @d RETURN i <- {"d": "DESC"} => [3,2,1]
FOR i IN [3, 1] SORT i @d RETURN i <- {"d": "asc"} => [1,3]
FOR i IN [3, 1] SORT i @d RETURN i <- {"d": true} => [1,3]
FOR i IN [3, 1] SORT i @d RETURN i <- {"d": false} => [3,1]
FOR i IN [3, 1] SORT i @d RETURN i <- {"d": "down"} => error 1501
FOR i IN [3, 1] SORT i @d RETURN i <- {"d": 1} => error 1501
WITH @@c RETURN 1 <- {"@c": "c"} => [1]
WITH @c RETURN 1 <- {"c": "c"} => [1]
WITH @c RETURN 1 <- {"c": 1} => error 1553
INSERT @d INTO @@c RETURN NEW <- {"d": {"_key": "q", "v": [1]}, "@c": "d"} => [{"_key":"q","_id":"d/q","v":[1]}]
RETURN @ => error 1501
RETURN @@ => error 1501
RETURN "@a" <- {"a": 1} => error 1552
RETURN @a <- {"a": "1 + 1"} => ["1 + 1"]
FOR v IN 1..1 OUTBOUND "c/a" @@e RETURN v._key <- {"@e": "e"} => ["b"]
FOR v IN 1..1 OUTBOUND @s e RETURN v._key <- {"s": "c/a"} => ["b"]
FOR v IN @n OUTBOUND "c/a" e RETURN v._key <- {"n": 1} => ["b"]
"#,
    );
}
