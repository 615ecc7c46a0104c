//! The state of a document, laid open for diagnosis and tests.

use antipode_clock::{Hlc, ReplicaId, Stamp};
use antipode_value::{Str, Value};

use crate::state::{Elements, Held, Place, Sum};
use crate::{Document, Path};

/// A life of a document.
#[derive(Clone, Debug)]
pub struct LifeState {
    /// Its names.
    pub names: Vec<Stamp>,
    /// The newest operation that applied to it.
    pub newest: Stamp,
    /// Newest unstable patch of each replica.
    pub touched: Vec<(ReplicaId, Hlc)>,
    /// Unstable yielding removals, and whether each hides the life.
    pub removals: Vec<(Stamp, bool)>,
    /// The places, in order of path, from the root.
    pub places: Vec<PlaceState>,
}

/// A place of a life.
#[derive(Clone, Debug)]
pub struct PlaceState {
    /// The place.
    pub path: Path,
    /// Newest assign or unset here; zero where there is none of its own, or it was folded.
    pub set: Stamp,
    /// The value assigned here; `None` for an object or nothing.
    pub value: Option<Value>,
    /// Whether an object was assigned here.
    pub holds_object: bool,
    /// Newest write that needs an object here.
    pub object: Stamp,
    /// What was added to a number.
    pub sums: Vec<SumState>,
    /// What became of an array's elements.
    pub elements: Option<ElementsState>,
    /// The greatest value offered.
    pub max: Option<Value>,
    /// The least value offered.
    pub min: Option<Value>,
    /// Newest unstable relative change of each replica that counts here.
    pub changed: Vec<(ReplicaId, Hlc)>,
}

/// What one replica's increments add up to.
#[derive(Clone, Debug, PartialEq)]
pub struct SumState {
    /// The replica.
    pub replica: ReplicaId,
    /// The lives that the increments named.
    pub lives: Vec<Stamp>,
    /// Sum of the integers.
    pub int: i128,
    /// Sum of the floats, if there were any.
    pub float: Option<f64>,
}

/// Elements of an array.
#[derive(Clone, Debug)]
pub struct ElementsState {
    /// Positions of the assigned array whose elements were removed.
    pub removed: Vec<u32>,
    /// Elements that were added, in the order in which they stand.
    pub added: Vec<ElementState>,
}

/// An element that was added.
#[derive(Clone, Debug)]
pub struct ElementState {
    /// Stamp of the operation that added it.
    pub stamp: Stamp,
    /// Position among the values of that change.
    pub index: u32,
    /// Whether it is hidden while an equal one stands before it.
    pub unique: bool,
    /// The value.
    pub value: Value,
}

impl Document {
    /// The state, laid open for diagnosis and tests.
    #[must_use]
    pub fn inspect(&self) -> Vec<LifeState> {
        let lives = self.lives.iter().map(|life| {
            let mut places = Vec::new();
            add_place(&life.tree.places(), Path::ROOT, &life.names, &mut places);
            let removals = life
                .removals
                .iter()
                .map(|removal| (removal.stamp, removal.hides));
            LifeState {
                names: life.names.clone(),
                newest: life.newest,
                touched: life.touched.clone(),
                removals: removals.collect(),
                places,
            }
        });
        lives.collect()
    }
}

fn add_place(place: &Place, path: Path, names: &[Stamp], out: &mut Vec<PlaceState>) {
    let parts = place.parts.as_deref().cloned().unwrap_or_default();
    out.push(PlaceState {
        path: path.clone(),
        set: place.set,
        value: match &place.held {
            Held::Value(value) => Some(value.clone()),
            Held::Nothing | Held::Object => None,
        },
        holds_object: matches!(place.held, Held::Object),
        object: place.object,
        sums: parts.sums.iter().map(|sum| sum_state(sum, names)).collect(),
        elements: parts.elements.map(elements_state),
        max: parts.max,
        min: parts.min,
        changed: parts.changed,
    });
    for (name, child) in &place.children {
        add_place(child, path.child(Str::clone(name)), names, out);
    }
}

fn sum_state(sum: &Sum, names: &[Stamp]) -> SumState {
    SumState {
        replica: sum.replica,
        lives: sum.lives_in(names).to_vec(),
        int: sum.int,
        float: sum.float,
    }
}

fn elements_state(elements: Elements) -> ElementsState {
    let added = elements.added.into_iter().map(|element| ElementState {
        stamp: element.stamp,
        index: element.index,
        unique: element.unique,
        value: element.value,
    });
    ElementsState {
        removed: elements.base_removed,
        added: added.collect(),
    }
}
