//! `sort-limit`: a SORT with a LIMIT behind it keeps only the rows that can come out.

use crate::plan::{NodeKind, Pipeline};

/// Notes at each SORT how many rows the LIMIT behind it lets through, if only calculations stand between.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    let mut demand: Option<u64> = None;
    for node in pipeline.nodes.iter_mut().rev() {
        let writes = node.writes();
        match &mut node.kind {
            NodeKind::Limit {
                offset,
                count: Some(count),
                ..
            } => {
                demand = offset.checked_add(*count);
            }
            NodeKind::Sort { limit, .. } => {
                if let Some(rows) = demand.take() {
                    *limit = Some(rows);
                    changed = true;
                }
            }
            NodeKind::Calculation { .. } if !writes => {}
            _ => demand = None,
        }
    }
    changed
}
