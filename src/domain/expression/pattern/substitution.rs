//! What stands in a replacement: text, and .NET's signs for what was found.
//!
//! `$1` `${1}` `${name}` a group · `$&` the match · `` $` `` and `$'` what is before and after it · `$_` the
//! whole text · `$+` the last group · `$$` a dollar sign. Any other `$`, and a group the pattern does not
//! have, is plain text.

use super::dialect::Groups;
use super::{Found, MAX_RESULT};

pub struct Substitution<'r>(Vec<Piece<'r>>);

enum Piece<'r> {
    Text(&'r str),
    Group(usize),
    Before,
    After,
    Input,
}

impl<'r> Substitution<'r> {
    pub fn parse(written: &'r str, groups: &Groups) -> Substitution<'r> {
        let mut pieces = Vec::new();
        let mut rest = written;
        while let Some((text, sign)) = rest.split_once('$') {
            pieces.push(Piece::Text(text));
            let (piece, length) = sign_piece(sign, groups).unwrap_or((Piece::Text("$"), 0));
            pieces.push(piece);
            rest = sign.get(length..).unwrap_or_default();
        }
        pieces.push(Piece::Text(rest));
        Substitution(pieces)
    }

    /// Whether it asks for more than the whole match and what is around it.
    pub fn reads_groups(&self) -> bool {
        let reads = |piece: &Piece<'_>| matches!(piece, Piece::Group(index) if *index > 0);
        self.0.iter().any(reads)
    }

    /// Stops once more is written than may be made at all.
    pub(super) fn write(&self, found: &Found<'_>, text: &str, out: &mut String) {
        for piece in &self.0 {
            if out.len() > MAX_RESULT {
                return;
            }
            out.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Group(index) => {
                    let group = found.group(*index);
                    group.and_then(|range| text.get(range)).unwrap_or_default()
                }
                Piece::Before => text.get(..found.whole.start).unwrap_or_default(),
                Piece::After => text.get(found.whole.end..).unwrap_or_default(),
                Piece::Input => text,
            });
        }
    }
}

/// What the characters after a dollar sign mean, and how many bytes of them belong to it.
fn sign_piece(rest: &str, groups: &Groups) -> Option<(Piece<'static>, usize)> {
    let simple = match rest.chars().next()? {
        '$' => Some(Piece::Text("$")),
        '&' => Some(Piece::Group(0)),
        '`' => Some(Piece::Before),
        '\'' => Some(Piece::After),
        '_' => Some(Piece::Input),
        '+' => Some(Piece::Group(groups.last())),
        _ => None,
    };
    if let Some(piece) = simple {
        return Some((piece, 1));
    }
    if let Some((name, _)) = rest.strip_prefix('{').and_then(|name| name.split_once('}')) {
        return groups
            .find(name)
            .map(|index| (Piece::Group(index), name.len() + 2));
    }
    let digits = rest.len() - rest.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    let index = groups.find(rest.get(..digits).filter(|number| !number.is_empty())?)?;
    Some((Piece::Group(index), digits))
}
