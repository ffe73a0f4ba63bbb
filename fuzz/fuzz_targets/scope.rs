//! Scoping filters over workers: a filter compiles or every bad clause is named; whoever is asked about is in or out, the
//! same each time; more alternatives never shut anybody out, and more conditions never let anybody in.

#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use muster::domain::schema::{Filter, FilterClause, FilterGroup, TargetOperand};
use muster::domain::scope::{Scope, operators};
use muster::domain::worker::Worker;
use muster_fuzz::world::{NAMES, value};

#[derive(Debug)]
struct Input {
    groups: Vec<FilterGroup>,
    input_filter_groups: Vec<FilterGroup>,
    worker: Worker,
}

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Input> {
        let mut worker = Worker::new("1");
        for name in NAMES {
            if u.ratio(3, 4)? {
                worker.attributes.insert(name.to_owned(), value(u, 1)?);
            }
        }
        Ok(Input {
            worker,
            groups: groups(u)?,
            input_filter_groups: groups(u)?,
        })
    }
}

fn groups(u: &mut Unstructured<'_>) -> Result<Vec<FilterGroup>> {
    let count = u.int_in_range(0..=3)?;
    (0..count)
        .map(|_| {
            let clauses = u.int_in_range(0..=4)?;
            Ok(FilterGroup {
                name: u.arbitrary()?,
                clauses: (0..clauses).map(|_| clause(u)).collect::<Result<_>>()?,
            })
        })
        .collect()
}

fn clause(u: &mut Unstructured<'_>) -> Result<FilterClause> {
    let names: Vec<&str> = operators().map(|(name, _, _)| name).collect();
    let operator_name = match u.ratio(15, 16)? {
        true => (*u.choose(&names)?).to_owned(),
        false => u.arbitrary()?,
    };
    let values: Vec<String> = (0..u.int_in_range(0..=2)?)
        .map(|_| match u.int_in_range(0..=3)? {
            0 => Ok(u.int_in_range(-9..=9)?.to_string()),
            1 => Ok(
                (*u.choose(&["^(a+)+$", "[", "(?=a)*", "a|b$", "\\d{1,3}", "^AAD_", "True", ""])?).to_owned(),
            ),
            _ => u.arbitrary(),
        })
        .collect::<Result<_>>()?;
    Ok(FilterClause {
        operator_name,
        source_operand_name: (*u.choose(&NAMES)?).to_owned(),
        target_operand: u.arbitrary::<bool>()?.then_some(TargetOperand { values }),
    })
}

fn filter(groups: &[FilterGroup], input_filter_groups: &[FilterGroup]) -> Filter {
    Filter {
        groups: groups.to_vec(),
        input_filter_groups: input_filter_groups.to_vec(),
        ..Filter::default()
    }
}

fuzz_target!(|input: Input| {
    let Input {
        groups,
        input_filter_groups,
        worker,
    } = &input;
    let scope = match Scope::compile(Some(&filter(groups, input_filter_groups))) {
        Ok(scope) => scope,
        Err(problems) => {
            assert!(!problems.is_empty() && problems.iter().all(|(place, problem)| !place.is_empty() && !problem.is_empty()));
            return;
        }
    };
    assert_eq!(scope.admits(worker), scope.admits(worker));
    assert_eq!(scope.reads(worker), scope.reads(worker));
    assert!(scope.attributes().iter().all(|(name, _)| NAMES.contains(name)));

    let admitted = scope.admits(worker).is_ok();
    let Some((last, others)) = groups.split_last() else {
        return assert!(admitted, "no filter admits everybody");
    };
    if let Ok(fewer) = Scope::compile(Some(&filter(others, &[])))
        && !others.is_empty()
        && fewer.admits(worker).is_ok()
    {
        assert!(admitted, "another alternative shut somebody out");
    }
    let mut looser = last.clone();
    looser.clauses.pop();
    let looser: Vec<FilterGroup> = others.iter().cloned().chain([looser]).collect();
    if let Ok(looser) = Scope::compile(Some(&filter(&looser, &[])))
        && admitted
    {
        assert!(looser.admits(worker).is_ok(), "another condition let somebody in");
    }
});
