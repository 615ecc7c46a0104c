//! The nearest name to a misspelt one, for suggestions in error messages.

/// The candidate with the smallest edit distance, if that is small against the length of the name.
pub(crate) fn nearest<'n>(
    name: &str,
    candidates: impl Iterator<Item = &'n str>,
) -> Option<&'n str> {
    let allowed = (name.chars().count() / 3).max(1);
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, where two neighbours that changed places count as one difference.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut older: Vec<usize> = Vec::new();
    let mut old: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.iter().enumerate() {
        let mut new = vec![line + 1];
        for (column, to) in right.iter().enumerate() {
            let replaced = old[column] + usize::from(from != to);
            let mut cost = replaced.min(old[column + 1] + 1).min(new[column] + 1);
            let swapped =
                line > 0 && column > 0 && left[line - 1] == *to && right[column - 1] == *from;
            if swapped {
                cost = cost.min(older[column - 1] + 1);
            }
            new.push(cost);
        }
        older = std::mem::replace(&mut old, new);
    }
    old.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_misspelt_name() {
        let names = ["LENGTH", "CONCAT", "LOWER"];
        assert_eq!(nearest("LENGHT", names.into_iter()), Some("LENGTH"));
        assert_eq!(nearest("XYZ", names.into_iter()), None);
        assert_eq!(
            nearest("usres", ["users", "orders"].into_iter()),
            Some("users")
        );
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("vaule", "value"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
