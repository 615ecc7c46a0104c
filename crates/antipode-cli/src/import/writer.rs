//! Batches on their way into the database.
//!
//! There are several lanes, each with one batch in flight. A document's key decides its lane, so that two records with the
//! same key are written in the order of the input. A batch is one query and one transaction. One that the node refuses
//! wrote nothing; it is halved until the documents that it is refused for stand alone.
//!
//! A call whose answer is lost may have been done. It is repeated, and then a document that is there exactly as it was to
//! be written counts as written. The same holds for the records that an earlier run of a resumed import left open.

use std::collections::BTreeMap;
use std::time::Duration;

use antipode_client::{Client, Error, Retry, Written};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::record::Problem;
use super::tracker::Outcome;

/// Errors that are not about a document: no other fares better.
const HOPELESS: &[u32] = &[
    11,   // forbidden
    36,   // disabled
    1004, // read only
    1203, // no such collection
    1228, // no such fabric
    1501, // the query itself
];
/// The key, or another value that is to be unique, is there already.
const KEY_EXISTS: u32 = 1210;
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What to do with a document whose key exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum OnDuplicate {
    /// Report it
    Error,
    /// Change the attributes that the record has
    Update,
    /// Put the record in its place
    Replace,
    /// Leave it as it is
    Ignore,
}

impl OnDuplicate {
    fn overwrite_mode(self) -> &'static str {
        match self {
            Self::Error => "conflict",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Ignore => "ignore",
        }
    }
}

/// A document and the number of its record.
#[derive(Clone, Debug)]
pub struct Item {
    pub number: u64,
    pub document: Map<String, Value>,
}

/// Documents that are written together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub items: Vec<Item>,
    /// An earlier run may have written them.
    pub repeated: bool,
}

/// What a lane tells.
#[derive(Debug)]
pub enum Report {
    Settled(Vec<(u64, Outcome)>),
    /// Writing cannot go on.
    Failed(Error),
}

/// Writes the batches of one lane, one after the other.
#[derive(Clone, Debug)]
pub struct Writer {
    pub client: Client,
    pub collection: String,
    pub on_duplicate: OnDuplicate,
    /// So long it goes on trying while the node cannot be reached.
    pub patience: Duration,
}

impl Writer {
    /// Works until there are no more batches, or one cannot be written.
    pub async fn run(
        self,
        mut batches: mpsc::Receiver<Batch>,
        reports: mpsc::UnboundedSender<Report>,
    ) {
        while let Some(batch) = batches.recv().await {
            let failed = self.write(batch, &reports).await.err();
            // The one who asked is gone if nobody takes the report.
            let sent = match failed {
                Some(error) => reports.send(Report::Failed(error)).and(Ok(false)),
                None => Ok(true),
            };
            if !matches!(sent, Ok(true)) {
                return;
            }
        }
    }

    async fn write(
        &self,
        batch: Batch,
        reports: &mpsc::UnboundedSender<Report>,
    ) -> Result<(), Error> {
        let mut patience = Patience::new(self.patience);
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            // Nobody takes a report if the import was given up, and that is noticed elsewhere.
            let settle = |settled| {
                let _ = reports.send(Report::Settled(settled));
            };
            match self.once(&mut part, settle).await {
                Ok(()) => patience.renew(),
                Err(error) if is_refusal(&error) => match part.items.as_slice() {
                    [item] => settle(vec![(item.number, rejected(item, &error))]),
                    _ => {
                        let items = part.items.split_off(part.items.len() / 2);
                        let repeated = part.repeated;
                        // The first half is written first: a key that comes twice is refused the second time.
                        parts.push(Batch { items, repeated });
                        parts.push(part);
                    }
                },
                Err(error) => {
                    part.repeated |= error.written() != Written::Nothing;
                    patience.wait(error).await?;
                    parts.push(part);
                }
            }
        }
        Ok(())
    }

    /// Writes a batch, and settles what was written.
    async fn once(
        &self,
        batch: &mut Batch,
        settle: impl Fn(Vec<(u64, Outcome)>),
    ) -> Result<(), Error> {
        let written = loop {
            let error = match self.insert(&batch.items).await {
                Ok(written) => break written,
                Err(error) => error,
            };
            let exists = error.code() == Some(KEY_EXISTS);
            if !exists || !batch.repeated || self.on_duplicate != OnDuplicate::Error {
                return Err(error);
            }
            // The earlier call was done, be it only just now.
            let written = self.take_written(&mut batch.items).await?;
            if written.is_empty() {
                return Err(error);
            }
            settle(written);
            if batch.items.is_empty() {
                return Ok(());
            }
        };
        // Which of them were there already is not told, but how many.
        let settled = (batch.items.iter().zip(0..)).map(|(item, index)| {
            let outcome = match index < written {
                true => Outcome::Written,
                false => Outcome::Ignored,
            };
            (item.number, outcome)
        });
        settle(settled.collect());
        Ok(())
    }

    /// Writes documents, all or none; tells how many were not there already.
    async fn insert(&self, items: &[Item]) -> Result<u64, Error> {
        let documents: Vec<&Map<String, Value>> = items.iter().map(|item| &item.document).collect();
        let text = format!(
            "FOR d IN @documents INSERT d INTO @@collection OPTIONS {{ overwriteMode: '{}' }}",
            self.on_duplicate.overwrite_mode()
        );
        let query = self.client.query(text);
        let query = query.bind("@collection", &self.collection)?;
        let extra = query.bind("documents", documents)?.run().await?;
        Ok(match self.on_duplicate {
            OnDuplicate::Ignore => extra.writes_executed,
            _ => items.len() as u64,
        })
    }

    /// Takes the documents out that are stored just as they are here.
    async fn take_written(&self, items: &mut Vec<Item>) -> Result<Vec<(u64, Outcome)>, Error> {
        let keys: Vec<&Value> = items
            .iter()
            .filter_map(|item| item.document.get("_key"))
            .collect();
        let query = self
            .client
            .query("FOR d IN DOCUMENT(@collection, @keys) RETURN d");
        let query = query.bind("collection", &self.collection)?;
        let stored: Vec<Map<String, Value>> = query.bind("keys", keys)?.all().await?;
        let by_key: BTreeMap<&str, &Map<String, Value>> = stored
            .iter()
            .filter_map(|stored| Some((stored.get("_key")?.as_str()?, stored)))
            .collect();
        let mut written = Vec::new();
        let mut rest = Vec::new();
        for item in items.drain(..) {
            let key = item.document.get("_key").and_then(Value::as_str);
            match key.and_then(|key| by_key.get(key)) {
                Some(stored) if is_same_document(&item.document, stored) => {
                    written.push((item.number, Outcome::Written));
                }
                _ => rest.push(item),
            }
        }
        *items = rest;
        Ok(written)
    }
}

