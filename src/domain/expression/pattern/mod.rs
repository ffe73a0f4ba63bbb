//! Regular expressions as .NET reads them, on top of `fancy-regex`.
//!
//! Administrators bring their patterns from the service, so the pattern is translated first (see
//! `dialect.rs`); what the two engines do differently while matching is settled here:
//!
//! * `$` also matches before a line break that ends the text. Only texts that end in one need that, so the
//!   cheap meaning is compiled for all others.
//! * After a match the search goes on where it ended, and an empty match may follow at once: `.*` matches
//!   `abc` twice.
//! * `$1` counts unnamed groups before named ones.
//!
//! Matching is bounded; a search that runs away is an error and not a hanging process.

use std::ops::Range;

use fancy_regex::{Captures, Regex, RegexBuilder};

mod dialect;
mod substitution;
#[cfg(test)]
mod tests;

use dialect::{Groups, LineEnd};
use substitution::Substitution;

/// Steps back per search, before it is given up. Each may look at all the text, so that this and the length of the text
/// bound the work together.
const MAX_STEPS: usize = 20_000;
/// Matches replaced in one text, times the bytes of that text: the search for each may go through all of it. In a text
/// of 4,096 bytes everything may match.
const MAX_WORK: usize = 1 << 24;
/// Size of a compiled pattern, in bytes.
const MAX_SIZE: usize = 1 << 23;
/// Longest pattern, in bytes: what an expression can hold.
const MAX_PATTERN: usize = 40_000;
/// Longest text to search, in bytes.
const MAX_TEXT: usize = 1 << 14;
/// Bytes of the pattern times bytes of the text, at most.
const MAX_SEARCH: usize = 1 << 26;
/// Longest text to make, in bytes.
const MAX_RESULT: usize = 1 << 20;

