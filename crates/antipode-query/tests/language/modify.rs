//! INSERT, UPDATE, REPLACE, REMOVE and UPSERT, their options, and what may be read after them.

use crate::check;

#[test]
fn insert() {
    check(
        r#"
INSERT {_key: "q", v: [1, {x: null}]} INTO d RETURN NEW => [{"_key":"q","_id":"d/q","v":[1,{"x":null}]}] writes 1
INSERT {_key: "q"} IN d ;; FOR x IN d RETURN x => [{"_key":"q","_id":"d/q"}]
INSERT {} INTO d RETURN IS_STRING(NEW._key) => [true]
INSERT {_key: "a"} INTO c => error 1210
INSERT {_key: "q", _id: "x/y", _rev: "z"} INTO d RETURN [NEW._id, NEW._rev == "z"] => [["d/q",false]]
INSERT {_key: 1} INTO d => error 1221
INSERT {_key: ""} INTO d => error 1221
INSERT {_key: null} INTO d => error 1221
INSERT {_key: "a b"} INTO d => error 1221
INSERT {_key: "a/b"} INTO d => error 1221
INSERT {_key: "é"} INTO d => error 1221
INSERT {_key: "aZ09_-:.@()+,=;$!*'%"} INTO d RETURN NEW._key => ["aZ09_-:.@()+,=;$!*'%"]
INSERT {_key: REPEAT("x", 254)} INTO d RETURN LENGTH(NEW._key) => [254]
INSERT {_key: REPEAT("x", 255)} INTO d => error 1221
INSERT null INTO d => error 1227
INSERT "q" INTO d => error 1227
INSERT [] INTO d => error 1227
INSERT 1 INTO d => error 1227
FOR i IN 1..3 INSERT {_key: CONCAT("k", i), i} INTO d RETURN NEW.i => [1,2,3] writes 3
FOR i IN 1..3 INSERT {_key: "same"} INTO d => error 1210
FOR i IN 1..3 INSERT {_key: "same"} INTO d ;; RETURN 1 => error 1210
INSERT {_key: "q"} INTO e => error 1233
INSERT {_key: "q", _from: "c/a"} INTO e => error 1233
INSERT {_key: "q", _from: "c/a", _to: "b"} INTO e => error 1233
INSERT {_key: "q", _from: "c/a", _to: 1} INTO e => error 1233
INSERT {_key: "q", _from: "", _to: "c/b"} INTO e => error 1233
INSERT {_key: "q", _from: "c/a", _to: "c/zz"} INTO e RETURN NEW => [{"_key":"q","_id":"e/q","_from":"c/a","_to":"c/zz"}]
INSERT {_key: "q", _from: "any", _to: 5} INTO d RETURN [NEW._from, NEW._to] => [["any",5]]
INSERT {_key: "q", _foo: 1} INTO d RETURN NEW._foo => [1]
INSERT {_key: "q"} INTO nowhere => error 1203 1:25
INSERT {_key: "q"} d => error 1501
INSERT INTO d => error 1501
INSERT {_key: "q"} INTO => error 1501
INSERT {_key: "q"} INTO d d => error 1501
INSERT {_key: "q"} INTO 5 => error 1501
INSERT {_key: "q", v: "x" IN ["x"]} INTO d RETURN NEW.v => [true]
INSERT MERGE({_key: "q"}, {v: 1}) INTO d RETURN NEW.v => [1]
LET x = {_key: "q", v: 2} INSERT x INTO d RETURN NEW.v => [2]
FOR x IN c INSERT x INTO d ;; FOR x IN d SORT x.n RETURN [x._id, x.n] => [["d/a",1],["d/b",2],["d/c",3]]
FOR x IN c INSERT UNSET(x, "_key") INTO d ;; RETURN LENGTH(d) => [3]
"#,
    );
}

