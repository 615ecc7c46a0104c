//! Generated queries against what must hold of any query, whatever its answer is:
//!
//! - **plan difference**: with all rules of the optimizer, with each switched off, with none, with indexes and without, and
//!   pulled row by row, the rows, errors and writes are the same;
//! - **partitions** (after Rigger and Su, *Finding bugs in database systems via query partitioning*, 2020): the rows of
//!   a query are those for which a condition holds and those for which it does not; the same for its null and its other
//!   values, for DISTINCT, and for aggregates;
//! - **the condition as a value** (after *Detecting optimization bugs in database engines via non-optimizing reference
//!   engine construction*, 2020): as many rows pass an optimised filter as an unoptimised projection calls true.
//!
//! A failure shows the smallest case that was found. `ANTIPODE_SEED=n` runs one seed, `ANTIPODE_GENERATED_QUERIES` sets
//! their number: 20,000 take about a minute of one core.

#[path = "../../antipode-c8ql/tests/support/mod.rs"]
mod c8ql;
#[path = "support/generate.rs"]
mod generate;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/run.rs"]
mod run;

use std::collections::BTreeMap;
use std::sync::Mutex;

use antipode_query::{Catalog, Environment, Limits, compile, execute, rule_names};
use antipode_value::Value;
use c8ql::fuzz;
use c8ql::random::Random;
use generate::Case;
use memory::Database;
use run::{deadline_after, options};

/// Rows, or the number of the error.
type Answer = Result<Vec<Value>, u32>;

fn limits() -> Limits {
    Limits {
        memory_bytes: 64 << 20,
        ..Limits::default()
    }
}

/// The rows in the order in which they come, pulled so many at a time; then what the query has written is committed.
fn run(
    database: &mut Database,
    text: &str,
    binds: &Value,
    rules: &[&str],
    wanted: usize,
) -> Answer {
    let transaction = database.begin();
    let mut all = Vec::new();
    {
        let plan =
            compile(text, binds, &transaction, &options(rules)).map_err(|error| error.code())?;
        let environment = Environment::default();
        let mut rows = execute(
            &plan,
            &transaction,
            &environment,
            limits(),
            deadline_after(2_000),
        )
        .map_err(|error| error.code())?;
        while let Some(batch) = rows.next_batch(wanted).map_err(|error| error.code())? {
            all.extend(batch);
        }
    }
    database.commit(transaction);
    Ok(all)
}

fn sorted(answer: Answer) -> Answer {
    answer.map(|mut rows| {
        rows.sort();
        rows
    })
}

/// The documents of a database, but for what differs from run to run.
fn state(database: &Database) -> Vec<Value> {
    let transaction = database.begin();
    let collections = Catalog::collections(&transaction).expect("collections");
    let mut all = Vec::new();
    for collection in collections {
        let text = format!("FOR x IN {} RETURN UNSET(x, \"_rev\")", collection.name);
        all.extend(run(&mut database.clone(), &text, &Value::Null, &[], 1000).expect("a scan"));
    }
    all
}

/// Run-time errors that a plan may avoid, by not making rows or values that nobody needs or by being quicker.
fn avoidable(code: u32) -> bool {
    [10, 32, 1500].contains(&code) || (1540..=1599).contains(&code)
}

/// How two answers differ; none if they agree.
fn difference(what: &str, reference: &Answer, other: &Answer) -> Option<String> {
    let agree = match (reference, other) {
        (Err(left), Err(right)) => left == right || (avoidable(*left) && avoidable(*right)),
        (Err(code), Ok(_)) | (Ok(_), Err(code)) => avoidable(*code),
        (left, right) => left == right,
    };
    (!agree).then(|| format!("{what}:\n    {}\n    {}", show(reference), show(other)))
}

fn show(answer: &Answer) -> String {
    match answer {
        Err(code) => format!("error {code}"),
        Ok(rows) => format!(
            "{} rows: {}",
            rows.len(),
            Value::array(rows.iter().cloned()).to_json()
        ),
    }
}

// -- plan difference ----------------------------------------------------------------------------

