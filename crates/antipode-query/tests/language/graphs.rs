//! The forms of FOR over a graph; what they find is tested with the graphs.

use crate::check;

#[test]
fn forms() {
    check(
        r#"
FOR v IN OUTBOUND "c/a" e RETURN v._key => ["b"]
FOR v, x IN OUTBOUND "c/a" e RETURN [v._key, x.w] => [["b",1]]
FOR v, x, p IN OUTBOUND "c/a" e RETURN [LENGTH(p.vertices), LENGTH(p.edges)] => [[2,1]]
FOR v IN 1 OUTBOUND "c/a" e RETURN v._key => ["b"]
FOR v IN 0..1 OUTBOUND "c/a" e RETURN v._key => ["a","b"]
FOR v, x IN 0 OUTBOUND "c/a" e RETURN [v._key, x] => [["a",null]]
FOR v IN INBOUND "c/b" e RETURN v._key => ["a"]
FOR v IN ANY "c/b" e RETURN v._key => ["a"]
FOR v IN any "c/b" OUTBOUND e RETURN v._key => []
FOR v IN OUTBOUND "c/b" ANY e RETURN v._key => ["a"]
FOR v IN OUTBOUND "c/a" e, e RETURN v._key => ["b"]
FOR v IN OUTBOUND "c/a" e, INBOUND e RETURN v => error 1218
FOR v IN OUTBOUND "c/a" c RETURN v => error 1218
FOR v IN OUTBOUND "c/a" nope RETURN v => error 1203
FOR v IN OUTBOUND "c/a" @@x RETURN v <- {"@x": "c"} => error 1218
FOR v IN OUTBOUND "c/a" @x RETURN v._key <- {"x": "e"} => ["b"]
FOR v IN OUTBOUND {_id: "c/a"} e RETURN v._key => ["b"]
FOR d IN c SORT d.n FOR v IN OUTBOUND d e RETURN v._key => ["b"]
FOR d IN c SORT d.n FOR v IN OUTBOUND d._id e RETURN [d._key, v._key] => [["a","b"]]
FOR v IN OUTBOUND 5 e RETURN v => [] warns 10
FOR v IN OUTBOUND null e RETURN v => [] warns 10
FOR v IN OUTBOUND "c/zz" e RETURN v => []
FOR v IN 2..1 OUTBOUND "c/a" e RETURN v => error 1501
FOR v IN -1 OUTBOUND "c/a" e RETURN v => error 1501
FOR v IN "x" OUTBOUND "c/a" e RETURN v => error 1501
FOR i IN 1..2 FOR v IN i OUTBOUND "c/a" e RETURN v => error 1501
FOR v IN OUTBOUND "c/a" RETURN v => error 1501
FOR v IN OUTBOUND e RETURN v => error 1501
FOR v IN OUTBOUND "c/a" GRAPH RETURN v => error 1501
FOR v IN OUTBOUND "c/a" GRAPH "nope" RETURN v => error 1924 1:31
FOR v IN OUTBOUND "c/a" GRAPH nope RETURN v => error 1924 1:31
FOR v IN OUTBOUND "c/a" GRAPH @g RETURN v <- {"g": "nope"} => error 1924
FOR v IN OUTBOUND "c/a" GRAPH @g RETURN v <- {"g": 1} => error 1553
FOR v IN OUTBOUND "c/a" e PRUNE true RETURN v._key => []
FOR v, x IN OUTBOUND "c/a" e PRUNE x.w == 1 RETURN v._key => ["b"]
FOR v IN 0..1 OUTBOUND "c/a" e PRUNE v._key == "a" RETURN v._key => ["a"]
FOR v IN 0..1 OUTBOUND "c/a" e PRUNE stop = v._key == "a" RETURN [v._key, stop] => [["a",true]]
FOR v IN OUTBOUND "c/a" e PRUNE (RETURN 1) RETURN v => error 1501
FOR v IN OUTBOUND "c/a" e PRUNE DOCUMENT("c/a") RETURN v => error 1501
FOR v IN OUTBOUND "c/a" e PRUNE true PRUNE true RETURN v => error 1501
FOR v IN OUTBOUND "c/a" e OPTIONS {} PRUNE true RETURN v => error 1501
FOR v IN OUTBOUND "c/a" e CUT true RETURN v => error 1501 "unexpected qualifier 'CUT'"
FOR v IN OUTBOUND "c/a" e OPTIONS {uniqueVertices: "global"} RETURN v => error 10
FOR v IN OUTBOUND "c/a" e OPTIONS {uniqueVertices: "global", bfs: true} RETURN v._key => ["b"]
FOR v IN OUTBOUND "c/a" e OPTIONS {uniqueEdges: "global"} RETURN v => error 10
FOR v IN OUTBOUND "c/a" e OPTIONS {order: "bfs", bfs: false} RETURN v => error 10
FOR v IN OUTBOUND "c/a" e OPTIONS {nope: 1} RETURN v._key => ["b"] warns 10
FOR v IN OUTBOUND "c/a" e OPTIONS {order: "weighted", weightAttribute: "w", defaultWeight: -1} RETURN v => error 1948
FOR v IN OUTBOUND SHORTEST_PATH "c/a" TO "c/b" e RETURN v._key => ["a","b"]
FOR v, x IN OUTBOUND SHORTEST_PATH "c/a" TO "c/b" e RETURN x.w => [null,1]
FOR v IN OUTBOUND SHORTEST_PATH "c/a" TO "c/a" e RETURN v._key => ["a"]
FOR v IN OUTBOUND SHORTEST_PATH "c/b" TO "c/a" e RETURN v => []
FOR v, x, p IN OUTBOUND SHORTEST_PATH "c/a" TO "c/b" e RETURN v => error 1501
FOR v IN 1..2 OUTBOUND SHORTEST_PATH "c/a" TO "c/b" e RETURN v => error 1501
FOR v IN OUTBOUND SHORTEST_PATH "c/a" "c/b" e RETURN v => error 1501 "TO"
FOR v IN OUTBOUND SHORTEST_PATH "c/a" FROM "c/b" e RETURN v => error 1501 "unexpected qualifier 'FROM', expecting 'TO'"
FOR v IN SHORTEST_PATH "c/a" TO "c/b" e RETURN v => error 1501
FOR v IN OUTBOUND SHORTEST_PATH "c/a" TO "c/b" e PRUNE true RETURN v => error 1501
FOR p IN OUTBOUND K_SHORTEST_PATHS "c/a" TO "c/b" e RETURN p.weight => [1]
FOR p, x IN OUTBOUND K_SHORTEST_PATHS "c/a" TO "c/b" e RETURN p => error 1501
FOR p IN OUTBOUND ALL_SHORTEST_PATHS "c/a" TO "c/b" e RETURN LENGTH(p.edges) => [1]
FOR p IN 1..2 OUTBOUND K_PATHS "c/a" TO "c/b" e RETURN LENGTH(p.edges) => [1]
FOR p IN OUTBOUND K_PATHS "c/a" TO "c/b" e RETURN LENGTH(p.edges) => [1]
FOR p IN 1..2 OUTBOUND K_SHORTEST_PATHS "c/a" TO "c/b" e RETURN p => error 1501
WITH c FOR v IN OUTBOUND "c/a" e RETURN v._key => ["b"]
LET depth = 1 FOR v IN depth OUTBOUND "c/a" e RETURN v._key => ["b"]
"#,
    );
}
