//! Where several texts occur in another, from left to right: what SPLIT and SUBSTITUTE have in common.

use antipode_value::Str;

use super::CallContext;

/// Bytes of a text that are searched in the time of a step.
const BYTES_PER_STEP: usize = 1024;

/// Where a search is found next.
#[derive(Clone, Copy)]
enum Next {
    Unknown,
    At(usize),
    Nowhere,
}

/// The matches of several searches in a text, from left to right, none inside another. It keeps where each search is
/// found next, so that a rare one is looked for once and not again for each match of the others.
pub(super) struct Matches<'t> {
    text: &'t str,
    searches: &'t [Str],
    next: Vec<Next>,
    /// The byte behind the last match.
    from: usize,
}

impl<'t> Matches<'t> {
    pub(super) fn new(text: &'t str, searches: &'t [Str]) -> Matches<'t> {
        let next = searches.iter().map(|search| match search.is_empty() {
            true => Next::Nowhere,
            false => Next::Unknown,
        });
        Matches {
            text,
            searches,
            next: next.collect(),
            from: 0,
        }
    }

    /// Byte and number of the next match; of two at the same place that of the search which is earlier in the list. None
    /// also where the query has to stop.
    pub(super) fn next(&mut self, context: &mut CallContext<'_>) -> Option<(usize, usize)> {
        if !context.steps(1 + self.searches.len() / BYTES_PER_STEP) {
            return None;
        }
        let rest = self.text.get(self.from..)?;
        let mut first: Option<(usize, usize)> = None;
        for (which, (search, next)) in self.searches.iter().zip(&mut self.next).enumerate() {
            let known = match next {
                Next::Unknown => false,
                Next::At(byte) => *byte >= self.from,
                Next::Nowhere => true,
            };
            if !known {
                let found = rest.find(search.as_str());
                if !context.steps(found.unwrap_or(rest.len()) / BYTES_PER_STEP) {
                    return None;
                }
                *next = found.map_or(Next::Nowhere, |byte| Next::At(self.from + byte));
            }
            if let Next::At(byte) = *next
                && first.is_none_or(|(earliest, _)| byte < earliest)
            {
                first = Some((byte, which));
            }
        }
        let (byte, which) = first?;
        self.from = byte + self.searches.get(which)?.len();
        Some((byte, which))
    }
}
