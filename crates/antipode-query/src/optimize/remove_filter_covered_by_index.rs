//! `remove-filter-covered-by-index`: a condition that an index has answered needs no test any more.

use crate::plan::{NodeKind, Pipeline};

/// Removes the conditions that loops noted as answered when they were given their access.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut answered: Vec<usize> = Vec::new();
    for node in &mut pipeline.nodes {
        if let NodeKind::EnumerateCollection(enumerate) = &mut node.kind {
            answered.append(&mut enumerate.answered);
        }
    }
    let mut place = 0;
    pipeline.nodes.retain(|_| {
        place += 1;
        !answered.contains(&(place - 1))
    });
    !answered.is_empty()
}
