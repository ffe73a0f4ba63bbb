//! Expressions by the grammar, with a mistake here and there: what is read prints to the same expression, as a text and
//! as a stored tree; what is refused is refused at a place inside the text.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use muster::domain::expression::Expression;
use muster::domain::expression::tree::Tree;
use muster_fuzz::MAX_LENGTH;
use muster_fuzz::expression::Written;

#[derive(Arbitrary, Debug)]
struct Input {
    written: Written,
    mistakes: Vec<Mistake>,
}

#[derive(Arbitrary, Debug)]
struct Mistake {
    at: u16,
    insert: Option<char>,
}

fuzz_target!(|input: Input| {
    let mut text: Vec<char> = input.written.0.chars().collect();
    for mistake in input.mistakes.iter().take(3) {
        let at = usize::from(mistake.at).min(text.len());
        match mistake.insert {
            Some(char) => text.insert(at, char),
            None if at < text.len() => drop(text.remove(at)),
            None => {}
        }
    }
    let text: String = text.into_iter().collect();
    let expression = match Expression::parse(&text) {
        Ok(expression) => expression,
        Err(error) => return assert!(error.at <= text.chars().count(), "{text}: {error}"),
    };
    let printed = expression.to_string();
    // Backslashes are doubled, so that a text at the limit may print to one beyond it.
    if printed.chars().count() > MAX_LENGTH {
        return;
    }
    let again = Expression::parse(&printed);
    assert_eq!(again.as_ref(), Ok(&expression), "{text} printed {printed}");
    assert_eq!(again.map(|again| again.to_string()), Ok(printed));

    let tree = expression.tree();
    let back = Expression::from_tree(&tree);
    assert_eq!(back.map(|back| back.tree()), Ok(tree.clone()), "{text}");
    // Trees of clients that write names only are read or refused.
    let mut bare = tree;
    forget_texts(&mut bare);
    let _ = Expression::from_tree(&bare);
});

fn forget_texts(tree: &mut Tree) {
    tree.expression = None;
    tree.parameters
        .iter_mut()
        .for_each(|parameter| forget_texts(&mut parameter.value));
}