fn check_plans(seed: u64, case: &Case) -> Option<String> {
    let end = match case.modifies {
        true => String::new(),
        false => format!("RETURN {}", case.returned),
    };
    let text = case.text(&end);
    let binds = &case.bind_values(&text, false);
    let plain = case.database(false);
    let indexed = case.database(true);
    let with = |database: &Database, rules: &[&str]| {
        let mut database = database.clone();
        let answer = sorted(run(&mut database, &text, binds, rules, 1000));
        let after = match case.modifies {
            true => state(&database),
            false => Vec::new(),
        };
        (answer, after)
    };
    let (reference, after) = with(&plain, &["-all"]);
    let mut random = Random::new(seed);
    let off: Vec<String> = rule_names().map(|rule| format!("-{rule}")).collect();
    let mut variants: Vec<(&Database, &str)> =
        vec![(&plain, "+all"), (&indexed, "+all"), (&indexed, "-all")];
    for _ in 0..3 {
        variants.push((&indexed, random.pick(&off).as_str()));
    }
    variants.push((&plain, random.pick(&off).as_str()));
    for (database, rules) in variants {
        let (answer, state) = with(database, &[rules]);
        let which = if std::ptr::eq(database, &indexed) {
            "with indexes"
        } else {
            "without indexes"
        };
        let found = difference(&format!("{which}, {rules}"), &reference, &answer);
        if found.is_some() {
            return found;
        }
        if reference.is_ok() && answer.is_ok() && state != after {
            return Some(format!(
                "{which}, {rules}: documents\n    {}\n    {}",
                show(&Ok(after)),
                show(&Ok(state))
            ));
        }
    }
    let whole = run(&mut indexed.clone(), &text, binds, &[], 1000);
    let by_one = run(&mut indexed.clone(), &text, binds, &[], 1);
    difference("row by row", &whole, &by_one)
}

// -- partitions ---------------------------------------------------------------------------------

fn check_partitions(case: &Case) -> Option<String> {
    if case.modifies {
        return None;
    }
    let mut database = case.database(true);
    let mut ask = |end: String, rules: &[&str]| {
        let text = case.text(&end);
        sorted(run(
            &mut database,
            &text,
            &case.bind_values(&text, false),
            rules,
            1000,
        ))
    };
    let (returned, condition, number) = (&case.returned, &case.condition, &case.number);
    let whole = ask(format!("RETURN {returned}"), &[]);
    let verdicts = ask(format!("RETURN ({condition}) ? 1 : 0"), &["-all"]);
    let (Ok(whole), Ok(verdicts)) = (&whole, &verdicts) else {
        return None;
    };
    let passed = ask(format!("FILTER {condition} RETURN {returned}"), &[]);
    let failed = ask(format!("FILTER NOT ({condition}) RETURN {returned}"), &[]);
    let count = verdicts.iter().filter(|verdict| verdict.truthy()).count();
    match &passed {
        Ok(rows) if rows.len() == count => {}
        other => {
            return Some(format!(
                "the condition holds for {count} rows, as a filter: {}",
                show(other)
            ));
        }
    }
    let union = |parts: &[&Answer]| -> Answer {
        let mut all = Vec::new();
        for part in parts {
            all.extend((*part).clone()?);
        }
        sorted(Ok(all))
    };
    let whole = Ok(whole.clone());
    let two = union(&[&passed, &failed]);
    let nulls = ask(
        format!("FILTER ({condition}) == null RETURN {returned}"),
        &[],
    );
    let truthy = ask(
        format!("FILTER ({condition}) != null AND ({condition}) RETURN {returned}"),
        &[],
    );
    let falsy = ask(
        format!("FILTER ({condition}) != null AND NOT ({condition}) RETURN {returned}"),
        &[],
    );
    let three = union(&[&nulls, &truthy, &falsy]);
    if let Some(found) = difference("two partitions", &whole, &two)
        .or_else(|| difference("three partitions", &whole, &three))
    {
        return Some(found);
    }
    // DISTINCT: the parts together, each value once.
    let distinct = ask(format!("RETURN DISTINCT {returned}"), &[]);
    let mut parts = union(&[
        &ask(
            format!("FILTER {condition} RETURN DISTINCT {returned}"),
            &[],
        ),
        &ask(
            format!("FILTER NOT ({condition}) RETURN DISTINCT {returned}"),
            &[],
        ),
    ]);
    if let Ok(rows) = &mut parts {
        rows.dedup();
    }
    if let Some(found) = difference("DISTINCT of partitions", &distinct, &parts) {
        return Some(found);
    }
    // Aggregates: those of the parts, put together.
    let aggregate = format!(
        "COLLECT AGGREGATE n = COUNT(1), s = SUM({number}), l = MIN({number}), h = MAX({number}) RETURN [n, s, l, h]"
    );
    let (all, one, other) = (
        ask(aggregate.clone(), &[]).ok()?,
        ask(format!("FILTER {condition} {aggregate}"), &[]).ok()?,
        ask(format!("FILTER NOT ({condition}) {aggregate}"), &[]).ok()?,
    );
    let part = |rows: &[Value], place: usize| {
        rows.first()
            .and_then(|row| row.as_array()?.get(place))
            .unwrap_or_default()
    };
    let together = [
        Value::Int(part(&one, 0).to_int() + part(&other, 0).to_int()),
        Value::Int(part(&one, 1).to_int() + part(&other, 1).to_int()),
        least(part(&one, 2), part(&other, 2)),
        part(&one, 3).max(part(&other, 3)),
    ];
    let expected = [
        part(&all, 0),
        Value::Int(part(&all, 1).to_int()),
        part(&all, 2),
        part(&all, 3),
    ];
    difference(
        "aggregates of partitions",
        &Ok(expected.to_vec()),
        &Ok(together.to_vec()),
    )
}