#[test]
fn insert_over_what_exists() {
    check(
        r#"
INSERT {_key: "a", m: 1} INTO c OPTIONS {overwriteMode: "conflict"} => error 1210
INSERT {_key: "a", m: 1} INTO c OPTIONS {overwriteMode: "replace"} RETURN [OLD, NEW] => [[{"_key":"a","_id":"c/a","n":1},{"_key":"a","_id":"c/a","m":1}]]
INSERT {_key: "a", m: 1} INTO c OPTIONS {overwrite: true} RETURN [OLD.n, NEW.n, NEW.m] => [[1,null,1]]
INSERT {_key: "a", m: 1} INTO c OPTIONS {overwrite: false} => error 1210
INSERT {_key: "a", m: 1} INTO c OPTIONS {overwriteMode: "update"} RETURN [OLD.m, NEW.n, NEW.m] => [[null,1,1]]
INSERT {_key: "a", n: null} INTO c OPTIONS {overwriteMode: "update"} RETURN NEW => [{"_key":"a","_id":"c/a","n":null}]
INSERT {_key: "a", n: null} INTO c OPTIONS {overwriteMode: "update", keepNull: false} RETURN NEW => [{"_key":"a","_id":"c/a"}]
INSERT {_key: "x", o: {s: 1}} INTO nested OPTIONS {overwriteMode: "update"} RETURN NEW.o => [{"p":1,"q":{"r":2},"s":1}]
INSERT {_key: "x", o: {s: 1}} INTO nested OPTIONS {overwriteMode: "update", mergeObjects: false} RETURN NEW.o => [{"s":1}]
INSERT {_key: "a", m: 1} INTO c OPTIONS {overwriteMode: "ignore"} RETURN NEW => [null] writes 0 ignored 1
INSERT {_key: "a", m: 1} INTO c OPTIONS {overwriteMode: "ignore"} ;; FOR x IN c FILTER x._key == "a" RETURN x => [{"_key":"a","_id":"c/a","n":1}]
INSERT {_key: "q", m: 1} INTO c OPTIONS {overwriteMode: "ignore"} RETURN NEW.m => [1] writes 1 ignored 0
INSERT {_key: "q", m: 1} INTO c OPTIONS {overwriteMode: "ignore"} RETURN OLD => error 1501
INSERT {_key: "q", m: 1} INTO c OPTIONS {overwriteMode: "replace"} RETURN OLD => [null]
INSERT {_key: "q", m: 1} INTO c OPTIONS {overwriteMode: "update"} RETURN [OLD, NEW.m] => [[null,1]]
INSERT {_key: "q", m: 1} INTO c OPTIONS {overwriteMode: "other"} RETURN NEW.m => [1] warns 10
INSERT {_key: "a", n: 5} INTO c OPTIONS {overwriteMode: "update", versionAttribute: "n"} RETURN NEW.n => [5]
INSERT {_key: "a", n: 1, x: 1} INTO c OPTIONS {overwriteMode: "update", versionAttribute: "n"} RETURN NEW.x => [null]
INSERT {_key: "a", n: 0, x: 1} INTO c OPTIONS {overwriteMode: "replace", versionAttribute: "n"} RETURN NEW.x => [null]
INSERT {_key: "a", n: 1.9, x: 1} INTO c OPTIONS {overwriteMode: "replace", versionAttribute: "n"} RETURN NEW.x => [null]
INSERT {_key: "a", n: -1, x: 1} INTO c OPTIONS {overwriteMode: "replace", versionAttribute: "n"} RETURN NEW.x => [1]
INSERT {_key: "a", x: 1} INTO c OPTIONS {overwriteMode: "replace", versionAttribute: "n"} RETURN NEW.x => [1]
INSERT {_key: "a", n: "9", x: 1} INTO c OPTIONS {overwriteMode: "replace", versionAttribute: "n"} RETURN NEW.x => [1]
"#,
    );
}

