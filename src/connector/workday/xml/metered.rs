//! An input that is counted, so that nobody sends more than is taken.

use std::io::{self, BufRead, Read};

use super::XmlError;

/// Counts what is read, and stops it at a limit.
pub struct Metered<R> {
    input: R,
    pub consumed: u64,
    answer: u64,
    /// Where the token in hand has to be at its end.
    token_end: u64,
    token: u64,
    /// What there was too much of, and how much would have been right.
    pub exceeded: Option<(&'static str, u64)>,
    pub is_at_end: bool,
}

impl<R: BufRead> Metered<R> {
    pub fn new(input: R, answer: u64) -> Metered<R> {
        Metered {
            input,
            consumed: 0,
            answer,
            token_end: u64::MAX,
            token: 0,
            exceeded: None,
            is_at_end: false,
        }
    }

    pub fn peek(&mut self) -> Result<&[u8], XmlError> {
        self.input
            .fill_buf()
            .map_err(|source| XmlError::Unreadable { at: 0, source })
    }

    pub fn begin_token(&mut self, limit: u64) {
        self.token = limit;
        self.token_end = self.consumed.saturating_add(limit);
    }
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let taken = available.len().min(into.len());
        into[..taken].copy_from_slice(&available[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.consumed > self.answer {
            self.exceeded = Some(("bytes", self.answer));
        } else if self.consumed > self.token_end {
            self.exceeded = Some(("bytes in one tag or text", self.token));
        }
        if self.exceeded.is_some() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let available = self.input.fill_buf()?;
        self.is_at_end = available.is_empty();
        Ok(available)
    }

    fn consume(&mut self, amount: usize) {
        self.consumed += amount as u64;
        self.input.consume(amount);
    }
}
