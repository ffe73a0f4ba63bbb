//! A .NET pattern, rewritten for `fancy-regex`.
//!
//! | .NET | here |
//! | --- | --- |
//! | `$`, `\Z` | the end of the text, or before its last line break |
//! | `{` that starts no repetition, lone `}` and `]` | themselves |
//! | `\/`, `\,`, `\<` and other escaped signs | the sign |
//! | `\uFFFF`, `\xFF`, `\cA`, `\0`, `\e` | the character |
//! | `[`, `&`, `~` in a class | themselves; `[a-z-[aeiou]]` is a difference |
//! | `\1` | the first unnamed group; named ones count after all unnamed |
//! | `(?'name'…)` | `(?<name>…)` |
//!
//! Conditional and balancing groups, the flag `n` and unknown escapes are refused.

use std::iter::Peekable;
use std::str::Chars;

/// Deepest nesting of groups, and of differences in classes.
const MAX_DEPTH: usize = 50;

/// Characters inside a repetition, two numbers of 32 bits and a comma, and one that would be too many. Every `{`
/// is looked behind, and one that is never closed must not have all the rest looked at.
const LONGEST_REPETITION: usize = 22;

/// What `$` means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    Text,
    BeforeLineBreak,
}

impl LineEnd {
    fn regex(self) -> &'static str {
        match self {
            LineEnd::Text => r"\z",
            LineEnd::BeforeLineBreak => r"(?=\n?\z)",
        }
    }
}

/// The capturing groups.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// In the order of their opening brackets; unnamed ones are `None`.
    names: Vec<Option<String>>,
    /// The first group is all there is of the pattern. What is written for `Replace` often is like that, because it
    /// asks for a group; what it holds is known without looking for groups at all.
    first_is_whole: bool,
}

impl Groups {
    /// Index in the engine of a group given by name or by .NET's number; 0 is the whole match, and so is a group around
    /// all of the pattern.
    pub fn find(&self, name: &str) -> Option<usize> {
        let index = match name.parse() {
            Ok(number) => self.numbered(number),
            Err(_) => self
                .names
                .iter()
                .position(|group| group.as_deref() == Some(name))
                .map(|index| index + 1),
        };
        index.map(|index| {
            if index == 1 && self.first_is_whole {
                0
            } else {
                index
            }
        })
    }

    fn numbered(&self, number: usize) -> Option<usize> {
        let unnamed = self.names.iter().enumerate().filter(|(_, group)| group.is_none());
        let named = self.names.iter().enumerate().filter(|(_, group)| group.is_some());
        match number.checked_sub(1) {
            None => Some(0),
            Some(place) => unnamed.chain(named).nth(place).map(|(index, _)| index + 1),
        }
    }

    /// The group with the highest number.
    pub fn last(&self) -> usize {
        self.numbered(self.names.len()).unwrap_or(0)
    }
}

pub struct Translated {
    pub regex: String,
    pub groups: Groups,
}

pub fn translate(pattern: &str, end: LineEnd) -> Result<Translated, String> {
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len()),
        groups: Groups::default(),
        references: Vec::new(),
        flags: vec![Flags::default()],
        first_group: FirstGroup::Elsewhere,
        end,
    };
    while let Some(next) = translator.rest.next() {
        translator.item(next)?;
    }
    translator.finish()
}

struct Translator<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
    groups: Groups,
    /// Numbered references: where they go in `out`, and .NET's number. The groups they mean may come later.
    references: Vec<(usize, usize)>,
    /// What holds inside each open bracket; the first is for outside of all.
    flags: Vec<Flags>,
    first_group: FirstGroup,
    end: LineEnd,
}

/// The group with which a pattern may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstGroup {
    Elsewhere,
    Open,
    /// It ends here in `out`.
    Closed(usize),
}

#[derive(Clone, Copy, Default)]
struct Flags {
    /// `m`: `$` matches at the end of every line.
    multiline: bool,
    /// `x`: white space and comments mean nothing.
    extended: bool,
}

