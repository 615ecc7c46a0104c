//! Folding: forgetting what no operation that is still to come can ask about.
//!
//! Everything that arrives later saw all that is stable. So a stable stamp can be exchanged for "never written", which
//! counts as seen by all; a stable unset is as good as nothing; and several stable lives are one. A fold is local and may
//! come at any time: replicas that fold differently show the same, and write operations that mean the same.
//!
//! Kept until the next assign covers them: sums (folding floats would change their bits), element ids (others' removals
//! name them), greatest and least, the newest stamp and the names.

use antipode_clock::{StableCut, Stamp};

use crate::bugs::bug;
use crate::show;
use crate::state::{Held, Life, Origin, Place, Tree, Whole};
use crate::union;

pub(crate) fn fold(lives: &mut Vec<Life>, stable: &StableCut) {
    let forgotten = |life: &Life| {
        let mut hiding = life.removals.iter().filter(|removal| removal.hides);
        hiding.any(|removal| stable.holds(removal.stamp) || bug!(FoldsUnstableHiddenLife))
    };
    lives.retain(|life| !forgotten(life));
    for life in lives.iter_mut() {
        life.touched
            .retain(|(replica, hlc)| !stable.holds(Stamp::new(*hlc, *replica)));
        life.removals.retain(|removal| !stable.holds(removal.stamp));
    }
    if lives.len() > 1 && lives.iter().all(|life| may_unite(life, stable)) {
        unite(lives);
    }
    // Stamps of several lives are compared with each other, so they stay until there is one.
    if let [life] = lives.as_mut_slice() {
        fold_tree(&mut life.tree, stable);
    }
}

/// Whether whatever is still to come names this life together with all others, or not at all.
fn may_unite(life: &Life, stable: &StableCut) -> bool {
    let undivided = life.removals.is_empty() && life.touched.is_empty();
    let ignores_removal = bug!(FoldsLivesUnderRemoval) && !life.is_hidden();
    (undivided || ignores_removal) && life.names.iter().all(|name| stable.holds(*name))
}

/// Makes one life of several, with all their names.
fn unite(lives: &mut Vec<Life>) {
    let mut root = union::of(lives.iter());
    let mut names: Vec<_> = lives
        .iter()
        .flat_map(|life| life.names.iter().copied())
        .collect();
    names.sort_unstable();
    shorten_keys(&mut root, &names);
    let newest = lives
        .iter()
        .map(|life| life.newest)
        .max()
        .unwrap_or_default();
    *lives = vec![Life {
        names,
        newest,
        touched: Vec::new(),
        removals: Vec::new(),
        tree: Tree::Places(root),
    }];
}

/// Leaves out the lives of sums that name all of the life in which they stand.
fn shorten_keys(place: &mut Place, names: &[Stamp]) {
    if let Some(parts) = &mut place.parts {
        for sum in parts.sums.iter_mut().filter(|sum| sum.lives == names) {
            sum.lives.clear();
        }
    }
    for (_, child) in &mut place.children {
        shorten_keys(child, names);
    }
}

fn fold_tree(tree: &mut Tree, stable: &StableCut) {
    match tree {
        Tree::Whole(whole) => {
            if stable.holds(whole.origin.stamp) {
                whole.origin = Origin::FOLDED;
            }
        }
        Tree::Places(root) => {
            fold_place(root, true, stable);
            if is_plain(root) {
                *tree = Tree::Whole(Whole {
                    value: show::root(root),
                    origin: Origin::FOLDED,
                });
            }
        }
    }
}

/// `above`: all sets above are stable. Recursion is as deep as the document.
fn fold_place(place: &mut Place, above: bool, stable: &StableCut) {
    place.expand();
    let foldable = above && stable.holds(place.set);
    if foldable {
        place.set = Stamp::ZERO;
    }
    let mark_is_stable = !place.object.is_zero() && stable.holds(place.object);
    if mark_is_stable && (foldable || bug!(FoldsObjectUnderUnstableSet)) {
        place.object = Stamp::ZERO;
        if foldable {
            place.held = Held::Object;
        }
    }
    if let Some(parts) = &mut place.parts {
        parts
            .changed
            .retain(|(replica, hlc)| !stable.holds(Stamp::new(*hlc, *replica)));
        if parts.is_vacant() {
            place.parts = None;
        }
    }
    place.children.retain_mut(|(_, child)| {
        fold_place(child, foldable, stable);
        !child.is_vacant()
    });
}

/// Whether the tree is no more than the value that it shows.
fn is_plain(place: &Place) -> bool {
    place.set.is_zero()
        && place.object.is_zero()
        && place.parts.is_none()
        && !matches!(place.held, Held::Nothing)
        && place.children.iter().all(|(_, child)| is_plain(child))
}