#[test]
fn update() {
    check(
        r#"
UPDATE "a" WITH {m: 1} IN c RETURN [OLD.m, NEW.m, NEW.n] => [[null,1,1]] writes 1
UPDATE {_key: "a"} WITH {m: 1} IN c RETURN NEW.m => [1]
UPDATE {_key: "a", m: 1} IN c RETURN NEW => [{"_key":"a","_id":"c/a","n":1,"m":1}]
FOR x IN c UPDATE x WITH {n: x.n * 10} IN c RETURN NEW.n => [10,20,30]
FOR x IN c UPDATE x._key WITH {n: x.n * 10} IN c RETURN NEW.n => [10,20,30]
FOR x IN c UPDATE {_key: x._key, n: x.n + 1} IN c RETURN NEW.n => [2,3,4]
FOR x IN c UPDATE x IN c RETURN NEW.n => [1,2,3]
UPDATE "a" WITH {k: x.k + 1} IN c => error 1203
FOR x IN c FILTER x._key == "a" UPDATE x WITH {k: x.k + 1} IN c RETURN NEW.k => [1]
UPDATE "zz" WITH {} IN c => error 1202
UPDATE {_key: "zz"} IN c => error 1202
UPDATE {m: 1} IN c => error 1226
UPDATE {_key: 1, m: 1} IN c => error 1226
UPDATE {_key: null, m: 1} IN c => error 1226
UPDATE "c/a" WITH {} IN c => error 1221
UPDATE "" WITH {} IN c => error 1221
UPDATE 1 WITH {} IN c => error 1227
UPDATE null WITH {} IN c => error 1227
UPDATE [] WITH {} IN c => error 1227
UPDATE "a" WITH 1 IN c => error 1227
UPDATE "a" WITH null IN c => error 1227
UPDATE "a" WITH [1] IN c => error 1227
UPDATE "a" IN c => error 1227
UPDATE "a" WITH {_key: "b", _id: "x", _rev: "y", m: 1} IN c RETURN NEW => [{"_key":"a","_id":"c/a","n":1,"m":1}]
UPDATE "x" WITH {o: {p: null}} IN nested RETURN NEW.o => [{"p":null,"q":{"r":2}}]
UPDATE "x" WITH {o: {p: null, q: {r: null}}, z2: null} IN nested OPTIONS {keepNull: false} RETURN NEW => [{"_key":"x","_id":"nested/x","o":{"q":{}},"l":[1,{"m":null}],"z":null}]
UPDATE "x" WITH {l: [null, {m: null}]} IN nested OPTIONS {keepNull: false} RETURN NEW.l => [[null,{"m":null}]]
UPDATE "x" WITH {w: {v: {u: null, t: 1}}} IN nested OPTIONS {keepNull: false} RETURN NEW.w => [{"v":{"t":1}}]
UPDATE "x" WITH {o: {s: 1}} IN nested RETURN NEW.o => [{"p":1,"q":{"r":2},"s":1}]
UPDATE "x" WITH {o: {q: {t: 1}}} IN nested RETURN NEW.o => [{"p":1,"q":{"r":2,"t":1}}]
UPDATE "x" WITH {o: {s: 1}} IN nested OPTIONS {mergeObjects: false} RETURN NEW.o => [{"s":1}]
UPDATE "x" WITH {o: {s: null}} IN nested OPTIONS {mergeObjects: false, keepNull: false} RETURN NEW.o => [{}]
UPDATE "x" WITH {l: [2]} IN nested RETURN NEW.l => [[2]]
UPDATE "x" WITH {o: 5} IN nested RETURN NEW.o => [5]
UPDATE "x" WITH {o: {}} IN nested RETURN NEW.o => [{"p":1,"q":{"r":2}}]
UPDATE "x" WITH {z: {a: 1}} IN nested RETURN NEW.z => [{"a":1}]
UPDATE "1" WITH {w: 2} IN e RETURN [NEW._from, NEW._to, NEW.w] => [["c/a","c/b",2]]
UPDATE "1" WITH {_to: "c/c"} IN e RETURN [NEW._from, NEW._to] => [["c/a","c/c"]]
UPDATE "1" WITH {_to: "nope"} IN e => error 1233
UPDATE "1" WITH {_from: null} IN e => error 1233
UPDATE "a" WITH {_rev: "x"} IN c OPTIONS {ignoreRevs: false} => error 1200
UPDATE {_key: "a", _rev: "x"} WITH {m: 1} IN c OPTIONS {ignoreRevs: false} => error 1200
UPDATE {_key: "a", _rev: "x"} WITH {m: 1} IN c RETURN NEW.m => [1]
UPDATE {_key: "a", _rev: 5} WITH {m: 1} IN c OPTIONS {ignoreRevs: false} => error 1239
UPDATE {_key: "a", _rev: 5} WITH {m: 1} IN c OPTIONS {ignoreRevs: false, ignoreErrors: true} => error 1239
UPDATE {_key: "zz", _rev: []} WITH {m: 1} IN c OPTIONS {ignoreRevs: false} => error 1239
UPDATE {_key: "a", _rev: 5} WITH {m: 1} IN c RETURN NEW.m => [1]
UPDATE {_key: "a", _rev: null} WITH {m: 1} IN c OPTIONS {ignoreRevs: false} RETURN NEW.m => [1]
UPDATE "a" WITH {m: 1, _rev: {}} IN c OPTIONS {ignoreRevs: false} => error 1239
UPDATE "a" WITH {m: 1, _rev: {}} IN c RETURN NEW.m => [1]
UPDATE {_key: "a"} WITH {m: 1} IN c OPTIONS {ignoreRevs: false} RETURN NEW.m => [1]
FOR x IN c UPDATE x WITH {m: 1} IN c OPTIONS {ignoreRevs: false} RETURN NEW.m => [1,1,1]
UPDATE "a" WITH {n: 1, x: 1} IN c OPTIONS {versionAttribute: "n"} RETURN NEW.x => [null]
UPDATE "a" WITH {n: 2, x: 1} IN c OPTIONS {versionAttribute: "n"} RETURN NEW.x => [1]
UPDATE "a" WITH {x: 1} IN c OPTIONS {versionAttribute: "n"} RETURN NEW.x => [1]
UPDATE "a" WITH {x: 1} IN c OPTIONS {versionAttribute: "other"} RETURN NEW.x => [1]
UPDATE "a" WITH {x: 1} IN c OPTIONS {waitForSync: true, exclusive: true, refillIndexCaches: false} RETURN NEW.x => [1]
UPDATE "a" WITH {x: 1} IN c OPTIONS {nope: true} RETURN NEW.x => [1] warns 10
UPDATE "a" WITH {x: null} IN c OPTIONS {keepNull: "no"} RETURN HAS(NEW, "x") => [true]
UPDATE "a" WITH {x: 1} IN c OPTIONS {keepNull: n} => error 1203
FOR i IN [true] UPDATE "a" WITH {x: 1} IN c OPTIONS {keepNull: i} => error 1575
UPDATE "a" WITH {x: 1} IN c OPTIONS null => error 1501
UPDATE "a" WITH {x: 1} IN c OPTIONS {keepNull: @k} RETURN 1 <- {"k": false} => [1]
UPDATE "a" WITH IN c => error 1501
UPDATE WITH {} IN c => error 1501
FOR i IN 1..3 UPDATE "a" WITH {n: i} IN c RETURN [OLD.n, NEW.n] => [[1,1],[1,2],[2,3]]
UPDATE "a" WITH {"b.c": 1} IN c RETURN NEW => [{"_key":"a","_id":"c/a","n":1,"b.c":1}]
UPDATE "a" WITH {[CONCAT("x", "y")]: 1} IN c RETURN NEW.xy => [1]
"#,
    );
}

