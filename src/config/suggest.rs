//! "Did you mean": the known key that is closest to a mistyped one.

/// The closest of `known`, if it is close enough to be a slip of the finger or the right key in the wrong section.
pub(super) fn closest<'a>(typed: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let last = |key: &'a str| key.rsplit('.').next();
    let misplaced = known.clone().find(|key| last(key) == typed.rsplit('.').next());
    let allowed = (typed.len() / 4).max(2);
    let slip =
        known.map(|key| (distance(typed, key), key)).min().filter(|(distance, _)| *distance <= allowed).map(|(_, key)| key);
    slip.or(misplaced)
}

/// Levenshtein's: insertions, deletions and replacements.
fn distance(a: &str, b: &str) -> usize {
    // Keys are short; whatever is longer than this is no slip of the finger and not worth the time.
    if a.len() > 100 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.chars().zip(row.iter_mut().skip(1)) {
            let cost = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = cost.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_the_slips() {
        for (a, b, slips) in [("", "abc", 3), ("kitten", "sitting", 3), ("port", "port", 0), ("prot", "port", 2), ("abc", "", 3)]
        {
            assert_eq!(distance(a, b), slips, "{a} {b}");
        }
    }

    #[test]
    fn a_slip_and_a_wrong_section_are_recognised_and_nonsense_is_not() {
        let known = ["http.port", "realtime.ping_interval", "redis.url"];
        assert_eq!(closest("http.prot", known.into_iter()), Some("http.port"));
        assert_eq!(closest("http.ping_interval", known.into_iter()), Some("realtime.ping_interval"));
        assert_eq!(closest("weather.forecast", known.into_iter()), None);
    }
}
