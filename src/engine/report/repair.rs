//! What to do about a cause, by the log's code.

/// One row per code whose reason does not say it all.
#[rustfmt::skip]
const REPAIRS: &[(&str, &str)] = &[
    ("AccountStateNotStated",     "Have HR say whether these people are active; until then their accounts stay disabled."),
    ("DeletedElsewhere",          "Restore the accounts by hand, or delete the links so that others are made."),
    ("DisabledElsewhere",         "Ask who disabled the accounts; enable them by hand, or have HR say active again."),
    ("DuplicateSourceEntries",    "Correct the matching value of one of the records in HR."),
    ("DuplicateTargetEntries",    "Leave the matching value, or the name, to one account of the target."),
    ("EntrySynchronizationError", "Correct the mapping, or the value in HR that it cannot work with."),
    ("ImportSkipped",             "Have HR state the attribute by which people are matched."),
    ("InvalidAnchor",             "Restore the accounts, or delete the links so that these people are matched anew."),
    ("MissingValues",             "Have HR state what the attribute is mapped from, or give the mapping a default."),
    ("NotVisible",                "Let the integration user see these workers again, or have HR say that they left."),
    ("OutsideManagedContainers",  "Move the accounts below a managed container, or add theirs to `managed`."),
    ("ParentNotFound",            "Make the container, or correct what it is mapped from."),
    ("PendingProcess",            "Have HR finish or approve the open process of these workers."),
    ("UniqueValueNotChosen",      "Add a candidate to SelectUniqueValue that always differs."),
    ("UnrecoverableDelete",       "Turn on the Recycle Bin, set `delete_after`, or set `allow_unrecoverable`."),
    ("WorkerNotFound",            "Correct the worker ID in the directory, or let the integration user see the worker."),
];

const OTHERWISE: &str =
    "Correct what the cause names: it is tried again when HR says something new, and by itself up to daily.";

/// The one repair for everybody whom a cause hit.
pub fn repair(code: &str) -> &'static str {
    let row = REPAIRS.iter().find(|(one, _)| *one == code);
    row.map_or(OTHERWISE, |(_, repair)| repair)
}
