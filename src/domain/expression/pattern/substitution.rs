//! What stands in a replacement: text, and .NET's signs for what was found.
//!
//! `$1` `${1}` `${name}` a group · `$&` the match · `` $` `` and `$'` what is before and after it · `$_` the
//! whole text · `$+` the last group · `$$` a dollar sign. Any other `$`, and a group the pattern does not
//! have, is plain text.

use std::ops::Range;

use fancy_regex::Captures;

use super::MAX_RESULT;
use super::dialect::Groups;

pub struct Substitution(Vec<Piece>);

enum Piece {
    Text(String),
    Group(usize),
    Before,
    After,
    Input,
}

impl Substitution {
    pub fn parse(written: &str, groups: &Groups) -> Substitution {
        let mut pieces = Vec::new();
        let mut rest = written;
        while let Some((text, sign)) = rest.split_once('$') {
            pieces.push(Piece::Text(text.to_owned()));
            let (piece, length) = sign_piece(sign, groups).unwrap_or((Piece::Text("$".to_owned()), 0));
            pieces.push(piece);
            rest = sign.get(length..).unwrap_or_default();
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Substitution(pieces)
    }

    /// Stops once more is written than may be made at all.
    pub fn write(&self, captures: &Captures<'_, str>, text: &str, found: Range<usize>, out: &mut String) {
        for piece in &self.0 {
            if out.len() > MAX_RESULT {
                return;
            }
            out.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Group(index) => captures.get(*index).map_or("", |group| group.as_str()),
                Piece::Before => text.get(..found.start).unwrap_or_default(),
                Piece::After => text.get(found.end..).unwrap_or_default(),
                Piece::Input => text,
            });
        }
    }
}

/// What the characters after a dollar sign mean, and how many bytes of them belong to it.
fn sign_piece(rest: &str, groups: &Groups) -> Option<(Piece, usize)> {
    let simple = match rest.chars().next()? {
        '$' => Some(Piece::Text("$".to_owned())),
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
