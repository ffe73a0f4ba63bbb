//! Text into tokens. Offsets count characters, because that is what an editor shows.
//!
//! The language has few tokens but two traps: a backslash escapes only a quote or another backslash
//! (`"\,"` holds two characters), and an attribute name may itself contain brackets
//! (`[emails[type eq "work"].value]`), so brackets are balanced.

use std::iter::Peekable;
use std::str::Chars;

use super::ParseError;
use super::node::Operator;

#[derive(Debug, PartialEq)]
pub enum Token {
    Name(String),
    Attribute(String),
    Text(String),
    /// The value and the way it was written, `&HF` for 15.
    Number(i64, String),
    /// `%DomainFQDN%`, without the percent signs.
    Setting(String),
    Open,
    Close,
    Comma,
    Operator(Operator),
    /// `&` between two values.
    Concatenation,
}

impl Token {
    /// For "expected …, found …".
    pub fn describe(&self) -> String {
        match self {
            Token::Name(name) => format!("`{name}`"),
            Token::Attribute(name) => format!("the attribute [{name}]"),
            Token::Text(_) => "a text in quotes".to_owned(),
            Token::Number(_, written) => format!("the number {written}"),
            Token::Setting(name) => format!("%{name}%"),
            Token::Open => "`(`".to_owned(),
            Token::Close => "`)`".to_owned(),
            Token::Comma => "a comma".to_owned(),
            Token::Operator(operator) => format!("`{}`", operator.symbol()),
            Token::Concatenation => "`&`".to_owned(),
        }
    }

    /// Whether a value ends here, so that a following `&` joins two values and does not start `&HF`.
    fn ends_value(&self) -> bool {
        !matches!(
            self,
            Token::Open | Token::Comma | Token::Operator(_) | Token::Concatenation
        )
    }
}

#[derive(Debug)]
pub struct Located {
    pub token: Token,
    pub at: usize,
}

pub fn tokens(text: &str) -> Result<Vec<Located>, ParseError> {
    let mut scanner = Scanner {
        rest: text.chars().peekable(),
        at: 0,
    };
    let mut tokens: Vec<Located> = Vec::new();
    loop {
        scanner.take_while(char::is_whitespace);
        let at = scanner.at;
        let after_value = tokens.last().is_some_and(|last| last.token.ends_value());
        match scanner.token(after_value)? {
            Some(token) => tokens.push(Located { token, at }),
            None => return Ok(tokens),
        }
    }
}

struct Scanner<'t> {
    rest: Peekable<Chars<'t>>,
    at: usize,
}

