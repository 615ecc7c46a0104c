//! What clients do, and what must have come of it.
//!
//! Each operation is one draft that every node could make, and leaves an [`Effect`] that the end state must show:
//! exactly when its transaction is in the log, perhaps when the node died before it replied.

pub(crate) mod fleeting;

use std::collections::{BTreeMap, BTreeSet};

use antipode_clock::{Dot, Stamp};
use antipode_crdt::{Draft, DraftChange, Number, Path};
use antipode_engine::{
    CollectionKind, Deletes, DraftOperation, Expectation, IndexDefinition, SchemaChange,
};
use antipode_store::StreamId;
use antipode_store::record::{Message, Payload};
use antipode_value::{Str, Value};
use bytes::Bytes;

use crate::check::view::View;
use crate::plan::Plan;
use crate::random::Random;

/// The fabric that everything happens in.
pub(crate) const FABRIC: &str = "_system";

/// A kind of work.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Everybody adds to the same counts.
    Counters,
    /// Everybody adds tags to the same documents.
    Tags,
    /// Different attributes of the same documents are set.
    Fields,
    /// Documents are inserted, put, replaced, removed and made again.
    Lives,
    /// The same where a removal yields.
    Revivals,
    /// Edges are drawn, moved and removed.
    Edges,
    /// Messages are appended to a stream.
    Messages,
    /// Key-value pairs expire, or their lives are prolonged.
    Sessions,
    /// The same with documents and a TTL index.
    Perishables,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Counters,
        Self::Tags,
        Self::Fields,
        Self::Lives,
        Self::Revivals,
        Self::Edges,
        Self::Messages,
        Self::Sessions,
        Self::Perishables,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Counters => "counters",
            Self::Tags => "tags",
            Self::Fields => "fields",
            Self::Lives => "lives",
            Self::Revivals => "revivals",
            Self::Edges => "edges",
            Self::Messages => "messages",
            Self::Sessions => "sessions",
            Self::Perishables => "perishables",
        }
    }

    /// Makes the collection or stream that this works on.
    pub(crate) fn setup(self) -> SchemaChange {
        let (fabric, name) = (FABRIC.to_owned(), self.name().to_owned());
        if self == Self::Messages {
            return SchemaChange::CreateStream { fabric, name };
        }
        SchemaChange::CreateCollection {
            fabric,
            name,
            kind: match self {
                Self::Edges => CollectionKind::Edge,
                Self::Sessions => CollectionKind::KeyValue,
                _ => CollectionKind::Document,
            },
            deletes: match self {
                Self::Revivals => Deletes::Lose,
                _ => Deletes::Win,
            },
        }
    }
}

