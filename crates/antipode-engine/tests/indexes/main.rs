//! Secondary indexes against a plain model: documents change at random on two nodes that are cut off from each other and
//! meet again, while indexes are made and dropped. Whenever it is looked, each index that is ready on a node says exactly
//! what a list of the node's documents says, in its order, and the checker finds nothing.
//!
//! A failure names its seed; `SEED=n` runs that one alone, `SEEDS=n` that many.

mod model;
mod pair;

use std::collections::BTreeSet;
use std::ops::Bound;

use antipode_crdt::{Draft, DraftChange, Path};
use antipode_engine::{
    CollectionKind, Deletes, DraftOperation, Expectation, IndexDefinition, OpenTransaction,
    SchemaChange,
};
use antipode_query::index::{IndexInfo, IndexKind, IndexRange, IndexRead, IndexRows};
use antipode_query::{Catalog as _, KeyBounds, Scan, Source as _};
use antipode_value::{Str, Value};

use model::{Documents, Fields, Model};
use pair::Pair;

const FABRIC: &str = "_system";
const COLLECTION: &str = "c";

/// More than one piece of a background build has.
const DOCUMENTS: u64 = 400;

const INDEXES: &[&str] = &[
    r#"{"fields":["a","b"]}"#,
    r#"{"fields":["b"],"sparse":true,"storedValues":["n","t"]}"#,
    r#"{"fields":["t[*]","a"]}"#,
    r#"{"fields":["t[*]","l[*].v"],"sparse":true}"#,
    r#"{"fields":["o.b","n"],"storedValues":["a"]}"#,
    r#"{"fields":["n","_key"]}"#,
    r#"{"fields":["u"],"unique":true,"sparse":true}"#,
    r#"{"type":"fulltext","fields":["w"],"minLength":2}"#,
];

const VALUES: &[&str] = &[
    "null",
    "false",
    "true",
    "0",
    "1",
    "1.0",
    "-2.5",
    "9007199254740993",
    "\"\"",
    "\"a\"",
    "\"A\"",
    "\"ä\"",
    "[]",
    "[1]",
    "[1,null]",
    "{}",
    "{\"b\":1}",
];

const WORDS: &[&str] = &["sea", "seal", "Search", "x", "harbour", "HARP"];

/// A small generator of chance; the same numbers on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one<'v>(&mut self, values: &[&'v str]) -> &'v str {
        values[self.below(values.len() as u64) as usize]
    }

    fn value(&mut self) -> Value {
        json(self.one(VALUES))
    }

    /// A value for an attribute.
    fn attribute(&mut self, name: &str, number: u64) -> Value {
        match name {
            "n" => Value::Int(self.below(5) as i64),
            // No two documents have the same.
            "u" => Value::Int(number as i64),
            "o" => Value::object([("b", self.value())]),
            "t" => Value::array([self.value(), self.value(), self.value()]),
            "l" => Value::array([Value::object([("v", self.value())]), self.value()]),
            "w" => Value::from(format!("{} {}", self.one(WORDS), self.one(WORDS))),
            _ => self.value(),
        }
    }

    fn body(&mut self, number: u64) -> Fields {
        let mut fields = Fields::new();
        for name in NAMES {
            if self.below(3) > 0 {
                fields.insert(name, self.attribute(name, number));
            }
        }
        fields
    }
}

const NAMES: [&str; 8] = ["a", "b", "n", "o", "t", "l", "u", "w"];

fn json(text: &str) -> Value {
    Value::from_json(text).expect("the test's JSON is JSON")
}