impl Scanner<'_> {
    fn token(&mut self, after_value: bool) -> Result<Option<Token>, ParseError> {
        let at = self.at;
        let Some(first) = self.take() else { return Ok(None) };
        let token = match first {
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '=' => Token::Operator(Operator::Equal),
            '<' if self.take_if('>') => Token::Operator(Operator::NotEqual),
            '<' if self.take_if('=') => Token::Operator(Operator::AtMost),
            '<' => Token::Operator(Operator::Less),
            '>' if self.take_if('=') => Token::Operator(Operator::AtLeast),
            '>' => Token::Operator(Operator::Greater),
            '&' if after_value => Token::Concatenation,
            '&' => self.hexadecimal(at)?,
            '"' => self.text(at)?,
            '[' => self.attribute(at)?,
            '%' => self.setting(at)?,
            '-' | '0'..='9' => self.number(first, at)?,
            letter if letter.is_alphabetic() => {
                let mut name = String::from(letter);
                name.push_str(&self.take_while(|next| next.is_alphanumeric() || next == '_'));
                Token::Name(name)
            }
            other => return Err(ParseError::new(format!("`{other}` has no meaning here"), at)),
        };
        Ok(Some(token))
    }

    fn text(&mut self, at: usize) -> Result<Token, ParseError> {
        let mut text = String::new();
        loop {
            match self.take() {
                None => {
                    return Err(ParseError::new(
                        "the text that starts here has no closing quote",
                        at,
                    ));
                }
                Some('"') => return Ok(Token::Text(text)),
                Some('\\') => match self.rest.peek() {
                    Some('"') | Some('\\') => text.extend(self.take()),
                    _ => text.push('\\'),
                },
                Some(other) => text.push(other),
            }
        }
    }

    fn attribute(&mut self, at: usize) -> Result<Token, ParseError> {
        let mut name = String::new();
        let mut open = 0;
        loop {
            match self.take() {
                None => {
                    return Err(ParseError::new(
                        "the attribute that starts here has no closing `]`",
                        at,
                    ));
                }
                Some(']') if open == 0 => break,
                Some(other) => {
                    open += i32::from(other == '[') - i32::from(other == ']');
                    name.push(other);
                }
            }
        }
        if name.trim().is_empty() {
            return Err(ParseError::new(
                "expected the name of an attribute between the brackets",
                at,
            ));
        }
        Ok(Token::Attribute(name))
    }

    fn setting(&mut self, at: usize) -> Result<Token, ParseError> {
        let name = self.take_while(char::is_alphabetic);
        if name.is_empty() || !self.take_if('%') {
            return Err(ParseError::new("expected a setting such as %DomainFQDN%", at));
        }
        Ok(Token::Setting(name))
    }

    fn number(&mut self, first: char, at: usize) -> Result<Token, ParseError> {
        let mut written = String::from(first);
        written.push_str(&self.take_while(|next| next.is_alphanumeric() || matches!(next, '.' | '_')));
        let value = written
            .parse()
            .ok()
            .filter(|_| written.chars().any(|digit| digit.is_ascii_digit()));
        match value {
            Some(value) => Ok(Token::Number(value, written)),
            None => Err(ParseError::new(format!("`{written}` is no whole number"), at)),
        }
    }

    fn hexadecimal(&mut self, at: usize) -> Result<Token, ParseError> {
        let written = self.take_while(char::is_alphanumeric);
        let digits = written.strip_prefix(['H', 'h']).unwrap_or_default();
        match i64::from_str_radix(digits, 16) {
            Ok(value) => Ok(Token::Number(value, format!("&{written}"))),
            Err(_) => Err(ParseError::new(
                "expected a hexadecimal number such as &HF, or a value before `&`",
                at,
            )),
        }
    }

    fn take(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.at += usize::from(next.is_some());
        next
    }

    fn take_if(&mut self, wanted: char) -> bool {
        self.rest.peek() == Some(&wanted) && self.take().is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while self.rest.peek().is_some_and(|next| wanted(*next)) {
            taken.extend(self.take());
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Token> {
        tokens(text)
            .unwrap()
            .into_iter()
            .map(|located| located.token)
            .collect()
    }

    #[test]
    fn a_backslash_escapes_only_quotes_and_backslashes() {
        for (written, meant) in [
            (r#""\\""#, r"\"),
            (r#""\"""#, r#"""#),
            (r#""\,""#, r"\,"),
            (r#""\2C""#, r"\2C"),
            (r#""\\+""#, r"\+"),
            (r#""\+""#, r"\+"),
        ] {
            assert_eq!(kinds(written), [Token::Text(meant.to_owned())], "{written}");
        }
    }

    #[test]
    fn brackets_in_attribute_names_are_balanced() {
        let name = r#"emails[type eq "work"].value"#;
        assert_eq!(kinds(&format!("[{name}]")), [Token::Attribute(name.to_owned())]);
    }

    #[test]
    fn an_ampersand_joins_values_or_starts_a_hexadecimal_number() {
        assert_eq!(kinds("&HF7"), [Token::Number(247, "&HF7".to_owned())]);
        assert_eq!(
            kinds("[a]&[b]"),
            [
                Token::Attribute("a".to_owned()),
                Token::Concatenation,
                Token::Attribute("b".to_owned())
            ]
        );
    }

    #[test]
    fn what_is_no_token_is_refused_where_it_stands() {
        for (text, at) in [
            ("  \"open", 2),
            ("Trim([open", 5),
            ("1.5", 0),
            ("12ab", 0),
            ("-", 0),
            ("99999999999999999999", 0),
            ("%12%", 0),
            ("[]", 0),
            ("a ; b", 2),
            ("& 5", 0),
            ("é é ?", 4),
        ] {
            assert_eq!(tokens(text).unwrap_err().at, at, "{text}");
        }
    }
}