/// How long to go on trying.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    pause: Duration,
    since: Option<Instant>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            pause: PAUSE_MIN,
            since: None,
        }
    }

    fn renew(&mut self) {
        *self = Self::new(self.limit);
    }

    /// Waits before the next attempt; gives the error back if there is to be none.
    async fn wait(&mut self, error: Error) -> Result<(), Error> {
        let began = *self.since.get_or_insert_with(Instant::now);
        if error.retry() == Retry::Never || began.elapsed() >= self.limit {
            return Err(error);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

/// Whether the database refuses one of the documents, and not the whole endeavour.
fn is_refusal(error: &Error) -> bool {
    let hopeless = error.code().is_none_or(|code| HOPELESS.contains(&code));
    !hopeless && error.retry() == Retry::Never && error.written() == Written::Nothing
}

fn rejected(item: &Item, error: &Error) -> Outcome {
    let message = match error {
        // The place would be one in the query, which nobody wrote.
        Error::Database { message, .. } => message.clone(),
        other => other.to_string(),
    };
    let mut problem = Problem::new(message, Value::Object(item.document.clone()));
    problem.code = error.code();
    Outcome::Rejected(problem)
}

/// Whether a stored document is the one that was to be written.
fn is_same_document(document: &Map<String, Value>, stored: &Map<String, Value>) -> bool {
    let own = stored
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "_id" | "_rev"));
    let mut count = 0;
    for (name, value) in own {
        count += 1;
        if !document
            .get(name)
            .is_some_and(|other| is_same(value, other))
        {
            return false;
        }
    }
    count == document.len()
}

/// Equal values; 1 and 1.0 are the same number.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let has = |(name, value)| right.get(name).is_some_and(|other| is_same(value, other));
            left.len() == right.len() && left.iter().all(has)
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn database(code: u32, retry: Retry, written: Written) -> Error {
        Error::Database {
            code,
            name: String::new(),
            message: "no".to_owned(),
            retry,
            written,
            line: 1,
            column: 2,
        }
    }

    #[test]
    fn only_what_is_about_a_document_is_a_refusal() {
        assert!(is_refusal(&database(1210, Retry::Never, Written::Nothing)));
        assert!(!is_refusal(&database(1203, Retry::Never, Written::Nothing)));
        assert!(!is_refusal(&database(1200, Retry::Now, Written::Nothing)));
        assert!(!is_refusal(&database(1210, Retry::Never, Written::Unknown)));
        assert!(!is_refusal(&Error::TimedOut));
    }

    #[test]
    fn a_stored_document_is_recognised() {
        let stored = json!({ "_key": "a", "_id": "c/a", "_rev": "x", "n": 1, "l": [{ "x": 2 }] });
        let stored = stored.as_object().expect("an object");
        for (document, same) in [
            (json!({ "_key": "a", "n": 1.0, "l": [{ "x": 2 }] }), true),
            (json!({ "_key": "a", "n": 1, "l": [{ "x": 3 }] }), false),
            (json!({ "_key": "a", "n": 1 }), false),
            (
                json!({ "_key": "a", "n": 1, "l": [{ "x": 2 }], "m": null }),
                false,
            ),
        ] {
            let document = document.as_object().expect("an object");
            assert_eq!(is_same_document(document, stored), same, "{document:?}");
        }
    }

    #[tokio::test]
    async fn patience_ends() {
        let mut patience = Patience::new(Duration::from_secs(5));
        assert!(patience.wait(Error::TimedOut).await.is_ok());
        let never = database(1203, Retry::Never, Written::Nothing);
        assert!(patience.wait(never).await.is_err());
        let mut none = Patience::new(Duration::ZERO);
        assert!(none.wait(Error::TimedOut).await.is_err());
    }
}
