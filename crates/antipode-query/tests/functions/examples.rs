//! Corners that the functions' documentation leaves out, family by family.

use antipode_value::identical;

use super::{check, check_error, check_warns, run};

#[test]
fn casts_and_checks() {
    check("TO_NUMBER('12x')", "0");
    check("TO_NUMBER(' -1.5e3 ')", "-1500");
    check("TO_NUMBER([1, 2])", "0");
    check("TO_STRING([1, 'a', 2.0])", r#""[1,\"a\",2]""#);
    check("TO_ARRAY({a: 1, b: 2})", "[1,2]");
    check("IS_KEY('')", "false");
    check("IS_KEY(REPEAT('k', 254))", "true");
    check("IS_KEY(REPEAT('k', 255))", "false");
}

#[test]
fn texts() {
    check("CONCAT([1], [2])", r#""[1][2]""#);
    check("CONCAT_SEPARATOR(', ', ['a', null, 'b'])", r#""a, b""#);
    check("CONTAINS('a', '')", "false");
    check("CONTAINS('añb', 'b', true)", "2");
    check("FIND_FIRST('foobarbaz', 'ba', 0, 3)", "-1");
    check("FIND_FIRST('foobarbaz', 'ba', -1)", "-1");
    check("FIND_FIRST('foo', '', 2)", "2");
    check("FIND_LAST('foobarbaz', 'ba')", "6");
    check("FIND_LAST('foo', '')", "3");
    check("FIND_LAST('foo', '', 0, 1)", "2");
    check("LEFT('ab', 9)", r#""ab""#);
    check("LEFT('ab', -1)", r#""""#);
    check("RIGHT(123, 2)", r#""23""#);
    check("SUBSTRING('ab', 5)", r#""""#);
    check("SUBSTRING('äöü', 1, 1)", r#""ö""#);
    check("SUBSTRING('abc', -9, 2)", r#""ab""#);
    check_warns("SUBSTRING_BYTES('❤', 1)", "null", &[10]);
    check("SUBSTRING_BYTES('We ❤ it', 3, 3, 2)", r#""e ❤ i""#);
    check("TRIM(' x ', 1)", r#""x ""#);
    check("TRIM(' x ', 2)", r#"" x""#);
    check("SPLIT('a-b-c', '-', 1)", r#"["a"]"#);
    check("SPLIT('a-b', '-', 0)", "[]");
    check("SPLIT('a-b', '-', -1)", "null");
    check_warns("SPLIT('a-b', '-', 'x')", "null", &[1542]);
    check_warns("SPLIT('a-b', {})", "null", &[1542]);
    check("SPLIT('', ',')", r#"[""]"#);
    check("SPLIT('abc', '')", r#"["a","b","c"]"#);
    check("SPLIT('abc')", r#"["abc"]"#);
    check(
        "SUBSTITUTE('the quick fox', 'quick', 'lazy')",
        r#""the lazy fox""#,
    );
    check("SUBSTITUTE('aaa', 'a')", r#""""#);
    check("SUBSTITUTE('aaa', 'a', 'b', 0)", r#""aaa""#);
    check(
        "SPLIT('a,b;c,;', [';', '', ',', '#'])",
        r#"["a","b","c","",""]"#,
    );
    check("SPLIT('xabxab', ['ab', 'a'], 2)", r#"["x","x"]"#);
    check(
        "SUBSTITUTE('aXbaXc', ['X', 'aX', 'q'], ['1', '2', '3'])",
        r#""2b2c""#,
    );
    check("SUBSTITUTE('abab', ['a', 'ab'], ['1', '2'])", r#""1b1b""#);
    check("SUBSTITUTE('aaab', {aa: 'x', ab: 'y'})", r#""xy""#);
    check_warns("SUBSTITUTE('a', 1, 'b')", "null", &[1542]);
    check_warns("SUBSTITUTE('a', {a: 'b'}, 1, 1)", "null", &[1541]);
    check_warns("REVERSE(1)", "null", &[1563]);
    check_warns("REPEAT('a', -1)", "null", &[1542]);
    check_warns("REPEAT('aaaa', 5000000)", "null", &[32]);
    check("REPEAT('', 9000000000000000000)", r#""""#);
    check("REPEAT('', 3, '-')", r#""--""#);
    check_warns("TO_CHAR(-1)", "null", &[1542]);
    check_error("RANDOM_TOKEN(-1)", 1542);
    check_error("CONCAT()", 1541);
    check_error("NO_SUCH_FUNCTION()", 1540);
}

#[test]
fn patterns() {
    check("LIKE('foo bar', 'bar')", "false");
    check("LIKE('FOO', 'f%', true)", "true");
    check("LIKE('a%b', 'a\\\\%b')", "true");
    check("LIKE('axb', 'a\\\\%b')", "false");
    check("LIKE('aXbXc', 'a%X_')", "true");
    check("LIKE('', '%')", "true");
    check("LIKE('a\\nb', 'a%b')", "true");
    check(
        "LIKE(REPEAT('a', 3000), CONCAT(REPEAT('%a', 500), '%b'))",
        "false",
    );
    check_warns("STARTS_WITH(1, 'a')", "null", &[1542]);
    check("STARTS_WITH('abc', ['a', 'ab', 'x'], 3)", "false");
    check("REGEX_TEST('ABC', 'b', true)", "true");
    check_warns("REGEX_TEST('a', '(')", "null", &[1543]);
    check("REGEX_MATCHES('x', 'y')", "null");
    check("REGEX_SPLIT('a1b2', '([0-9])')", r#"["a","1","b","2",""]"#);
    check("REGEX_SPLIT('a,b,c', ',', false, 2)", r#"["a","b"]"#);
    check("REGEX_REPLACE('An Avo', 'a', '_', true)", r#""_n _vo""#);
    check("REGEX_REPLACE('ab', '(a)(b)', '$2$1\\\\$')", r#""ba$""#);
}

#[test]
fn numbers_and_statistics() {
    check("ABS(-9223372036854775808)", "9223372036854776000");
    check("ROUND(2.5)", "3");
    check("SQRT(-1)", "null");
    check("LOG(0)", "null");
    check("RANGE(0, 1, 0.25)", "[0,0.25,0.5,0.75,1]");
    check_warns("RANGE(1, 3, -1)", "null", &[1542]);
    check_error("RANGE(1, 20000000)", 32);
    check("SUM([9223372036854775807, 1])", "9223372036854776000");
    check("SUM([])", "0");
    check_warns("SUM(1)", "null", &[1563]);
    check_warns("AVERAGE(['x'])", "null", &[1563]);
    check_warns("MEDIAN(['x'])", "null", &[1561]);
    check("PERCENTILE([1, 2, 3, 4], 50)", "2");
    check("PERCENTILE([3, 1, 2], 1e-323)", "1");
    check("PERCENTILE([3, 1, 2], 1e-323, 'interpolation')", "null");
    check_warns("PERCENTILE([1, 2], 0)", "null", &[1542]);
    check_warns("PERCENTILE([1, 2], 50, 'other')", "null", &[1542]);
    check("VARIANCE_SAMPLE([1])", "null");
    check("BIT_AND([])", "null");
    check_warns("BIT_AND('x')", "null", &[1542]);
    check_warns("BIT_TEST(1, 32)", "null", &[1542]);
    check("BIT_SHIFT_LEFT(1, 32, 32)", "0");
    check("BIT_NEGATE(0, 32)", "4294967295");
}

#[test]
fn arrays_and_sets() {
    check("APPEND(null, [1, 1], true)", "[1,1]");
    check("APPEND([1, 1], null, true)", "[1,1]");
    check("APPEND([1], 2)", "[1,2]");
    check_warns("APPEND(1, [2])", "null", &[1542]);
    check("PUSH(null, 1)", "[1]");
    check("PUSH([1, 2], 2.0, true)", "[1,2]");
    check("POP([])", "[]");
    check("POP(null)", "null");
    check("UNSHIFT([1], 1, true)", "[1]");
    check_warns("FIRST(1)", "null", &[1563]);
    check("NTH([1, 2], -1)", "null");
    check("SLICE([1, 2, 3], -2)", "[2,3]");
    check("SLICE([1, 2, 3], -9, 2)", "[1,2]");
    check(
        "REMOVE_NTH(['a', 'b', 'c', 'd', 'e', 'f'], -2.2)",
        r#"["a","b","c","e","f"]"#,
    );
    check("REMOVE_NTH([1], 5)", "[1]");
    check("REMOVE_VALUE([1, 2, 1], 1)", "[2]");
    check("REPLACE_NTH(['a', 'b'], -9, 'z')", r#"["z","b"]"#);
    check_error("REPLACE_NTH([1], 3, 9)", 1542);
    check("FLATTEN([1, [2, [3]]], 2)", "[1,2,3]");
    check("MINUS([1, 1, 2], [2.0])", "[1]");
    check("OUTERSECTION([1, 1], [2])", "[2]");
    check_warns("UNION([1], 2)", "null", &[1542]);
    check_warns("UNIQUE(1)", "null", &[1563]);
    check(
        "UNIQUE([[1], [1, null], {a: null}, {}])",
        r#"[[1],{"a":null}]"#,
    );
}

#[test]
fn objects() {
    check_warns("KEEP({a: 1}, null)", "{}", &[1542]);
    check("UNSET({a: 1, b: 2}, ['a', 'b'])", "{}");
    check_warns("MERGE({a: 1}, 2)", "null", &[1542]);
    check("MERGE([])", "{}");
    check_error("MERGE_RECURSIVE({a: 1})", 1541);
    check("MATCHES({a: 1}, {b: null})", "true");
    check_warns("MATCHES({a: 1}, [1, {a: 1}], true)", "1", &[1542]);
    check("TRANSLATE('z', {}, 0)", "0");
    check("TRANSLATE('z', {})", r#""z""#);
    check("ZIP(['a', 'a'], [1, 2])", r#"{"a":1}"#);
    check_warns("ZIP(['a'], [])", "null", &[1542]);
    check_warns("PARSE_IDENTIFIER('a/b/c')", "null", &[1542]);
    check("VALUE({a: 1}, [])", "null");
}

#[test]
fn dates() {
    check("DATE_NOW()", "1700000000000");
    check_warns("DATE_TIMESTAMP(2016, 12, -1)", "null", &[1572]);
    check_warns("DATE_TIMESTAMP(2016, 12)", "null", &[1542]);
    check_warns("DATE_YEAR('soon')", "null", &[1572]);
    check_warns("DATE_YEAR(null)", "null", &[1572]);
    check_warns("DATE_TRUNC('2024-02-29T10:00:00Z', 'w')", "null", &[1572]);
    check_warns("DATE_ROUND('2024', 1, 'month')", "null", &[1542]);
    check(
        "DATE_TRUNC('2024-02-29T10:00:00Z', 'day', 'America/New_York')",
        r#""2024-02-29T05:00:00.000Z""#,
    );
    check_warns("DATE_TRUNC('2024', 'sweet')", "null", &[1572]);
    check_warns("DATE_TRUNC('2024', 1)", "null", &[1542]);
    check("DATE_FORMAT('2016-03-01', '%xxx%')", r#""061""#);
    check("DATE_FORMAT('2016', '%%l=%l')", r#""%l=1""#);
    check(
        "DATE_FORMAT('2016-03-01', '%MMMM %d, %yyyy (%www)')",
        r#""March 1, 2016 (Tue)""#,
    );
    check(
        "DATE_ADD('2015-04-01', 61, 'months')",
        r#""2020-05-01T00:00:00.000Z""#,
    );
    check(
        "DATE_ADD('2000-01-01', 1.5, 'y')",
        r#""2001-07-01T00:00:00.000Z""#,
    );
    check(
        "DATE_ADD('2000-01-01', 'P1Y2M3DT4H5M6.789S')",
        r#""2001-03-04T04:05:06.789Z""#,
    );
    check(
        "DATE_SUBTRACT('2000-01-01', 'P1W')",
        r#""1999-12-25T00:00:00.000Z""#,
    );
    check_warns("DATE_ADD('2000-01-01', 'P')", "null", &[1572]);
    check_warns("DATE_ADD('2000-01-01', 'one', 'year')", "null", &[1542]);
    check(
        "DATE_ADD('2000-01-01', 'p1y')",
        r#""2001-01-01T00:00:00.000Z""#,
    );
    check("DATE_TIMESTAMP('1970', '01', '02')", "86400000");
    check_warns("DATE_ADD('9999-12-31', 1, 'y')", "null", &[1572]);
    check(
        "DATE_DIFF('2024-01-01', '2024-01-02', 'w', true)",
        "0.14285714285714285",
    );
    check("DATE_DIFF('2024-01-02', '2024-01-01', 'd')", "-1");
    check(
        "DATE_COMPARE('1984-02-29', '1985-02-28', 'years', 'days')",
        "false",
    );
    check_warns(
        "DATE_COMPARE('2024', '2024', 'days', 'years')",
        "null",
        &[1542],
    );
    check(
        "DATE_LOCALTOUTC('2020-10-25T02:30:00', 'Europe/Berlin')",
        r#""2020-10-25T00:30:00.000Z""#,
    );
    check(
        "DATE_UTCTOLOCAL('2020-07-01', 'Europe/Berlin', true).zoneInfo",
        r#"{"name":"CEST","begin":"2020-03-29T01:00:00.000Z","end":"2020-10-25T01:00:00.000Z","dst":true,"offset":7200}"#,
    );
    check_error("DATE_UTCTOLOCAL('2020', 'Nowhere/At_All')", 10);
}

#[test]
fn calls_and_ends() {
    check_error("FAIL('x')", 1569);
    check_error("ASSERT(false, 'bad')", 1593);
    check_warns("WARN(false, 'odd')", "false", &[1594]);
    check_error("CALL('no such')", 1582);
    check_error("CALL('CALL', 'ABS', 1)", 1578);
    check_warns("CALL('ABS')", "null", &[1541]);
    check_warns("APPLY('ABS', 1)", "null", &[1542]);
    check("false && FAIL('x')", "false");
    check("TTL({expireAt: 1700000060})", "60");
    check("TTL({})", "null");
    check_error("KV_GET('nowhere', 'k')", 5210);
    check_error("COLLECTION_COUNT('nowhere')", 1203);
    check("DOCUMENT('nowhere/1')", "null");
    check("DOCUMENT(['nowhere/1', 2])", "[]");
    check("LENGTH(COLLECTIONS())", "3");
    check("LENGTH(UNIQUE(FOR i IN 1..100 RETURN RAND()))", "100");
}

#[test]
fn places() {
    check("ROUND(DISTANCE(52.5163, 13.3777, 50.9322, 6.94))", "476919");
    check_warns("DISTANCE(91, 0, 0, 0)", "null", &[1542]);
    check_warns("DISTANCE('1', 0, 0, 0)", "null", &[1542]);
    // The distance of London and Paris on the ellipsoid, and the area of a degree at the equator, as published by
    // geodesic calculators.
    check(
        "ROUND(GEO_DISTANCE([-0.1278, 51.5074], [2.3522, 48.8566], 'wgs84') / 100)",
        "3439",
    );
    check(
        "ROUND(GEO_AREA(GEO_POLYGON([[0, 0], [1, 0], [1, 1], [0, 1]]), 'wgs84') / 1e6)",
        "12309",
    );
    check(
        "ROUND(GEO_AREA(GEO_POLYGON([[0, 0], [1, 0], [1, 1], [0, 1]])) / 1e6)",
        "12364",
    );
    check(
        "GEO_CONTAINS(GEO_POLYGON([[[0,0],[9,0],[9,9],[0,9],[0,0]],[[3,3],[6,3],[6,6],[3,6],[3,3]]]), [4, 4])",
        "false",
    );
    check(
        "GEO_CONTAINS(GEO_POLYGON([[[0,0],[9,0],[9,9],[0,9],[0,0]],[[3,3],[6,3],[6,6],[3,6],[3,3]]]), GEO_POLYGON([[2,2],[7,2],[7,7],[2,7]]))",
        "false",
    );
    check(
        "GEO_CONTAINS(GEO_POLYGON([[0,0],[9,0],[9,9],[0,9]]), GEO_LINESTRING([[1,1],[8,8]]))",
        "true",
    );
    check(
        "GEO_CONTAINS(GEO_POLYGON([[0,0],[9,0],[9,9],[0,9]]), GEO_LINESTRING([[1,1],[18,8]]))",
        "false",
    );
    check_warns("GEO_CONTAINS([1, 1], [1, 1])", "null", &[1542]);
    check_warns("GEO_DISTANCE('here', [1, 1])", "null", &[1505]);
    check_warns("GEO_POLYGON([[0,0],[4,4],[4,0],[0,3]])", "null", &[1505]);
    check(
        "GEO_EQUALS(GEO_POLYGON([[0,0],[4,0],[4,4]]), GEO_POLYGON([[4,4],[4,0],[0,0]]))",
        "true",
    );
    check(
        "GEO_INTERSECTS(GEO_POLYGON([[0,0],[4,0],[4,4]]), [5, 5])",
        "false",
    );
}

#[test]
fn equal_values_hash_alike() {
    let hash = |expression: &str| run(&format!("HASH({expression})")).map(|(value, _)| value);
    let same = |a: &str, b: &str| match (hash(a), hash(b)) {
        (Ok(a), Ok(b)) => identical(&a, &b),
        _ => false,
    };
    assert!(same("1", "1.0"));
    assert!(same("[1]", "[1, null]"));
    assert!(!same("1", "'1'"));
}