#[test]
fn replace() {
    check(
        r#"
REPLACE "a" WITH {m: 1} IN c RETURN [OLD, NEW] => [[{"_key":"a","_id":"c/a","n":1},{"_key":"a","_id":"c/a","m":1}]] writes 1
REPLACE {_key: "a", m: 1} IN c RETURN NEW => [{"_key":"a","_id":"c/a","m":1}]
REPLACE {_key: "a"} WITH {m: 1} IN c RETURN NEW => [{"_key":"a","_id":"c/a","m":1}]
REPLACE "a" WITH {m: null, o: {p: null}} IN c RETURN NEW => [{"_key":"a","_id":"c/a","m":null,"o":{"p":null}}]
REPLACE "a" WITH {_key: "zz", _id: "c/zz", m: 1} IN c RETURN NEW._id => ["c/a"]
REPLACE "zz" WITH {} IN c => error 1202
REPLACE {m: 1} IN c => error 1226
REPLACE 1 WITH {} IN c => error 1227
REPLACE "a" WITH 1 IN c => error 1227
REPLACE "a/b" WITH {} IN c => error 1221
REPLACE "1" WITH {w: 2} IN e => error 1233
REPLACE "1" WITH {_from: "c/a", _to: "c/c", w: 2} IN e RETURN [NEW._to, NEW.w] => [["c/c",2]]
REPLACE {_key: "a", _rev: "x"} WITH {} IN c OPTIONS {ignoreRevs: false} => error 1200
FOR x IN c REPLACE x WITH {k: x.n} IN c RETURN NEW.k => [1,2,3]
FOR x IN c REPLACE x IN c RETURN NEW.n => [1,2,3]
REPLACE "a" WITH {} IN c RETURN NEW => [{"_key":"a","_id":"c/a"}]
"#,
    );
}