/// Two nodes, and what their documents must be.
struct World {
    chance: Chance,
    pair: Pair,
    models: [Model; 2],
    number: u64,
    /// The indexes that were compared.
    compared: BTreeSet<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            chance: Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            pair: Pair::new(seed),
            models: [Model::default(), Model::default()],
            number: 0,
            compared: BTreeSet::new(),
        };
        world.schema(
            0,
            SchemaChange::CreateCollection {
                fabric: FABRIC.to_owned(),
                name: COLLECTION.to_owned(),
                kind: CollectionKind::Document,
                deletes: Deletes::Win,
            },
        );
        // Those that both sides change while they are cut off, and those that one side has for itself.
        for number in 0..DOCUMENTS {
            let key = match number % 4 {
                0 => format!("s{number:03}"),
                side => format!("{}{number:03}", SIDES[(side % 2) as usize]),
            };
            let fields = world.chance.body(number);
            world.write(
                0,
                &key,
                Draft::Insert(model::body(&fields)),
                Write::Whole(fields),
            );
        }
        world.settle();
        world
    }

    fn open(&self, side: usize) -> OpenTransaction {
        let shared = self.pair.shared(side);
        OpenTransaction::begin(&shared, FABRIC, self.pair.wall_ms()).expect("the fabric exists")
    }

    /// Makes a change of the catalog; what makes no sense just now is left.
    fn schema(&mut self, side: usize, change: SchemaChange) {
        let shared = self.pair.shared(side);
        let Ok(transaction) = change.begin(&shared, self.pair.wall_ms()) else {
            return;
        };
        self.pair.commit(side, transaction);
    }

    fn write(&mut self, side: usize, key: &str, draft: Draft, write: Write) {
        let collection = self.open(side).entry(COLLECTION).expect("it exists").id;
        let operation = DraftOperation::Document {
            collection,
            key: Str::from(key),
            draft,
            expect: Expectation::Any,
        };
        let stamp = self.pair.ask(side, vec![operation]);
        let model = &mut self.models[side];
        match write {
            Write::Whole(fields) => model.put(key, fields, stamp),
            Write::Set(fields) => model.set(key, fields, stamp),
            Write::Unset(name) => model.unset(key, name),
            Write::Remove => model.remove(key),
        }
        if self.pair.is_whole() {
            self.models[1 - side] = self.models[side].clone();
        }
    }

    /// Both nodes have everything, and have built what they have to build.
    fn settle(&mut self) {
        self.pair.heal();
        self.pair.run_until_equal();
        let [a, b] = &self.models;
        let merged = Model::merged(a, b);
        self.models = [merged.clone(), merged];
        for side in 0..2 {
            self.pair.run_until("indexes are built", |pair| {
                let shared = pair.shared(side);
                let open = OpenTransaction::begin(&shared, FABRIC, pair.wall_ms());
                let list = open.and_then(|open| open.index_list(COLLECTION));
                list.is_ok_and(|list| list.iter().all(|index| index.ready))
            });
        }
    }

    fn change(&mut self) {
        let side = self.chance.below(2) as usize;
        self.number += 1;
        let number = DOCUMENTS + self.number;
        // Connected, a write must have arrived before the other side writes on.
        if self.pair.is_whole() {
            self.pair.run_until_equal();
        }
        let key = self.key(side);
        let shared = key.starts_with('s');
        let exists = self.models[side].documents.contains_key(&key);
        let whole = self.pair.is_whole() || !shared;
        let fields = self.chance.body(number);
        match (exists, self.chance.below(6)) {
            (false, _) if whole => {
                let body = model::body(&fields);
                self.write(side, &key, Draft::Insert(body), Write::Whole(fields));
            }
            (true, 0) if whole => self.write(side, &key, Draft::Remove, Write::Remove),
            (true, 1) if whole => {
                let body = model::body(&fields);
                self.write(side, &key, Draft::Replace(body), Write::Whole(fields));
            }
            (true, 2) if whole => {
                let name = NAMES[self.chance.below(NAMES.len() as u64) as usize];
                let change = (at(name), DraftChange::Unset);
                self.write(side, &key, Draft::Update(vec![change]), Write::Unset(name));
            }
            (true, _) => {
                let changes = fields
                    .iter()
                    .map(|(name, value)| (at(name), DraftChange::Assign(value.clone())));
                let draft = Draft::Update(changes.collect());
                self.write(side, &key, draft, Write::Set(fields));
            }
            (false, _) => {}
        }
    }

    fn key(&mut self, side: usize) -> String {
        let number = self.chance.below(DOCUMENTS + 40);
        if self.chance.below(3) == 0 {
            return format!("s{:03}", number / 4 * 4);
        }
        let owner = if self.pair.is_whole() {
            self.chance.below(2) as usize
        } else {
            side
        };
        format!("{}{number:03}", SIDES[owner])
    }

    /// Makes an index on one side, or drops one there.
    fn reindex(&mut self) {
        let side = self.chance.below(2) as usize;
        let definition = json(self.chance.one(INDEXES));
        let (fabric, collection) = (FABRIC.to_owned(), COLLECTION.to_owned());
        let change = if self.chance.below(3) > 0 {
            SchemaChange::CreateIndex {
                fabric,
                collection,
                definition,
            }
        } else {
            let (definition, _) = IndexDefinition::read(&definition).expect("it makes sense");
            let index = definition.default_name();
            SchemaChange::DropIndex {
                fabric,
                collection,
                index,
            }
        };
        self.schema(side, change);
    }

    /// Holds a node against its model.
    fn look(&mut self, side: usize) {
        if self.pair.is_whole() {
            self.pair.run_until_equal();
        }
        let open = self.open(side);
        let documents = self.models[side].documents();
        let id = open
            .collection(COLLECTION)
            .expect("a read")
            .expect("it exists")
            .id;
        let shown = all(open.scan(id, &KeyBounds::all()).expect("a scan"));
        let shown = plain(&shown);
        for (found, expected) in shown.iter().zip(&documents) {
            assert_eq!(found, expected, "side {side}");
        }
        assert_eq!(shown.len(), documents.len(), "side {side}");
        let check = open.check_all_indexes(Some(COLLECTION)).expect("a check");
        assert_eq!(check.faults_total, 0, "side {side}: {:?}", check.faults);
        for info in open.indexes(id).expect("a read") {
            self.compared.insert(info.name.clone());
            if let IndexKind::Fulltext { .. } = info.kind {
                for word in ["sea", "harp", "x", "nowhere"] {
                    for prefix in [false, true] {
                        let found = open.fulltext_keys(id, info.id, word, prefix);
                        let expected = model::keys_with_word(&documents, word, prefix);
                        assert_eq!(found.expect("a read"), expected, "side {side}: {word}");
                    }
                }
                continue;
            }
            let entries = model::entries(&info, &documents);
            let mut ranges = vec![IndexRange::all()];
            for _ in 0..4 {
                ranges.push(self.range(&info, &entries));
            }
            for range in ranges {
                let reverse = self.chance.below(2) == 0;
                let rows = match self.chance.below(2) {
                    0 => IndexRows::Documents,
                    _ => IndexRows::Covered,
                };
                let mut expected: Vec<&model::Entry> = entries
                    .iter()
                    .filter(|entry| model::is_inside(&range, &entry.values))
                    .collect();
                if reverse {
                    expected.reverse();
                }
                let read = IndexRead {
                    index: info.id,
                    range,
                    reverse,
                    rows,
                };
                let found = all(open.index_scan(id, &read).expect("a scan"));
                compare(&info, &read, &found, &expected, &documents);
            }
        }
    }

    /// A range about some entry, or about nothing.
    fn range(&mut self, info: &IndexInfo, entries: &[model::Entry]) -> IndexRange {
        let some = match entries.len() {
            0 => vec![Value::Null; info.fields.len()],
            len => entries[self.chance.below(len as u64) as usize]
                .values
                .clone(),
        };
        let depth = self.chance.below(info.fields.len() as u64 + 1) as usize;
        let bound = |world: &mut Self, near: Option<&Value>| {
            let value = match (world.chance.below(2), near) {
                (0, Some(near)) => near.clone(),
                _ => world.chance.value(),
            };
            match world.chance.below(3) {
                0 => Bound::Unbounded,
                1 => Bound::Included(value),
                _ => Bound::Excluded(value),
            }
        };
        let near = some.get(depth);
        let (lower, upper) = if near.is_some() {
            (bound(self, near), bound(self, near))
        } else {
            (Bound::Unbounded, Bound::Unbounded)
        };
        IndexRange {
            prefix: some[..depth].to_vec(),
            lower,
            upper,
        }
    }
}

