//! UPSERT: which document it is about.

use antipode_value::Value;

use super::BATCH_ROWS;
use super::lookup::Readings;
use crate::error::Result;
use crate::evaluate::{Run, evaluate, satisfied};
use crate::plan::{IndexAccess, Modify, Upsert};
use crate::source::KeyBounds;

/// The document that an UPSERT is about: of several the one with the lowest key.
pub(super) fn find<'a>(
    node: &'a Modify,
    upsert: &'a Upsert,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Option<Value>> {
    let data = run.data()?;
    let slot = upsert.current.slot as usize;
    if let Some(index) = &upsert.index {
        return find_by_index(node, upsert, index, row, run);
    }
    if let Some(key) = &upsert.key {
        let Value::String(key) = evaluate(key, row, run)? else {
            return Ok(None);
        };
        run.stats.document_lookups += 1;
        let Some(candidate) = data.current(node.collection.id, &key)? else {
            return Ok(None);
        };
        run.stats.scanned_index += 1;
        row[slot] = candidate;
        let matches = satisfied(&upsert.condition, row, run)?;
        let candidate = std::mem::take(&mut row[slot]);
        return Ok(matches.then_some(candidate));
    }
    let mut scan = data.scan_current(node.collection.id, &KeyBounds::all())?;
    let mut candidates = Vec::new();
    loop {
        let more = scan.next_batch(BATCH_ROWS, &mut candidates)?;
        run.stats.scanned_full += candidates.len() as u64;
        for candidate in candidates.drain(..) {
            run.tick()?;
            row[slot] = candidate;
            if satisfied(&upsert.condition, row, run)? {
                return Ok(Some(std::mem::take(&mut row[slot])));
            }
        }
        if !more {
            row[slot] = Value::Null;
            return Ok(None);
        }
    }
}

/// As [`find`], where an index knows the candidates.
fn find_by_index<'a>(
    node: &'a Modify,
    upsert: &'a Upsert,
    index: &'a IndexAccess,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Option<Value>> {
    let data = run.data()?;
    let slot = upsert.current.slot as usize;
    let key_of = |document: &Value| document.attribute("_key").to_text();
    let mut lowest: Option<Value> = None;
    let mut candidates = Vec::new();
    for read in Readings::of(index, row, run)? {
        let mut scan = data.index_scan_current(node.collection.id, &read)?;
        loop {
            let more = scan.next_batch(BATCH_ROWS, &mut candidates)?;
            run.stats.scanned_index += candidates.len() as u64;
            for candidate in candidates.drain(..) {
                run.tick()?;
                if lowest
                    .as_ref()
                    .is_some_and(|lowest| key_of(lowest) <= key_of(&candidate))
                {
                    continue;
                }
                row[slot] = candidate;
                if satisfied(&upsert.condition, row, run)? {
                    lowest = Some(std::mem::take(&mut row[slot]));
                }
            }
            if !more {
                break;
            }
        }
    }
    row[slot] = Value::Null;
    Ok(lowest)
}