#[test]
fn remove() {
    check(
        r#"
REMOVE "a" IN c RETURN OLD => [{"_key":"a","_id":"c/a","n":1}] writes 1
REMOVE {_key: "a"} IN c ;; FOR x IN c SORT x.n RETURN x.n => [2,3]
REMOVE {_key: "a"} INTO c ;; RETURN LENGTH(c) => [2]
FOR x IN c REMOVE x IN c ;; RETURN LENGTH(c) => [0]
FOR x IN c REMOVE x._key IN c RETURN OLD.n => [1,2,3]
FOR x IN c FILTER x.n > 1 REMOVE x IN c LET k = OLD._key RETURN k => ["b","c"]
REMOVE "zz" IN c => error 1202
REMOVE "a/b" IN c => error 1221
REMOVE "c/a" IN c => error 1221
REMOVE {} IN c => error 1226
REMOVE {_id: "c/a"} IN c => error 1226
REMOVE 1 IN c => error 1227
REMOVE null IN c => error 1227
REMOVE {_key: "a", _rev: "x"} IN c OPTIONS {ignoreRevs: false} => error 1200
REMOVE {_key: "a", _rev: "x"} IN c RETURN OLD.n => [1]
REMOVE {_key: "a", _rev: true} IN c OPTIONS {ignoreRevs: false} => error 1239
FOR i IN 1..2 REMOVE "a" IN c => error 1202
FOR i IN 1..2 REMOVE "a" IN c OPTIONS {ignoreErrors: true} RETURN OLD.n => [1] writes 1 ignored 1
REMOVE "a" => error 1501
REMOVE IN c => error 1501
FOR x IN c REMOVE x IN c ;; FOR x IN c RETURN x => []
FOR x IN c INSERT x IN d REMOVE x IN c ;; FOR x IN d SORT x.n RETURN x.n => [1,2,3]
"#,
    );
}

