//! The document: the replicated state of one key.

use antipode_clock::{Context, ReplicaId, StableCut, Stamp};
use antipode_value::Value;
use bytes::Bytes;

use crate::bugs::bug;
use crate::discard::Report;
use crate::revision::{Revision, body_bytes};
use crate::rule::existence;
use crate::state::{Cause, Life, Origin, Tree, Whole};
use crate::{DecodeError, Discard, Operation, RemoveMode, codec, conflict, fold, show, union};

/// Local numbers for replica ids, so that a stored stamp takes a byte or two instead of eight for its replica. The
/// numbers are a node's own: they must be durable before a record that uses them, and never leave the node.
pub trait ReplicaNumbers {
    /// The number of `replica`, given out now if it has none.
    fn number(&mut self, replica: ReplicaId) -> u32;
    /// The replica that has `number`.
    fn replica(&self, number: u32) -> Option<ReplicaId>;
}

/// The replicated state of one key. The default is a key that was never written.
///
/// Two documents are equal when their states are, to the last bit of metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Sorted by name. Normally one; several only after concurrent creations of the key.
    pub(crate) lives: Vec<Life>,
}

/// What [`Document::encode`] appended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Encoded {
    /// Where the canonical bytes of the shown value lie in the output; empty where the document does not exist.
    pub body: std::ops::Range<usize>,
    /// The version; `None` where the document does not exist.
    pub revision: Option<Revision>,
}

impl Document {
    /// Applies an operation that has not been applied here before, after all that its writer had seen. Returns what
    /// concurrent writes discarded.
    pub fn apply(
        &mut self,
        operation: &Operation,
        stamp: Stamp,
        context: &Context,
    ) -> Vec<Discard> {
        let cause = Cause { stamp, context };
        let mut report = Report::default();
        let lives = &mut self.lives;
        match operation {
            Operation::Merge {
                ends,
                value,
                changes,
            } => {
                existence::end(lives, ends, &cause, &mut report);
                let origin = Origin { stamp, each: true };
                let mut life = Life::begun(
                    stamp,
                    Tree::Whole(Whole {
                        value: value.clone(),
                        origin,
                    }),
                );
                existence::change(&mut life, &[stamp], changes, &cause, &mut report);
                existence::begin(lives, life);
            }
            Operation::Put { ends, value } => {
                existence::end(lives, ends, &cause, &mut report);
                let origin = Origin { stamp, each: false };
                let life = Life::begun(
                    stamp,
                    Tree::Whole(Whole {
                        value: value.clone(),
                        origin,
                    }),
                );
                existence::begin(lives, life);
            }
            Operation::Patch {
                lives: names,
                changes,
            } => {
                existence::patch(lives, names, changes, &cause, &mut report);
            }
            Operation::Remove {
                ends,
                mode: RemoveMode::Final,
            } => {
                existence::end(lives, ends, &cause, &mut report);
            }
            Operation::Remove {
                ends,
                mode: RemoveMode::Yielding,
            } => {
                existence::hide(lives, ends, &cause, &mut report);
            }
        }
        if self.lives.len() > 1 {
            conflict::between_lives(&self.lives, operation, &cause, &mut report);
        }
        report.into_discards()
    }

    /// The document as it reads, without `_key`, `_id` and `_rev`; `None` where it does not exist.
    #[must_use]
    pub fn show(&self) -> Option<Value> {
        let mut living = self.living();
        match (living.next(), living.next()) {
            (None, _) => None,
            (Some(only), None) => Some(show_life(only)),
            (Some(_), Some(_)) => Some(show::root(&union::of(self.living()))),
        }
    }