#[derive(Clone, Debug)]
pub struct Pattern {
    groups: Groups,
    regex: Regex,
    /// For texts that end in a line break, if the pattern asks for the end of the text.
    before_line_break: Option<Regex>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl Pattern {
    /// Fails with the reason, in words for the author of the pattern.
    pub fn compile(written: &str) -> Result<Pattern, String> {
        if written.len() > MAX_PATTERN {
            return Err(format!(
                "a pattern has at most {MAX_PATTERN} bytes, this one has {}",
                written.len()
            ));
        }
        let plain = dialect::translate(written, LineEnd::Text)?;
        let regex = build(plain.regex.clone())?;
        let line_break = dialect::translate(written, LineEnd::BeforeLineBreak)?;
        let before_line_break = match line_break.regex == plain.regex {
            true => None,
            false => Some(build(line_break.regex)?),
        };
        Ok(Pattern {
            groups: plain.groups,
            regex,
            before_line_break,
        })
    }

    /// Whether it is found anywhere in the text.
    pub fn is_match(&self, text: &str) -> Result<bool, String> {
        Ok(self.find(text, 0)?.is_some())
    }

    /// What the group holds in the first match; `None` without a match.
    pub fn find_group<'t>(&self, text: &'t str, group: &str) -> Result<Option<&'t str>, String> {
        let index = self.group(group)?;
        let Some(whole) = self.find(text, 0)? else {
            return Ok(None);
        };
        let found = self.found(text, 0, whole, index > 0)?;
        Ok(found.group(index).and_then(|range| text.get(range)))
    }

    /// Every match replaced; `$1`, `${name}`, `$&` and their like in the replacement stand for what was
    /// found. `None` without a match.
    pub fn replace(&self, text: &str, replacement: &str) -> Result<Option<String>, String> {
        let Some(first) = self.find(text, 0)? else {
            return Ok(None);
        };
        let substitution = Substitution::parse(replacement, &self.groups);
        let rewriting = Rewriting {
            first,
            group: 0,
            reads_groups: substitution.reads_groups(),
        };
        let write = |found: &Found<'_>, out: &mut String| substitution.write(found, text, out);
        self.rewrite(text, rewriting, write).map(Some)
    }

    /// In every match, only what the group holds is replaced, by the replacement as it is.
    pub fn replace_group(
        &self,
        text: &str,
        group: &str,
        replacement: &str,
    ) -> Result<Option<String>, String> {
        let group = self.group(group)?;
        let Some(first) = self.find(text, 0)? else {
            return Ok(None);
        };
        let rewriting = Rewriting {
            first,
            group,
            reads_groups: group > 0,
        };
        self.rewrite(text, rewriting, |_, out| out.push_str(replacement))
            .map(Some)
    }

    /// Goes from match to match. `write` writes what takes the place of the group.
    fn rewrite(
        &self,
        text: &str,
        rewriting: Rewriting,
        write: impl Fn(&Found<'_>, &mut String),
    ) -> Result<String, String> {
        let mut result = String::with_capacity(text.len());
        let mut copied = 0;
        let mut from = 0;
        let mut matches = 0;
        let most = MAX_WORK / text.len().max(1);
        let mut next = Some(rewriting.first);
        while let Some(whole) = next {
            matches += 1;
            let found = self.found(text, from, whole, rewriting.reads_groups)?;
            if let Some(replaced) = found.group(rewriting.group)
                && let Some(between) = text.get(copied..replaced.start)
            {
                result.push_str(between);
                write(&found, &mut result);
                copied = replaced.end;
            }
            if matches > most || result.len() > MAX_RESULT {
                return Err(format!(
                    "the pattern matches more than {most} times or grows too large"
                ));
            }
            let after = text.get(found.whole.end..).unwrap_or_default();
            let skipped = match found.whole.is_empty() {
                true => after.chars().next().map(char::len_utf8),
                false => Some(0),
            };
            let Some(skipped) = skipped else { break };
            from = found.whole.end + skipped;
            next = self.find(text, from)?;
        }
        result.push_str(text.get(copied..).unwrap_or_default());
        Ok(result)
    }

    /// Where the next match is.
    fn find(&self, text: &str, from: usize) -> Result<Option<Range<usize>>, String> {
        let found = self.regex_for(text)?.find_from_pos(text, from);
        Ok(found.map_err(given_up)?.map(|found| found.range()))
    }

    /// The match that a search from there finds, with its groups if they are wanted: to know what they hold costs more
    /// than to know where the match is.
    fn found<'t>(
        &self,
        text: &'t str,
        from: usize,
        whole: Range<usize>,
        reads_groups: bool,
    ) -> Result<Found<'t>, String> {
        let groups = match reads_groups {
            true => self.regex_for(text)?.captures_from_pos(text, from),
            false => Ok(None),
        };
        Ok(Found {
            whole,
            groups: groups.map_err(given_up)?,
        })
    }

    /// The pattern for this text, unless the search might take too long: each byte of it may be held against each part of the
    /// pattern.
    fn regex_for(&self, text: &str) -> Result<&Regex, String> {
        let most = MAX_TEXT.min(MAX_SEARCH / self.regex.as_str().len().max(1));
        if text.len() > most {
            return Err(format!(
                "this pattern can search {most} bytes, the text has {}",
                text.len()
            ));
        }
        Ok(match &self.before_line_break {
            Some(regex) if text.ends_with('\n') => regex,
            _ => &self.regex,
        })
    }

    fn group(&self, name: &str) -> Result<usize, String> {
        self.groups
            .find(name)
            .ok_or_else(|| format!("the pattern has no group `{name}`"))
    }
}

/// What of each match is replaced.
struct Rewriting {
    first: Range<usize>,
    group: usize,
    /// Whether any group but 0, the whole match, is asked for.
    reads_groups: bool,
}

/// A match.
struct Found<'t> {
    whole: Range<usize>,
    groups: Option<Captures<'t, str>>,
}

impl Found<'_> {
    fn group(&self, index: usize) -> Option<Range<usize>> {
        match index {
            0 => Some(self.whole.clone()),
            _ => Some(self.groups.as_ref()?.get(index)?.range()),
        }
    }
}

fn given_up(error: fancy_regex::Error) -> String {
    format!("the search was given up: {error}")
}

fn build(regex: String) -> Result<Regex, String> {
    RegexBuilder::new(&regex)
        .backtrack_limit(MAX_STEPS)
        .delegate_size_limit(MAX_SIZE)
        .build()
        .map_err(|error| format!("the regular expression cannot be read: {error}"))
}
