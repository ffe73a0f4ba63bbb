//! Any text: it is an expression, or it is refused at a place inside it. White space around it changes nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster::domain::expression::Expression;
use muster_fuzz::MAX_LENGTH;

const BEFORE: &str = "\t\n ";

fuzz_target!(|text: &str| {
    let length = text.chars().count();
    let read = Expression::parse(text);
    if let Err(error) = &read {
        assert!(error.at <= length, "{error}");
        assert!(!error.message.is_empty());
    }
    if length + BEFORE.len() > MAX_LENGTH {
        return;
    }
    match (&read, Expression::parse(&format!("{BEFORE}{text}"))) {
        (Ok(read), Ok(moved)) => assert_eq!(*read, moved),
        (Err(read), Err(moved)) => {
            assert_eq!(read.message, moved.message);
            assert_eq!(read.at + BEFORE.len(), moved.at);
        }
        (read, moved) => panic!("{read:?} became {moved:?}"),
    }
    let longer = Expression::parse(&format!("{text}{BEFORE}"));
    assert_eq!(read.as_ref().ok(), longer.as_ref().ok());
});