#[test]
fn upsert() {
    check(
        r#"
UPSERT {n: 1} INSERT {_key: "q"} UPDATE {m: 1} IN c RETURN [OLD.n, NEW.m, NEW._key] => [[1,1,"a"]] writes 1
UPSERT {n: 9} INSERT {_key: "q", n: 9} UPDATE {m: 1} IN c RETURN [OLD, NEW] => [[null,{"_key":"q","_id":"c/q","n":9}]] writes 1
UPSERT {n: 1} INSERT {_key: "q"} REPLACE {m: 1} IN c RETURN NEW => [{"_key":"a","_id":"c/a","m":1}]
UPSERT {nope: null} INSERT {_key: "q"} UPDATE {m: 1} IN c RETURN NEW._key => ["a"]
UPSERT {} INSERT {_key: "q"} UPDATE {m: 1} IN c RETURN NEW._key => ["a"]
UPSERT {o: {p: 1}} INSERT {} UPDATE {m: 1} IN nested RETURN NEW.m => [1]
UPSERT {o: {q: {r: 2}, p: 1}} INSERT {} UPDATE {m: 1} IN nested RETURN NEW.m => [1]
UPSERT {o: {q: {r: 3}}} INSERT {_key: "new"} UPDATE {m: 1} IN nested RETURN NEW._key => ["new"]
UPSERT {l: [1, {m: null}]} INSERT {_key: "new"} UPDATE {m: 1} IN nested RETURN NEW._key => ["x"]
UPSERT @s INSERT {_key: "q"} UPDATE {m: 1} IN c RETURN NEW._key <- {"s": {"n": 2}} => ["b"]
UPSERT {n: @n} INSERT {_key: "q"} UPDATE {m: 1} IN c RETURN NEW._key <- {"n": 2} => ["b"]
UPSERT {@k: 2} INSERT {_key: "q"} UPDATE {m: 1} IN c RETURN NEW._key <- {"k": "n"} => ["b"]
UPSERT @s INSERT {} UPDATE {} IN c <- {"s": 1} => error 1501
UPSERT {["n"]: 1} INSERT {} UPDATE {} IN c => error 1501
UPSERT "a" INSERT {} UPDATE {} IN c => error 1501
UPSERT 1 INSERT {} UPDATE {} IN c => error 1501
LET s = {n: 1} UPSERT s INSERT {} UPDATE {} IN c => error 1501
UPSERT MERGE({}, {n: 1}) INSERT {} UPDATE {} IN c => error 1501
UPSERT {n: 1} UPDATE {} INSERT {} IN c => error 1501
UPSERT {n: 1} INSERT {} IN c => error 1501
UPSERT {n: 1} INSERT {} DELETE {} IN c => error 1501
UPSERT {n: 1} INSERT 5 UPDATE {} IN c RETURN NEW.n => [1]
UPSERT {n: 9} INSERT 5 UPDATE {} IN c => error 1227
UPSERT {n: 1} INSERT {} UPDATE 5 IN c => error 1227
UPSERT {n: 9} INSERT {_key: "a"} UPDATE {} IN c => error 1210
UPSERT {n: 9} INSERT {_key: "a"} UPDATE {} IN c OPTIONS {ignoreErrors: true} RETURN 1 => [] writes 0 ignored 1
FOR i IN [7, 7, 8] UPSERT {k: i} INSERT {k: i, hits: 1} UPDATE {hits: OLD.hits + 1} IN d RETURN NEW.hits => [1,2,1] writes 3
FOR i IN [7, 7] UPSERT {k: i} INSERT {k: i, hits: 1} UPDATE {hits: OLD.hits + 1} IN d ;; FOR x IN d RETURN [x.k, x.hits] => [[7,2]]
FOR i IN 1..2 UPSERT {n: i} INSERT {} UPDATE {m: i} IN c RETURN [OLD.n, NEW.m] => [[1,1],[2,2]]
FOR i IN 3..4 UPSERT {n: i} INSERT {_key: "q", n: i} UPDATE {m: i} IN c RETURN {was: OLD ? OLD._key : null, is: NEW._key} => [{"was":"c","is":"c"},{"was":null,"is":"q"}]
UPSERT {_key: "a"} INSERT {} UPDATE {n: null} IN c OPTIONS {keepNull: false} RETURN NEW => [{"_key":"a","_id":"c/a"}]
UPSERT {_key: "x"} INSERT {} UPDATE {o: {s: 1}} IN nested OPTIONS {mergeObjects: false} RETURN NEW.o => [{"s":1}]
UPSERT {_key: "x"} INSERT {} UPDATE {o: {s: 1}} IN nested RETURN NEW.o => [{"p":1,"q":{"r":2},"s":1}]
UPSERT {_key: "a"} INSERT {} UPDATE {_key: "zz", m: 1} IN c RETURN NEW._key => ["a"]
UPSERT FILTER CURRENT.n > 1 INSERT {} UPDATE {m: 1} IN c RETURN NEW._key => ["b"]
UPSERT FILTER CURRENT.n > 5 INSERT {_key: "q"} UPDATE {m: 1} IN c RETURN NEW._key => ["q"]
FOR i IN [2, 3] UPSERT FILTER CURRENT.n == i AND CURRENT._key != "zz" INSERT {} UPDATE {m: i} IN c RETURN NEW.m => [2,3]
UPSERT FILTER true INSERT {} UPDATE {m: 1} IN c RETURN NEW._key => ["a"]
UPSERT FILTER false INSERT {_key: "q"} UPDATE {m: 1} IN c RETURN NEW._key => ["q"]
UPSERT FILTER CURRENT.n == 1 INSERT {n: CURRENT.n} UPDATE {} IN c => error 1203
UPSERT {n: 1} INSERT {} UPDATE {} IN c OPTIONS {indexHint: "i", forceIndexHint: false, disableIndex: true, useCache: false, readOwnWrites: true} RETURN NEW.n => [1]
UPSERT {n: 1} INSERT {} UPDATE {} IN c OPTIONS {nope: 1} RETURN NEW.n => [1] warns 10
FOR i IN 1..2 UPSERT {k: 1} INSERT {k: 1} UPDATE {m: 1} IN d OPTIONS {readOwnWrites: false} ;; RETURN LENGTH(d) => [2]
UPSERT {_from: "c/a", _to: "c/b"} INSERT {_from: "c/a", _to: "c/b"} UPDATE {w: OLD.w + 1} IN e RETURN NEW.w => [2]
UPSERT {_from: "c/b", _to: "c/c"} INSERT {_from: "c/b", _to: "c/c", w: 1} UPDATE {w: OLD.w + 1} IN e RETURN NEW.w => [1]
UPSERT {_from: "c/b"} INSERT {w: 1} UPDATE {} IN e => error 1233
"#,
    );
}

