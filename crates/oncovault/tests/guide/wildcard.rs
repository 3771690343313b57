//! Whether what was printed is what a page shows.

/// Whether these lines fit. `…` stands for anything in a line, and alone for any number of lines.
pub fn fits(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((line, rest)), _) if line.trim() == "…" => {
            (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..]))
        }
        (Some(_), None) => false,
        (Some((line, rest)), Some((first, others))) => {
            line_fits(line.trim_end(), first.trim_end()) && fits(rest, others)
        }
    }
}

fn line_fits(shown: &str, printed: &str) -> bool {
    match shown.split_once('…') {
        None => shown == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| line_fits(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_same_lines_fit_and_others_do_not() {
        assert!(fits(&lines("a\nb"), &lines("a\nb  ")));
        assert!(!fits(&lines("a\nb"), &lines("a")));
        assert!(!fits(&lines("a"), &lines("a\nb")));
        assert!(!fits(&lines("a"), &lines("b")));
    }

    #[test]
    fn dots_stand_for_anything_in_a_line_and_for_lines() {
        assert!(fits(&lines("id … of …"), &lines("id 1é2 of 3")));
        assert!(!fits(&lines("id … of …"), &lines("id 1")));
        assert!(fits(&lines("a\n…\nd"), &lines("a\nb\nc\nd")));
        assert!(fits(&lines("a\n…"), &lines("a")));
        assert!(!fits(&lines("a\n…\nd"), &lines("a\nb")));
    }
}