const SIDES: [&str; 2] = ["x", "y"];

/// What a write makes of a document.
enum Write {
    Whole(Fields),
    Set(Fields),
    Unset(&'static str),
    Remove,
}

fn at(name: &'static str) -> Path {
    Path::new([Str::from_static(name)])
}

fn all(mut scan: Box<dyn Scan + '_>) -> Vec<Value> {
    let mut rows = Vec::new();
    while scan.next_batch(7, &mut rows).expect("a read") {}
    rows
}

/// Documents as the model has them: a key, and attributes as JSON.
fn plain(shown: &[Value]) -> Documents {
    let key = |document: &Value| document.attribute("_key").to_text().to_string();
    shown
        .iter()
        .map(|document| {
            let object = document.as_object().expect("a document is an object");
            let body = object.iter().filter(|(name, _)| !name.starts_with('_'));
            (key(document), Value::object(body))
        })
        .collect()
}

fn compare(
    info: &IndexInfo,
    read: &IndexRead,
    found: &[Value],
    expected: &[&model::Entry],
    documents: &Documents,
) {
    let keys: Vec<String> = found
        .iter()
        .map(|row| row.attribute("_key").to_text().to_string())
        .collect();
    let wanted: Vec<&str> = expected.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, wanted, "{} {read:?}", info.name);
    for (row, key) in found.iter().zip(&keys) {
        let place = documents.binary_search_by(|(of, _)| of.cmp(key));
        let (_, document) = &documents[place.expect("its key was compared")];
        let exact = |path: &[Str]| {
            let (shown, stands) = (model::at(row, path), model::at(document, path));
            assert_eq!(
                shown.to_json(),
                stands.to_json(),
                "{} {key} {path:?}",
                info.name
            );
        };
        match read.rows {
            IndexRows::Documents => NAMES
                .iter()
                .for_each(|name| exact(&[Str::from_static(name)])),
            IndexRows::Covered => info
                .covered
                .iter()
                .filter(|path| path.first().is_some_and(|name| name != "_key"))
                .for_each(|path| exact(path)),
        }
    }
}