#[test]
fn ignored_errors() {
    check(
        r#"
FOR k IN ["a", "q", "b"] INSERT {_key: k} INTO c OPTIONS {ignoreErrors: true} RETURN NEW._key => ["q"] writes 1 ignored 2
FOR k IN ["a", "q", "b"] UPDATE k WITH {m: 1} IN c OPTIONS {ignoreErrors: true} RETURN NEW._key => ["a","b"] writes 2 ignored 1
FOR k IN ["a", "q", "a/b", 1, {}] REMOVE k IN c OPTIONS {ignoreErrors: true} RETURN OLD._key => ["a"] writes 1 ignored 4
FOR k IN ["a", 5] REPLACE k WITH {m: 1} IN c OPTIONS {ignoreErrors: true} RETURN NEW._key => ["a"] writes 1 ignored 1
FOR x IN [{}, 5, {_key: "a/b"}] INSERT x INTO d OPTIONS {ignoreErrors: true} => [] writes 1 ignored 2
FOR x IN [{_from: "c/a"}] INSERT x INTO e OPTIONS {ignoreErrors: true} => [] writes 0 ignored 1
UPDATE {_key: "a", _rev: "x"} WITH {} IN c OPTIONS {ignoreErrors: true, ignoreRevs: false} RETURN 1 => [] writes 0 ignored 1
INSERT FAIL("x") INTO d OPTIONS {ignoreErrors: true} => error 1569
FOR k IN ["a", "q"] REMOVE k IN c OPTIONS {ignoreErrors: false} => error 1202
"#,
    );
}

#[test]
fn all_or_nothing() {
    check(
        r#"
LET x = (FOR i IN 1..3 INSERT {} INTO d RETURN 1) FILTER FAIL("late") RETURN x => error 1569
FOR i IN 1..2 INSERT {_key: CONCAT("k", i)} INTO d LET x = i == 2 ? FAIL("late") : 1 RETURN x => error 1569
"#,
    );
}

#[test]
fn nothing_reads_what_was_modified() {
    check(
        r#"
FOR x IN c REMOVE x IN c => [] writes 3
FOR x IN c REMOVE x IN c FOR y IN c RETURN y => error 1579 1:35 "'c'"
INSERT {} INTO c FOR y IN c RETURN y => error 1579
INSERT {} INTO c RETURN LENGTH(c) => error 1579
INSERT {} INTO c RETURN COLLECTION_COUNT(c) => error 1579
INSERT {} INTO c RETURN COLLECTION_COUNT(d) => error 1579
INSERT {} INTO c RETURN DOCUMENT("d/x") => error 1579 "DOCUMENT"
INSERT {} INTO c RETURN COLLECTIONS() => error 1579
INSERT {} INTO c RETURN (FOR y IN c RETURN y) => error 1579
INSERT {} INTO c LET z = (FOR y IN c RETURN y) RETURN z => error 1579
INSERT {} INTO c FOR v IN OUTBOUND "c/a" e RETURN v => error 1579
INSERT {} INTO d FOR v IN OUTBOUND SHORTEST_PATH "c/a" TO "c/b" e RETURN v => error 1579
INSERT {} INTO c INSERT {} INTO c => error 1579
INSERT {} INTO c UPDATE "a" WITH {} IN c => error 1579
LET x = (INSERT {} INTO c) FOR y IN c RETURN y => error 1579
LET x = (INSERT {} INTO c) REMOVE "a" IN c => error 1579
LET x = (INSERT {} INTO c) RETURN LENGTH(c) => error 1579
FOR x IN c LET y = (REMOVE x IN c) RETURN 1 => error 1579
FOR x IN c LET y = (INSERT {} INTO d) RETURN 1 => [1,1,1] writes 3
FOR x IN c LET y = (INSERT {} INTO d) LET z = (FOR w IN d RETURN w) RETURN 1 => error 1579
LET x = LENGTH(c) INSERT {x} INTO c RETURN NEW.x => [3]
LET x = (FOR y IN c RETURN y.n) INSERT {x: SUM(x)} INTO c RETURN NEW.x => [6]
INSERT {} INTO d FOR y IN c SORT y.n RETURN y.n => [1,2,3] writes 1
INSERT {_key: "q"} INTO d FOR y IN c SORT y.n UPDATE y WITH {m: NEW._key} IN c RETURN NEW.m => ["q","q","q"] writes 4
FOR x IN c INSERT {} INTO d INSERT {} INTO users => [] writes 6
FOR x IN c UPDATE x WITH {m: LENGTH(c)} IN c RETURN NEW.m => [3,3,3]
FOR x IN c UPDATE x WITH {m: (FOR y IN c RETURN y.n)} IN c RETURN LENGTH(NEW.m) => [3,3,3]
FOR x IN c UPDATE x WITH {m: DOCUMENT(x._id).n} IN c RETURN NEW.m => [1,2,3]
RETURN [(INSERT {} INTO d RETURN 1), (FOR x IN d RETURN 1)] => error 1579
RETURN [(FOR x IN d RETURN 1), (INSERT {} INTO d RETURN 1)] => [[[],[1]]] writes 1
LET a = (INSERT {} INTO d) LET b = (INSERT {} INTO d) RETURN 1 => error 1579
LET a = (INSERT {} INTO d) LET b = (INSERT {} INTO c) RETURN 1 => [1] writes 2
FOR x IN c INSERT {_key: x._key} INTO d REMOVE x IN c RETURN OLD.n => [1,2,3] writes 6
WITH c INSERT {} INTO c => [] writes 1
"#,
    );
}

