//! Why an attribute is empty: nobody asked for the data, Workday did not send it, or the XPath selects nothing in it.

use std::fmt;

use super::response_group::{self, DataSet};
use super::tree::{Node, Tree};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The request did not ask for it: it lacks this flag, or has it although it excludes.
    NotRequested { flag: &'static str },
    /// It was asked for, and this worker has none of it.
    NotSent { data: DataSet },
    /// The XPath asks for a label, and this worker's references have none.
    NoDescriptors,
    /// The data is there, and the XPath selects nothing in it.
    NoMatch,
}

impl Absence {
    /// Why this XPath selected nothing in this worker. `group` is what the answer repeats of the request.
    pub fn of(xpath: &str, tree: &Tree, group: Option<&[(String, bool)]>) -> Absence {
        let is_sent = |data: &DataSet| find(tree, *data).is_some();
        let absent = response_group::data_sets(xpath).find(|data| !is_sent(data));
        match (response_group::missing(xpath, group), absent) {
            // What is there was sent, whatever the answer says was asked for.
            (Some(flag), Some(_)) => Absence::NotRequested { flag },
            (Some(flag), None) if flag.starts_with("Exclude") => Absence::NotRequested { flag },
            (_, Some(data)) => Absence::NotSent { data },
            _ if xpath.contains("@wd:Descriptor") && !has_descriptors(tree) => Absence::NoDescriptors,
            _ => Absence::NoMatch,
        }
    }

    /// For machines.
    pub fn reason(self) -> &'static str {
        match self {
            Absence::NotRequested { .. } => "notRequested",
            Absence::NotSent { .. } => "notSent",
            Absence::NoDescriptors => "noDescriptors",
            Absence::NoMatch => "noMatch",
        }
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absence::NotRequested { flag } if flag.starts_with("Exclude") => {
                write!(f, "data set not requested: the request has {flag}")
            }
            Absence::NotRequested { flag } => write!(f, "data set not requested: the request lacks {flag}"),
            Absence::NotSent { data } => write!(
                f,
                "data set absent in the answer: there is no {}; the worker has none, or the integration user may not read it",
                data.element
            ),
            Absence::NoDescriptors => f.write_str(
                "XPath matched nothing: there are no descriptors; the request has to ask for them (Include_Reference_Descriptors_In_Response)",
            ),
            Absence::NoMatch => f.write_str("XPath matched nothing"),
        }
    }
}

pub(super) fn find(tree: &Tree, data: DataSet) -> Option<Node> {
    let worker = tree.root()?;
    let parent = match data.is_beside_data {
        true => worker,
        false => tree.child(worker, "Worker_Data")?,
    };
    tree.child(parent, data.element)
}

/// Whether any reference has its label. Address lines have theirs, whatever the request says.
pub(super) fn has_descriptors(tree: &Tree) -> bool {
    let mut elements = tree.descendants_or_self(Node::DOCUMENT);
    elements.any(|element| {
        tree.local(element).ends_with("_Reference") && tree.attribute(element, "Descriptor").is_some()
    })
}