/// Indexes that come and go while the work goes on.
const INDEXES: [(Kind, &str); 10] = [
    (
        Kind::Counters,
        r#"{"fields":["n"],"storedValues":["made"]}"#,
    ),
    (Kind::Tags, r#"{"fields":["tags[*]"]}"#),
    (Kind::Tags, r#"{"type":"fulltext","fields":["tags"]}"#),
    (Kind::Fields, r#"{"fields":["a","b"]}"#),
    (Kind::Fields, r#"{"type":"geo","fields":["b","c"]}"#),
    (Kind::Lives, r#"{"fields":["n","v"],"sparse":true}"#),
    (Kind::Revivals, r#"{"fields":["v"],"storedValues":["n"]}"#),
    (Kind::Edges, r#"{"fields":["_to","_key"]}"#),
    (
        Kind::Perishables,
        r#"{"type":"ttl","fields":["at"],"expireAfter":0}"#,
    ),
    (Kind::Perishables, r#"{"fields":["v"]}"#),
];

/// Makes an index of a kind's collection, or drops one.
pub(crate) fn reindex(kind: Kind, view: &View<'_>, dice: &mut Random) -> Option<SchemaChange> {
    view.catalog.collection(FABRIC, kind.name())?;
    let of_kind: Vec<&str> = INDEXES
        .iter()
        .filter(|(of, _)| *of == kind)
        .map(|(_, definition)| *definition)
        .collect();
    let definition = Value::from_json(dice.pick(&of_kind)?).ok()?;
    let (fabric, collection) = (FABRIC.to_owned(), kind.name().to_owned());
    if dice.chance(70) {
        return Some(SchemaChange::CreateIndex {
            fabric,
            collection,
            definition,
        });
    }
    let (definition, _) = IndexDefinition::read(&definition).ok()?;
    Some(SchemaChange::DropIndex {
        fabric,
        collection,
        index: definition.default_name(),
    })
}

/// What an operation must have left behind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// The count at a key is higher by this.
    Counted { key: String, by: i64 },
    /// The tag is there.
    Tagged { key: String, tag: String },
    /// The attribute has this value, unless it was set by a later stamp.
    Set {
        key: String,
        field: &'static str,
        value: i64,
    },
    /// The message is there.
    Said { text: String },
    /// It lives until then, at least.
    Kept { kind: Kind, key: String, at_ms: u64 },
}

/// One operation and its effect, as a node whose state is `view` would do it now; none if it cannot yet. `touched` are the
/// keys that earlier operations of the same transaction have changed: each is changed once.
pub(crate) fn operation(
    kind: Kind,
    view: &View<'_>,
    touched: &mut BTreeSet<String>,
    (plan, now_ms): (&Plan, u64),
    number: u64,
    dice: &mut Random,
) -> Option<(DraftOperation, Option<Effect>)> {
    if fleeting::KINDS.contains(&kind) {
        return fleeting::operation(kind, view, touched, now_ms, number, dice);
    }
    if kind == Kind::Messages {
        let stream = view.catalog.stream(FABRIC, kind.name())?.id;
        return Some(say(stream, number));
    }
    let collection = view.catalog.collection(FABRIC, kind.name())?.id;
    let key = format!("k{}", dice.below(plan.keys));
    if !touched.insert(key.clone()) {
        return None;
    }
    let exists = view.document(collection, &key).is_some();
    let (draft, effect) = match kind {
        Kind::Counters => count(&key, exists, dice),
        Kind::Tags => tag(&key, exists, number),
        Kind::Fields => set(&key, exists, number, dice),
        Kind::Lives | Kind::Revivals => {
            let padding = dice.below(plan.padding_bytes + 1) as usize;
            (live(exists, number, padding, dice), None)
        }
        Kind::Edges => (draw(exists, number, dice), None),
        Kind::Messages | Kind::Sessions | Kind::Perishables => return None,
    };
    // What the view does not show yet may be on its way into the store, and is not to be made a second time.
    let expect = match draft {
        Draft::InsertWith { .. } => Expectation::Absent,
        _ => Expectation::Any,
    };
    let operation = DraftOperation::Document {
        collection,
        key: Str::from(key),
        draft,
        expect,
    };
    Some((operation, effect))
}

fn at(name: &'static str) -> Path {
    Path::new([Str::from_static(name)])
}

fn change(exists: bool, name: &'static str, change: DraftChange) -> Draft {
    let changes = vec![(at(name), change)];
    if exists {
        Draft::Update(changes)
    } else {
        Draft::InsertWith {
            value: Value::object([("made", Value::Int(1))]),
            changes,
        }
    }
}

fn count(key: &str, exists: bool, dice: &mut Random) -> (Draft, Option<Effect>) {
    let by = dice.between(1, 5) as i64;
    let draft = change(exists, "n", DraftChange::Increment(Number::Int(by)));
    let key = key.to_owned();
    (draft, Some(Effect::Counted { key, by }))
}

fn tag(key: &str, exists: bool, number: u64) -> (Draft, Option<Effect>) {
    let tag = format!("tag-{number}");
    let value = Value::from(tag.as_str());
    let draft = change(exists, "tags", DraftChange::AddUnique(vec![value]));
    let key = key.to_owned();
    (draft, Some(Effect::Tagged { key, tag }))
}

const FIELDS: [&str; 3] = ["a", "b", "c"];

fn set(key: &str, exists: bool, number: u64, dice: &mut Random) -> (Draft, Option<Effect>) {
    let field = dice.pick(&FIELDS).unwrap_or("a");
    let value = number as i64;
    let draft = change(exists, field, DraftChange::Assign(Value::Int(value)));
    let key = key.to_owned();
    (draft, Some(Effect::Set { key, field, value }))
}

fn live(exists: bool, number: u64, padding: usize, dice: &mut Random) -> Draft {
    let value = Value::object([
        ("v", Value::Int(number as i64)),
        ("padding", Value::from("x".repeat(padding))),
    ]);
    match (exists, dice.below(5)) {
        (true, 0) => Draft::Remove,
        (true, 1) => Draft::Replace(value),
        (true, 2 | 3) => Draft::Update(vec![(at("n"), DraftChange::Increment(Number::Int(1)))]),
        (false, 0..3) => Draft::Insert(value),
        _ => Draft::Put(value),
    }
}

fn draw(exists: bool, number: u64, dice: &mut Random) -> Draft {
    let vertex = |dice: &mut Random| Value::from(format!("lives/k{}", dice.below(5)));
    match (exists, dice.below(4)) {
        (true, 0) => Draft::Remove,
        (true, 1 | 2) => {
            let end = dice.pick(&["_from", "_to"]).unwrap_or("_to");
            Draft::Update(vec![(at(end), DraftChange::Assign(vertex(dice)))])
        }
        _ => Draft::Put(Value::object([
            ("_from", vertex(dice)),
            ("_to", vertex(dice)),
            ("v", Value::Int(number as i64)),
        ])),
    }
}

fn say(stream: StreamId, number: u64) -> (DraftOperation, Option<Effect>) {
    let text = format!("message {number}");
    let message = Message {
        key: None,
        properties: Vec::new(),
        event_time_ms: 0,
        payload: Payload::Raw(Bytes::from(text.clone().into_bytes())),
    };
    let operation = DraftOperation::Message { stream, message };
    (operation, Some(Effect::Said { text }))
}

/// What is to be found in the end.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// Of transactions that are in the log: each effect with the stamp of its operation.
    pub(crate) done: BTreeMap<Dot, Vec<(Stamp, Effect)>>,
    /// Of requests whose node died before it replied: they are there or not.
    pub(crate) perhaps: Vec<Effect>,
}

impl Expected {
    /// Compares with the end state; gives the first difference.
    pub(crate) fn compare(&self, view: &View<'_>) -> Result<(), String> {
        self.compare_counts(view)?;
        self.compare_tags(view)?;
        self.compare_fields(view)?;
        self.compare_kept(view)?;
        self.compare_messages(view)
    }

    fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.done.values().flatten().map(|(_, effect)| effect)
    }

    fn compare_counts(&self, view: &View<'_>) -> Result<(), String> {
        let sums = |effects: &mut dyn Iterator<Item = &Effect>| {
            let mut sums: BTreeMap<String, i64> = BTreeMap::new();
            for effect in effects {
                if let Effect::Counted { key, by } = effect {
                    *sums.entry(key.clone()).or_default() += by;
                }
            }
            sums
        };
        let perhaps = sums(&mut self.perhaps.iter());
        for (key, least) in sums(&mut self.effects()) {
            let most = least + perhaps.get(&key).copied().unwrap_or(0);
            let shown = view
                .shown(Kind::Counters.name(), &key)
                .and_then(|document| document.attribute("n").as_int());
            if !shown.is_some_and(|shown| (least..=most).contains(&shown)) {
                return Err(format!(
                    "counter {key} shows {shown:?}, not {least} to {most}"
                ));
            }
        }
        Ok(())
    }

    fn compare_tags(&self, view: &View<'_>) -> Result<(), String> {
        for effect in self.effects() {
            if let Effect::Tagged { key, tag } = effect {
                let document = view.shown(Kind::Tags.name(), key);
                let text = document.map(|document| document.attribute("tags").to_string());
                let quoted = format!("\"{tag}\"");
                let found = text.map_or(0, |text| text.matches(&quoted).count());
                if found != 1 {
                    return Err(format!("{tag} is {found} times in {key}"));
                }
            }
        }
        Ok(())
    }

    /// The newest stamp wins; what nobody knows to have happened may have won.
    fn compare_fields(&self, view: &View<'_>) -> Result<(), String> {
        let mut newest: BTreeMap<(&str, &str), (Stamp, i64)> = BTreeMap::new();
        for (stamp, effect) in self.done.values().flatten() {
            if let Effect::Set { key, field, value } = effect {
                let entry = newest.entry((key, field)).or_insert((*stamp, *value));
                if *stamp > entry.0 {
                    *entry = (*stamp, *value);
                }
            }
        }
        for ((key, field), (_, value)) in newest {
            let document = view.shown(Kind::Fields.name(), key);
            let shown = document.and_then(|document| document.attribute(field).as_int());
            let perhaps = self.perhaps.iter().any(|effect| {
                matches!(effect, Effect::Set { key: k, field: f, value: v }
                    if k == key && *f == field && Some(*v) == shown)
            });
            if shown != Some(value) && !perhaps {
                return Err(format!(
                    "{key}.{field} shows {shown:?}, but the newest assign is {value}"
                ));
            }
        }
        Ok(())
    }

    fn compare_messages(&self, view: &View<'_>) -> Result<(), String> {
        let said = view.messages(Kind::Messages.name())?;
        let count = |text: &str| said.iter().filter(|said| *said == text).count();
        for effect in self.effects() {
            if let Effect::Said { text } = effect
                && count(text) != 1
            {
                return Err(format!("'{text}' was said {} times", count(text)));
            }
        }
        let mut unexpected = said.iter().filter(|text| {
            let effect = Effect::Said {
                text: (*text).clone(),
            };
            count(text) != 1
                || !(self.effects().any(|e| *e == effect) || self.perhaps.contains(&effect))
        });
        match unexpected.next() {
            Some(text) => Err(format!("'{text}' was never said, or is there twice")),
            None => Ok(()),
        }
    }
}