#[test]
fn rows_go_on_behind_a_modification() {
    check(
        r#"
FOR x IN c UPDATE x WITH {m: x.n % 2} IN c COLLECT m = NEW.m WITH COUNT INTO k RETURN [m, k] => [[0,1],[1,2]] writes 3
FOR x IN c UPDATE x WITH {m: -x.n} IN c SORT NEW.m RETURN NEW.m => [-3,-2,-1] writes 3
FOR x IN c UPDATE x WITH {m: -x.n} IN c FILTER NEW.m < -1 RETURN OLD.n => [2,3] writes 3
FOR x IN c REMOVE x IN c FOR y IN [OLD.n, 0] RETURN y => [1,0,2,0,3,0] writes 3
FOR x IN c REMOVE x IN c RETURN DISTINCT OLD.n > 1 => [false,true] writes 3
FOR x IN c REMOVE x IN c COLLECT AGGREGATE s = SUM(OLD.n) RETURN s => [6] writes 3
FOR x IN c REMOVE x IN c COLLECT k = OLD.n RETURN NEW => error 1203
FOR x IN c REMOVE x IN c LET y = OLD.n * 2 FILTER y > 2 LIMIT 1 RETURN y => [4] writes 3
LET x = (INSERT {} INTO d) FILTER false RETURN 1 => [] writes 1
FILTER false LET x = (INSERT {} INTO d) RETURN 1 => [] writes 0
FOR x IN c REMOVE x IN c FILTER false RETURN 1 => [] writes 3
FOR x IN c REMOVE x IN c FOR y IN [] RETURN y => [] writes 3
FOR x IN c FILTER false REMOVE x IN c => [] writes 0
LET x = FAIL("no") FILTER false RETURN 1 => error 1569
LET x = 1 / 0 FILTER false RETURN x => [] warns 1562
RETURN false && (INSERT {} INTO d RETURN 1) => [false] writes 0
RETURN true && (INSERT {} INTO d RETURN 1) => [[1]] writes 1
FOR i IN 1..3 RETURN i > 1 ? (INSERT {} INTO d RETURN i) : 0 => [0,[2],[3]] writes 2
FOR i IN 1..3 LET unused = (INSERT {_key: CONCAT("k", i)} INTO d) RETURN i => [1,2,3] writes 3
FOR i IN [] LET unused = (INSERT {} INTO d) RETURN i => [] writes 0
LET a = (FOR x IN c UPDATE x WITH {m: 1} IN c RETURN NEW.n) RETURN SUM(a) => [6] writes 3
FOR i IN 1..3 INSERT {_key: CONCAT("k", i)} INTO d RETURN LENGTH(NEW._rev) > 0 => [true,true,true]
FOR x IN c REPLACE x WITH {n: x.n, k: x._key} IN c RETURN NEW => [{"_key":"a","_id":"c/a","n":1,"k":"a"},{"_key":"b","_id":"c/b","n":2,"k":"b"},{"_key":"c","_id":"c/c","n":3,"k":"c"}]
FOR x IN c SORT x.n DESC LIMIT 1 REMOVE x IN c RETURN OLD.n => [3] writes 1
FOR x IN c FOR y IN 1..2 INSERT {_key: CONCAT(x._key, y)} INTO d => [] writes 6
INSERT {_key: "q"} INTO d RETURN {new: NEW._key, n: LENGTH("q")} => [{"new":"q","n":1}]
INSERT {_key: "q"} INTO d RETURN DOCUMENT("c/a") => error 1579
UPDATE "a" WITH {n: NULL} IN c OPTIONS {keepNull: false} RETURN [OLD.n, HAS(NEW, "n")] => [[1,false]]
UPDATE {_key: "a", _id: "d/zz"} WITH {m: 1} IN c RETURN NEW._id => ["c/a"]
REMOVE {_key: "a", _id: "d/a"} IN c RETURN OLD._id => ["c/a"]
"#,
    );
}