impl Translator<'_> {
    fn item(&mut self, item: char) -> Result<(), String> {
        let flags = self.current_flags();
        match item {
            '\\' => self.escape()?,
            '[' => self.class(0)?,
            '(' => self.open()?,
            ')' => {
                self.flags.pop();
                self.out.push(')');
                if self.flags.len() == 1 && self.first_group == FirstGroup::Open {
                    self.first_group = FirstGroup::Closed(self.out.len());
                }
            }
            '$' if flags.multiline => self.out.push('$'),
            '$' => self.out.push_str(self.end.regex()),
            '*' | '+' | '?' => return self.repeat(&item.to_string()),
            '{' => match self.repetition() {
                Some(repetition) => return self.repeat(&repetition),
                None => self.out.push_str(r"\{"),
            },
            '}' => self.out.push_str(r"\}"),
            ']' => self.out.push_str(r"\]"),
            '#' if flags.extended => {
                self.rest.by_ref().find(|char| *char == '\n');
            }
            blank if flags.extended && blank.is_whitespace() => {}
            other => self.out.push(other),
        }
        Ok(())
    }

    fn current_flags(&self) -> Flags {
        self.flags.last().copied().unwrap_or_default()
    }

    fn enter(&mut self, flags: Flags) -> Result<(), String> {
        self.flags.push(flags);
        match self.flags.len() > MAX_DEPTH {
            true => Err(format!("groups are nested deeper than {MAX_DEPTH}")),
            false => Ok(()),
        }
    }

    /// A repetition, lazy with a question mark behind it. Yet another sign would make it possessive elsewhere; .NET has
    /// no such thing.
    fn repeat(&mut self, repetition: &str) -> Result<(), String> {
        self.out.push_str(repetition);
        self.out.extend(self.rest.next_if_eq(&'?'));
        match self.rest.peek() {
            Some(sign @ ('*' | '+' | '?')) => Err(format!("`{sign}` repeats what is repeated already")),
            _ => Ok(()),
        }
    }

    /// `{3}`, `{3,}` or `{3,5}`; nothing is taken if the bracket starts none.
    fn repetition(&mut self) -> Option<String> {
        let near = self.rest.clone().take(LONGEST_REPETITION);
        let inside: String = near.take_while(|char| *char != '}').collect();
        let (least, most) = inside.split_once(',').unwrap_or((&inside, "0"));
        let is_number = |text: &str| !text.is_empty() && text.chars().all(|char| char.is_ascii_digit());
        let closed = self.rest.clone().nth(inside.chars().count()) == Some('}');
        if !closed || !is_number(least) || !(most.is_empty() || is_number(most)) {
            return None;
        }
        self.rest.nth(inside.chars().count());
        Some(format!("{{{inside}}}"))
    }

    fn open(&mut self) -> Result<(), String> {
        let flags = self.current_flags();
        if self.rest.peek() == Some(&'*') {
            return Err("there is nothing to repeat before `*`".to_owned());
        }
        if self.rest.peek() != Some(&'?') {
            self.group(None);
            self.out.push('(');
            return self.enter(flags);
        }
        self.rest.next();
        let mut ahead = self.rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('#'), _) => {
                self.rest.by_ref().find(|char| *char == ')');
                return Ok(());
            }
            (Some('('), _) => return Err("conditional groups are not supported".to_owned()),
            (Some('<'), Some('=' | '!')) | (Some(':' | '=' | '!' | '>'), _) => self.out.push_str("(?"),
            (Some('<'), _) => self.named_group('>')?,
            (Some('\''), _) => self.named_group('\'')?,
            _ => return self.switch_flags(flags),
        }
        self.enter(flags)
    }

    fn named_group(&mut self, close: char) -> Result<(), String> {
        let name = self.name(close)?;
        self.group(Some(name.clone()));
        self.out.push_str(&format!("(?<{name}>"));
        Ok(())
    }

    /// A group that opens here.
    fn group(&mut self, name: Option<String>) {
        if self.out.is_empty() {
            self.first_group = FirstGroup::Open;
        }
        self.groups.names.push(name);
    }

    /// The name after `<` or `'`, which are taken too.
    fn name(&mut self, close: char) -> Result<String, String> {
        self.rest.next();
        let mut name = String::new();
        loop {
            match self.rest.next() {
                Some(char) if char == close && !name.is_empty() => return Ok(name),
                Some(char) if char.is_alphanumeric() || char == '_' => name.push(char),
                Some('-') => return Err("balancing groups are not supported".to_owned()),
                _ => return Err("a group name has letters, digits and `_` only".to_owned()),
            }
        }
    }

    /// `(?im)` or `(?im:`, after the question mark.
    fn switch_flags(&mut self, mut flags: Flags) -> Result<(), String> {
        let mut on = true;
        self.out.push_str("(?");
        loop {
            let flag = self.rest.next().ok_or("a group is not closed")?;
            self.out.push(flag);
            match flag {
                '-' => on = false,
                'm' => flags.multiline = on,
                'x' => flags.extended = on,
                'i' | 's' => {}
                ':' => return self.enter(flags),
                ')' => {
                    if let Some(current) = self.flags.last_mut() {
                        *current = flags;
                    }
                    return Ok(());
                }
                other => return Err(format!("`(?{other}` is not supported")),
            }
        }
    }

    /// After a backslash outside a class.
    fn escape(&mut self) -> Result<(), String> {
        let Some(escaped) = self.rest.next() else {
            return Err("a pattern cannot end in a single backslash".to_owned());
        };
        match escaped {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B' | 'A' | 'G' | 'z' => self.shorthand(escaped),
            'Z' => self.out.push_str(self.end.regex()),
            'p' | 'P' => self.property(escaped)?,
            'k' => self.reference()?,
            '1'..='9' => {
                let mut number = String::from(escaped);
                while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
                    number.push(digit);
                }
                self.references
                    .push((self.out.len(), number.parse().unwrap_or(usize::MAX)));
            }
            other => {
                let literal = self.character(other)?;
                self.literal(literal);
            }
        }
        Ok(())
    }

    fn shorthand(&mut self, letter: char) {
        self.out.push('\\');
        self.out.push(letter);
    }

    /// `\p{Lu}`, after the letter.
    fn property(&mut self, letter: char) -> Result<(), String> {
        let rest: String = self.rest.by_ref().take_while(|char| *char != '}').collect();
        let Some(name) = rest.strip_prefix('{') else {
            return Err(format!("expected `\\{letter}{{…}}`"));
        };
        self.out.push_str(&format!("\\{letter}{{{name}}}"));
        Ok(())
    }

    /// `\k<name>` or `\k'name'`, after the `k`.
    fn reference(&mut self) -> Result<(), String> {
        let name = match self.rest.peek() {
            Some('<') => self.name('>')?,
            Some('\'') => self.name('\'')?,
            _ => return Err(r"expected `\k<name>`".to_owned()),
        };
        match name.parse() {
            Ok(number) => self.references.push((self.out.len(), number)),
            Err(_) => self.out.push_str(&format!(r"\k<{name}>")),
        }
        Ok(())
    }

    /// The character that an escape stands for.
    fn character(&mut self, escaped: char) -> Result<char, String> {
        let code = match escaped {
            'a' => 0x07,
            'f' => 0x0C,
            'n' => 0x0A,
            'r' => 0x0D,
            't' => 0x09,
            'v' => 0x0B,
            'e' => 0x1B,
            'x' => self.digits(16, 2, 2)?,
            'u' => self.digits(16, 4, 4)?,
            '0' => self.digits(8, 0, 2)?,
            'c' => match self.rest.next() {
                Some(letter) if letter.is_ascii_alphabetic() => u32::from(letter.to_ascii_uppercase()) - 64,
                _ => return Err(r"expected a letter after `\c`".to_owned()),
            },
            letter if letter.is_alphanumeric() || letter == '_' => {
                return Err(format!(r"`\{letter}` has no meaning in a pattern"));
            }
            sign => u32::from(sign),
        };
        char::from_u32(code).ok_or_else(|| format!("{code:X} is half of a character"))
    }

    fn digits(&mut self, radix: u32, least: usize, most: usize) -> Result<u32, String> {
        let digits: String = self
            .rest
            .clone()
            .take(most)
            .take_while(|char| char.is_digit(radix))
            .collect();
        if digits.len() < least {
            return Err(format!("expected {least} digits after an escape"));
        }
        for _ in 0..digits.len() {
            self.rest.next();
        }
        Ok(u32::from_str_radix(&digits, radix).unwrap_or(0))
    }

    fn literal(&mut self, literal: char) {
        if literal.is_alphanumeric() {
            self.out.push(literal);
        } else {
            self.out.push_str(&format!(r"\x{{{:X}}}", u32::from(literal)));
        }
    }

    /// After the `[` of a class, which may have other classes taken away from it.
    fn class(&mut self, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("classes are nested deeper than {MAX_DEPTH}"));
        }
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let item = self.rest.next().ok_or("a `[` is not closed")?;
            match item {
                ']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                '-' if !first && self.rest.next_if_eq(&'[').is_some() => {
                    self.out.push_str("--");
                    self.class(depth + 1)?;
                }
                item => self.class_item(item)?,
            }
            first = false;
        }
    }

    fn class_item(&mut self, item: char) -> Result<(), String> {
        let Some(from) = self.class_character(item)? else {
            return Ok(());
        };
        let mut ahead = self.rest.clone();
        let range = ahead.next() == Some('-') && !matches!(ahead.next(), None | Some(']' | '['));
        self.literal(from);
        if !range {
            return Ok(());
        }
        self.rest.next();
        let item = self.rest.next().ok_or("a `[` is not closed")?;
        self.out.push('-');
        match self.class_character(item)? {
            Some(to) if from <= to => {
                self.literal(to);
                Ok(())
            }
            _ => Err("a range in `[…]` runs backwards".to_owned()),
        }
    }

    /// The character an item of a class stands for; `None` for a set such as `\d`, which is written at once.
    fn class_character(&mut self, item: char) -> Result<Option<char>, String> {
        if item != '\\' {
            return Ok(Some(item));
        }
        match self.rest.next().ok_or("a `[` is not closed")? {
            letter @ ('d' | 'D' | 'w' | 'W' | 's' | 'S') => {
                self.shorthand(letter);
                Ok(None)
            }
            letter @ ('p' | 'P') => self.property(letter).map(|()| None),
            'b' => Ok(Some('\u{8}')),
            other => self.character(other).map(Some),
        }
    }

    fn finish(mut self) -> Result<Translated, String> {
        self.groups.first_is_whole = self.first_group == FirstGroup::Closed(self.out.len());
        for (place, number) in self.references.iter().rev() {
            let Some(index) = self.groups.numbered(*number).filter(|_| *number > 0) else {
                return Err(format!(r"`\{number}` refers to a group that does not exist"));
            };
            self.out.insert_str(*place, &format!(r"(?:\{index})"));
        }
        Ok(Translated {
            regex: self.out,
            groups: self.groups,
        })
    }
}
