//! What a study is about, for readers of its results: its question, its statement, its figures and what they show.

/// What a study is about.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The question that it answers, as one sentence that begins with a small letter.
    pub question: &'static str,
    /// The statements that its checks are about, with their formulas as plain text.
    pub statement: &'static str,
    /// Where they are derived: a page of `docs/` with the anchor of a heading.
    pub theory: &'static str,
    /// The anchor of its section of `docs/reference/checks.md`.
    pub checks: &'static str,
    /// Its figures.
    pub figures: &'static [FigureAbout],
}

/// What a figure shows.
#[derive(Clone, Copy, Debug)]
pub struct FigureAbout {
    /// Its name; `*` stands for any part of it, as for the name of a group.
    pub name: &'static str,
    /// What is drawn, in a sentence or two.
    pub caption: &'static str,
    /// The checks that it supports, where their names do not begin with that of the figure. A `*` stands for the part
    /// that it stands for in `name`; for any part where `name` has none.
    pub checks: &'static [&'static str],
}

impl About {
    /// What a figure shows, by its name: the entry with the longest fixed part.
    pub fn figure(&self, name: &str) -> Option<&FigureAbout> {
        let fits = self.figures.iter().filter(|figure| captured(figure.name, name).is_some());
        fits.max_by_key(|figure| figure.name.len())
    }

    /// The one of the figures `drawn` that supports a check: the one that lists it, by the longest pattern; otherwise the
    /// one with whose name the check's begins, the longest if there are several.
    pub fn figure_of<'n>(&self, check: &str, drawn: &[&'n str]) -> Option<&'n str> {
        let listed = drawn.iter().filter_map(|&name| Some((self.listing(name, check)?, name)));
        let begins = |name: &str| check.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        let named = || drawn.iter().copied().filter(|name| begins(name)).max_by_key(|name| name.len());
        listed.max_by_key(|&(length, _)| length).map(|(_, name)| name).or_else(named)
    }

    /// The length of the longest pattern by which the figure called `name` lists a check.
    fn listing(&self, name: &str, check: &str) -> Option<usize> {
        let figure = self.figure(name)?;
        let part = if figure.name.contains('*') { captured(figure.name, name) } else { None };
        let fits = |pattern: &&&str| match part {
            Some(part) => pattern.replace('*', part) == check,
            None => captured(pattern, check).is_some(),
        };
        figure.checks.iter().filter(fits).map(|pattern| pattern.len()).max()
    }
}

/// What `*` stands for in a name that fits a pattern with at most one; the empty text where the pattern has none.
fn captured<'n>(pattern: &str, name: &'n str) -> Option<&'n str> {
    match pattern.split_once('*') {
        Some((start, end)) => name.strip_prefix(start)?.strip_suffix(end),
        None => (name == pattern).then_some(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About = About {
        question: "",
        statement: "",
        theory: "",
        checks: "",
        figures: &[
            FigureAbout { name: "x-*", caption: "group", checks: &[] },
            FigureAbout { name: "x-bound", caption: "bound", checks: &["x-*-bound-form"] },
            FigureAbout { name: "x-scale*", caption: "scale", checks: &["x*-free"] },
        ],
    };

    #[test]
    fn the_longest_name_describes_a_figure() {
        let caption = |name| ABOUT.figure(name).map(|figure| figure.caption);
        assert_eq!(
            ["x-a", "x-bound", "x-scale", "x-scale-b"].map(caption),
            ["group", "bound", "scale", "scale"].map(Some)
        );
        assert_eq!(caption("y-a"), None);
    }

    #[test]
    fn a_check_is_beside_the_figure_that_lists_it_or_begins_its_name() {
        let drawn = ["x-steps", "x-steps-2", "x-bound", "x-scale", "x-scale-b"];
        let of = |check| ABOUT.figure_of(check, &drawn);
        assert_eq!(of("x-steps-function"), Some("x-steps"));
        assert_eq!(of("x-steps-2-function"), Some("x-steps-2"));
        assert_eq!(of("x-steps-bound-form"), Some("x-bound"));
        assert_eq!(of("x-free"), Some("x-scale"));
        assert_eq!(of("x-b-free"), Some("x-scale-b"));
        assert_eq!(of("x-stepsize"), None);
        assert_eq!(ABOUT.figure_of("x-steps-bound-form", &["x-steps"]), Some("x-steps"));
    }
}