    /// Whether the document exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.living().next().is_some()
    }

    /// The version; `None` where the document does not exist. It costs an encoding of the body: [`Document::encode`] gives
    /// it along with the stored form.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        let newest = self.newest()?;
        let body = body_bytes(&self.show()?);
        Some(Revision::of(newest, &body))
    }

    /// Stamp of the newest operation that changed what lives of the document.
    #[must_use]
    pub fn newest(&self) -> Option<Stamp> {
        self.living().map(|life| life.newest).max()
    }

    /// Whether every member has all the operations that make the living document what it is.
    #[must_use]
    pub fn is_stable(&self, stable: &StableCut) -> bool {
        self.living().all(|life| {
            let touched = life.touched.iter();
            let patches = touched.map(|(replica, hlc)| Stamp::new(*hlc, *replica));
            let mut stamps = life.names.iter().copied().chain(patches);
            stable.holds(life.newest) && stamps.all(|stamp| stable.holds(stamp))
        })
    }

    /// Forgets what no operation that is still to come can ask about. Nobody can see it.
    pub fn fold(&mut self, stable: &StableCut) {
        fold::fold(&mut self.lives, stable);
    }

    /// Whether nothing is left that would have to be stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lives.is_empty()
    }

    /// Whether [`Document::fold`] could still forget something once more is stable. What is not may be left alone by the
    /// collector until it is written again.
    #[must_use]
    pub fn is_folded(&self) -> bool {
        matches!(
            self.lives.as_slice(),
            [] | [Life {
                tree: Tree::Whole(Whole {
                    origin: Origin::FOLDED,
                    ..
                }),
                ..
            }]
        )
    }

    /// Appends the stored form, `[body][metadata]`, to `out`.
    pub fn encode(&self, replicas: &mut dyn ReplicaNumbers, out: &mut Vec<u8>) -> Encoded {
        codec::document::encode(self, replicas, out)
    }

    /// Reads what [`Document::encode`] wrote. Values share the bytes of the record.
    pub fn decode(record: &Bytes, replicas: &dyn ReplicaNumbers) -> Result<Self, DecodeError> {
        codec::document::decode(record, replicas)
    }

    /// The lives that are neither gone nor hidden.
    pub(crate) fn living(&self) -> impl Iterator<Item = &Life> {
        self.lives.iter().filter(|life| !life.is_hidden())
    }

    /// Names of all lives that are held here, hidden ones too: what a creation or a removal ends.
    pub(crate) fn names_held(&self) -> Vec<Stamp> {
        let lives = self.lives.iter();
        sorted(lives.flat_map(|life| life.names.iter().copied()).collect())
    }

    /// What a final removal ends.
    pub(crate) fn names_removed(&self) -> Vec<Stamp> {
        if bug!(RemovalSkipsHidden) {
            return self.names_living();
        }
        self.names_held()
    }

    /// Names of the lives that are there to be patched.
    pub(crate) fn names_living(&self) -> Vec<Stamp> {
        sorted(
            self.living()
                .flat_map(|life| life.names.iter().copied())
                .collect(),
        )
    }

    /// The tree that shows the document, if it exists.
    pub(crate) fn tree(&self) -> Option<std::borrow::Cow<'_, Tree>> {
        use std::borrow::Cow;
        let mut living = self.living();
        match (living.next(), living.next()) {
            (None, _) => None,
            (Some(only), None) => Some(Cow::Borrowed(&only.tree)),
            (Some(_), Some(_)) => Some(Cow::Owned(Tree::Places(union::of(self.living())))),
        }
    }
}

fn sorted(mut names: Vec<Stamp>) -> Vec<Stamp> {
    names.sort_unstable();
    names.dedup();
    names
}

pub(crate) fn show_life(life: &Life) -> Value {
    match &life.tree {
        Tree::Whole(whole) => whole.value.clone(),
        Tree::Places(root) => show::root(root),
    }
}

/// A document as a scan reads it: the body in place, and its version.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The body; attributes are read from the record's bytes when they are asked for.
    pub value: Value,
    /// Stamp of the newest operation.
    pub newest: Stamp,
    pub(crate) body: Bytes,
}

impl Shown {
    /// The version.
    #[must_use]
    pub fn revision(&self) -> Revision {
        Revision::of(self.newest, &self.body)
    }

    /// The canonical bytes of the shown value.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// What the document stored in `record` shows, read in place; `None` where it does not exist. Nothing of the metadata but
/// the newest stamp is decoded.
pub fn shown_packed(
    record: &Bytes,
    replicas: &dyn ReplicaNumbers,
) -> Result<Option<Shown>, DecodeError> {
    codec::document::shown(record, replicas)
}