/// MIN leaves null out.
fn least(left: Value, right: Value) -> Value {
    match (left.is_null(), right.is_null()) {
        (true, _) => right,
        (_, true) => left,
        _ => left.min(right),
    }
}

// -- the run ------------------------------------------------------------------------------------

fn check(seed: u64, case: &Case) -> Option<String> {
    check_plans(seed, case).or_else(|| check_partitions(case))
}

/// A smaller case with a finding: documents, indexes and operations are left out for as long as that goes on well.
fn minimise(seed: u64, case: &Case) -> Case {
    let fails = |case: &Case| {
        std::panic::catch_unwind(|| check(seed, case)).map_or(true, |found| found.is_some())
    };
    let mut case = case.clone();
    loop {
        let mut shorter = Vec::new();
        for place in 0..case.operations.len() {
            let mut less = case.clone();
            less.operations.remove(place);
            shorter.push(less);
        }
        for place in 0..case.indexes.len() {
            let mut less = case.clone();
            less.indexes.remove(place);
            shorter.push(less);
        }
        for place in 0..case.documents.len() {
            let mut less = case.clone();
            less.documents.remove(place);
            shorter.push(less);
        }
        match shorter.into_iter().find(|less| fails(less)) {
            Some(less) => case = less,
            None => return case,
        }
    }
}

/// What a run of seeds has reached.
#[derive(Default)]
struct Reached {
    /// Queries whose plan each rule changed.
    rules: BTreeMap<&'static str, u64>,
    errors: BTreeMap<u32, u64>,
    with_rows: u64,
}

fn note(case: &Case, reached: &Mutex<Reached>) {
    let mut database = case.database(true);
    let text = match case.modifies {
        true => case.text(""),
        false => case.text(&format!("RETURN {}", case.returned)),
    };
    let binds = case.bind_values(&text, false);
    let plan = compile(&text, &binds, &database, &options(&[]));
    let answer = run(&mut database, &text, &binds, &[], 1000);
    let mut reached = reached.lock().expect("no panic while it is held");
    if let Ok(plan) = plan {
        for rule in plan.rules {
            *reached.rules.entry(rule).or_default() += 1;
        }
    }
    match answer {
        Ok(rows) => reached.with_rows += u64::from(!rows.is_empty()),
        Err(code) => *reached.errors.entry(code).or_default() += 1,
    }
}

/// Shows the case of `ANTIPODE_SEED`, for one that hangs.
#[test]
fn a_case_is_the_same_each_time() {
    let seed = fuzz::setting("ANTIPODE_SEED").unwrap_or(7);
    let case = generate::case(seed);
    println!("{}", case.text(&format!("RETURN {}", case.returned)));
    assert_eq!(format!("{case:?}"), format!("{:?}", generate::case(seed)));
}

#[test]
fn generated_queries_keep_what_must_hold() {
    let queries = fuzz::setting("ANTIPODE_GENERATED_QUERIES").unwrap_or(20_000);
    let reached = Mutex::new(Reached::default());
    let one = |seed: u64| {
        let case = generate::case(seed);
        if let Some(found) = check(seed, &case) {
            panic!("{found}");
        }
        note(&case, &reached);
    };
    fuzz::run_seeds(queries, one, |seed| {
        let case = minimise(seed, &generate::case(seed));
        let found = std::panic::catch_unwind(|| check(seed, &case));
        format!(
            "{case:#?}\n{}\n{}",
            case.text(&format!("RETURN {}", case.returned)),
            found.ok().flatten().unwrap_or_else(|| "a panic".into())
        )
    });
    if fuzz::setting("ANTIPODE_SEED").is_some() {
        return;
    }
    let reached = reached.into_inner().expect("no panic while it was held");
    println!(
        "{} with rows, errors {:?}, rules {:?}",
        reached.with_rows, reached.errors, reached.rules
    );
    // A test that never reaches a rule proves nothing about it. These two have theirs in `indexes.rs`.
    let elsewhere = ["replace-like-with-range", "use-index-for-collect"];
    for rule in rule_names().filter(|rule| !elsewhere.contains(rule)) {
        let times = reached.rules.get(rule).copied().unwrap_or(0);
        assert!(times >= queries / 4000, "{rule} changed only {times} plans");
    }
    assert!(
        reached.with_rows >= queries / 4,
        "{} queries had rows",
        reached.with_rows
    );
    let failed: u64 = reached.errors.values().sum();
    assert!(failed <= queries / 50, "errors: {:?}", reached.errors);
}
