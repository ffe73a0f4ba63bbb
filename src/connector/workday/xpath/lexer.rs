//! Text to tokens (XPath 1.0, 3.7): whether a name is a name, an operator, a function or an axis depends on what
//! stands beside it.

use super::SyntaxError;

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Slash,
    DoubleSlash,
    Dot,
    DoubleDot,
    At,
    Comma,
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Operator(Operator),
    Literal(String),
    Number(f64),
    /// `wd:ID`, with the prefix if there is one.
    Name(Option<String>, String),
    /// `*`, or `wd:*`.
    Any(Option<String>),
    /// A name before a parenthesis.
    Function(String),
    /// `text(`, `node(` and the like, as a name before a parenthesis.
    NodeType(String),
    /// A name before `::`, which is part of it.
    Axis(String),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Div,
    Mod,
    Union,
}

/// Longer ones first.
#[rustfmt::skip]
const SYMBOLS: &[(&str, Token)] = &[
    ("//", Token::DoubleSlash),
    ("..", Token::DoubleDot),
    ("!=", Token::Operator(Operator::NotEqual)),
    ("<=", Token::Operator(Operator::LessOrEqual)),
    (">=", Token::Operator(Operator::GreaterOrEqual)),
    ("/",  Token::Slash),
    (".",  Token::Dot),
    ("@",  Token::At),
    (",",  Token::Comma),
    ("(",  Token::Open),
    (")",  Token::Close),
    ("[",  Token::OpenBracket),
    ("]",  Token::CloseBracket),
    ("|",  Token::Operator(Operator::Union)),
    ("=",  Token::Operator(Operator::Equal)),
    ("<",  Token::Operator(Operator::Less)),
    (">",  Token::Operator(Operator::Greater)),
    ("+",  Token::Operator(Operator::Plus)),
    ("-",  Token::Operator(Operator::Minus)),
];

/// Names that are operators where an operator can stand.
#[rustfmt::skip]
const WORDS: &[(&str, Operator)] = &[
    ("or",  Operator::Or),
    ("and", Operator::And),
    ("div", Operator::Div),
    ("mod", Operator::Mod),
];

const NODE_TYPES: &[&str] = &["text", "node", "comment", "processing-instruction"];

/// The tokens with the bytes they begin at; the last is [`Token::End`].
pub fn tokens(text: &str) -> Result<Vec<(Token, usize)>, SyntaxError> {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
    };
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let token = lexer.next()?;
        let is_last = token == Token::End;
        lexer.tokens.push((token, at));
        if is_last {
            return Ok(lexer.tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<(Token, usize)>,
}

impl<'t> Lexer<'t> {
    fn next(&mut self) -> Result<Token, SyntaxError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Token::End);
        };
        let digit_follows = rest[first.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        match first {
            '"' | '\'' => self.literal(first),
            '0'..='9' => self.number(),
            '.' if digit_follows => self.number(),
            '*' => {
                self.at += 1;
                Ok(match self.takes_operator() {
                    true => Token::Operator(Operator::Times),
                    false => Token::Any(None),
                })
            }
            _ if starts_name(first) => self.name(),
            _ => self.symbol(first),
        }
    }

    fn symbol(&mut self, first: char) -> Result<Token, SyntaxError> {
        if let Some((symbol, token)) = SYMBOLS.iter().find(|(symbol, _)| self.rest().starts_with(symbol)) {
            self.at += symbol.len();
            return Ok(token.clone());
        }
        let message = match first {
            '$' => "there are no variables".to_string(),
            '!' => "'!' is no operator by itself: write not(…) or !=".to_string(),
            '“' | '”' | '‘' | '’' => format!("{first} is a printer's quotation mark: write ' or \""),
            other => format!("{other:?} means nothing here"),
        };
        Err(SyntaxError::new(self.at, message))
    }

    fn literal(&mut self, quote: char) -> Result<Token, SyntaxError> {
        let inside = &self.rest()[1..];
        let Some(length) = inside.find(quote) else {
            return Err(SyntaxError::new(
                self.at,
                format!("the text that begins here has no closing {quote}"),
            ));
        };
        let literal = inside[..length].to_string();
        self.at += length + 2;
        Ok(Token::Literal(literal))
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let rest = self.rest();
        let whole = digits(rest);
        let length = match rest[whole..].strip_prefix('.') {
            Some(fraction) => whole + 1 + digits(fraction),
            None => whole,
        };
        let at = self.at;
        self.at += length;
        let number = rest[..length].parse();
        number
            .map(Token::Number)
            .map_err(|_| SyntaxError::new(at, "this is no number"))
    }

    fn name(&mut self) -> Result<Token, SyntaxError> {
        let at = self.at;
        let name = self.take_name();
        let word = WORDS.iter().find(|(word, _)| *word == name);
        if self.takes_operator() {
            return match word {
                Some((_, operator)) => Ok(Token::Operator(*operator)),
                None => Err(SyntaxError::new(
                    at,
                    format!("expected an operator (or, and, =, |, …) or the end, found '{name}'"),
                )),
            };
        }
        if self.rest().starts_with(':') && !self.rest().starts_with("::") {
            self.at += 1;
            if self.rest().starts_with('*') {
                self.at += 1;
                return Ok(Token::Any(Some(name)));
            }
            if !self.rest().starts_with(starts_name) {
                return Err(SyntaxError::new(
                    self.at,
                    format!("expected a name after '{name}:'"),
                ));
            }
            let local = self.take_name();
            return Ok(Token::Name(Some(name), local));
        }
        let ahead = self.rest().trim_start_matches(is_blank);
        if ahead.starts_with("::") {
            self.skip_blanks();
            self.at += 2;
            return Ok(Token::Axis(name));
        }
        Ok(match ahead.starts_with('(') {
            true if NODE_TYPES.contains(&name.as_str()) => Token::NodeType(name),
            true => Token::Function(name),
            false => Token::Name(None, name),
        })
    }

    fn take_name(&mut self) -> String {
        let rest = self.rest();
        let length = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
        self.at += length;
        rest[..length].to_string()
    }

    /// After what can be an operand, a name or a star is an operator.
    fn takes_operator(&self) -> bool {
        let last = self.tokens.last().map(|(token, _)| token);
        !matches!(
            last,
            None | Some(
                Token::At
                    | Token::Axis(_)
                    | Token::Open
                    | Token::OpenBracket
                    | Token::Comma
                    | Token::Slash
                    | Token::DoubleSlash
                    | Token::Operator(_)
            )
        )
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(is_blank).len();
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{b7}')
}