fn check(seed: u64) -> BTreeSet<String> {
    let mut world = World::new(seed);
    for _ in 0..4 {
        if world.chance.below(3) > 0 {
            world.pair.cut();
        }
        for _ in 0..30 {
            if world.chance.below(6) == 0 {
                world.reindex();
            }
            world.change();
            if world.chance.below(5) == 0 {
                let side = world.chance.below(2) as usize;
                // A build goes on between the writes.
                world.pair.pass_ms(world.chance.below(3));
                world.look(side);
            }
        }
        world.settle();
        world.look(0);
        world.look(1);
    }
    let lists: Vec<Vec<String>> = (0..2)
        .map(|side| {
            let list = world.open(side).index_list(COLLECTION).expect("a list");
            list.into_iter().map(|index| index.name).collect()
        })
        .collect();
    assert_eq!(lists[0], lists[1], "both have the same indexes");
    world.compared
}

#[test]
fn indexes_say_what_a_list_of_the_documents_says() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    if let Some(seed) = number("SEED") {
        check(seed);
        return;
    }
    let seeds = number("SEEDS");
    let mut compared = BTreeSet::new();
    for seed in 0..seeds.unwrap_or(5) {
        println!("seed {seed}");
        compared.extend(check(seed));
    }
    if seeds.is_some() {
        return;
    }
    let names = INDEXES.iter().map(|definition| {
        let (definition, _) = IndexDefinition::read(&json(definition)).expect("it makes sense");
        definition.default_name()
    });
    assert_eq!(compared, names.collect(), "some index was never ready");
}
