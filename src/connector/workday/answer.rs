//! An answer to `Get_Workers`: what it says of itself, and its workers one at a time, however many there are.

use std::io::BufRead;

use thiserror::Error;

use super::names::Names;
use super::soap::{ENVELOPE, Fault};
use super::tree::{Node, Tree};
use super::xml::{Limits, Reader, XmlError, excerpt};
use crate::error::Kind;

/// The namespace of everything that Workday's web services say.
pub const WORKDAY: &str = "urn:com.workday/bsvc";

/// Reads one page. With the worker that was handed out last, the one before is gone.
pub struct Answer<R> {
    xml: Reader<R>,
    summary: Summary,
    place: Place,
    /// Elements around the answer itself.
    around: usize,
}

/// One worker of an answer.
#[derive(Clone, Copy)]
pub struct Worker<'a> {
    /// Its one element is a `wd:Worker`.
    pub tree: &'a Tree,
    /// What the answer has said of itself so far.
    pub answer: &'a Summary,
}

/// What the element is whose children come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Response,
    Workers,
    End,
}

/// What an answer says of itself. It is complete when the last worker was handed out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// `v40.0`.
    pub version: Option<String>,
    pub results: Option<Results>,
    pub filter: Option<Filter>,
    /// The `Response_Group` of the request as Workday repeats it; `None` if the request had none.
    pub group: Option<Vec<(String, bool)>>,
    /// Who was asked for and does not exist, from v31.2.
    pub unknown: Vec<Id>,
}

/// `Response_Results`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Results {
    pub total: u64,
    pub pages: u64,
    pub on_page: u64,
    /// From 1.
    pub page: u64,
}

/// `Response_Filter` as Workday repeats it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub as_of_effective_date: Option<String>,
    pub as_of_entry: Option<String>,
    pub page: Option<u64>,
    pub count: Option<u64>,
}

/// One identifier of a reference: `WID`, `Employee_ID`, `Contingent_Worker_ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    pub kind: String,
    pub value: String,
}

/// Why an answer gave no (further) workers.
#[derive(Debug, Error)]
pub enum AnswerError {
    #[error("the answer cannot be read: {0}")]
    Xml(#[from] XmlError),
    #[error("Workday refused: {0}")]
    Fault(Box<Fault>),
    #[error("this is no {wanted}, but {found}")]
    Other { wanted: &'static str, found: String },
}

impl From<AnswerError> for crate::error::Error {
    fn from(error: AnswerError) -> crate::error::Error {
        let kind = match &error {
            AnswerError::Fault(fault) => return (**fault).clone().into(),
            AnswerError::Xml(XmlError::TooLarge { .. }) => Kind::TooLarge,
            AnswerError::Xml(XmlError::Doctype { .. }) | AnswerError::Other { .. } => Kind::Invalid,
            // What was damaged on its way comes whole another time.
            AnswerError::Xml(_) => Kind::Unavailable,
        };
        crate::error::Error::new(kind, error.to_string()).because(error)
    }
}

const GET_WORKERS: &str = "Get_Workers_Response";

/// Reads another answer, which is small, to its end; `read` looks at the element `wanted`. `None` for a body without any
/// element, by which some operations say that all is well.
pub(super) fn whole<T>(
    input: impl BufRead,
    wanted: &'static str,
    read: impl FnOnce(&Tree, Node) -> T,
) -> Result<Option<T>, AnswerError> {
    let mut xml = Reader::new(input, Names::default(), SMALL)?;
    let Entered { around, is_there } = enter(&mut xml, wanted)?;
    let mut value = None;
    if is_there {
        let tree = xml.finish()?;
        value = tree.root().map(|root| read(tree, root));
    } else if around < 2 {
        return Err(AnswerError::Other {
            wanted,
            found: "an envelope without a body".into(),
        });
    }
    // An empty body was left already.
    finish(&mut xml, around - usize::from(!is_there))?;
    Ok(value)
}

/// What an answer about some hundred people may have.
const SMALL: Limits = Limits {
    answer: 256 << 20,
    token: 1 << 20,
    text: 64 << 20,
    nodes: 4_000_000,
    depth: 100,
    attributes: 100,
    names: 5_000,
    namespaces: 100,
};

/// How far in the answer itself is.
struct Entered {
    /// Elements around it.
    around: usize,
    is_there: bool,
}

/// Goes up to the answer itself. Nothing may be ahead of it but an envelope, its header and its body.
fn enter<R: BufRead>(xml: &mut Reader<R>, wanted: &'static str) -> Result<Entered, AnswerError> {
    let mut around = 0;
    loop {
        if !xml.open()? {
            return Ok(Entered {
                around,
                is_there: false,
            });
        }
        let Some(element) = xml.tree().root() else {
            continue;
        };
        let tree = xml.tree();
        let (uri, local) = (tree.names().uri(tree.name(element)), tree.local(element));
        match (uri, local) {
            (WORKDAY, local) if local == wanted => {
                return Ok(Entered {
                    around,
                    is_there: true,
                });
            }
            (ENVELOPE, "Envelope" | "Body") => around += 1,
            (ENVELOPE, "Header") => {
                xml.finish()?;
            }
            (ENVELOPE, "Fault") => return Err(fault(xml)?),
            _ => {
                return Err(AnswerError::Other {
                    wanted,
                    found: format!("{} of {}", excerpt(local), namespace(uri)),
                });
            }
        }
    }
}

/// What else is in the envelope, and then its end: an answer that was cut off has none.
fn finish<R: BufRead>(xml: &mut Reader<R>, around: usize) -> Result<(), XmlError> {
    for _ in 0..=around {
        while xml.open()? {
            xml.finish()?;
        }
    }
    Ok(())
}

impl<R: BufRead> Answer<R> {
    /// Reads up to the answer itself, in an envelope or bare. Trees are made with the numbers of `names`: those of the
    /// XPaths that will be evaluated on them.
    pub fn open(input: R, names: &Names, limits: Limits) -> Result<Answer<R>, AnswerError> {
        let mut xml = Reader::new(input, names.clone(), limits)?;
        let Entered {
            around,
            is_there: true,
        } = enter(&mut xml, GET_WORKERS)?
        else {
            return Err(AnswerError::Other {
                wanted: GET_WORKERS,
                found: "an envelope without anything in it".into(),
            });
        };
        let version = xml
            .tree()
            .root()
            .and_then(|it| xml.tree().attribute(it, "version"));
        let summary = Summary {
            version: version.map(str::to_string),
            ..Summary::default()
        };
        Ok(Answer {
            xml,
            summary,
            place: Place::Response,
            around,
        })
    }

    /// The next worker. `None` after the last, and only when all that follows has been read: an answer that was cut off
    /// has no last worker.
    pub fn worker(&mut self) -> Result<Option<Worker<'_>>, AnswerError> {
        while self.place != Place::End {
            if !self.xml.open()? {
                self.leave()?;
                continue;
            }
            let tree = self.xml.tree();
            let local = tree.root().map_or("", |element| tree.local(element));
            match (self.place, local) {
                (Place::Response, "Response_Data") => self.place = Place::Workers,
                (Place::Workers, "Worker") => {
                    self.xml.finish()?;
                    return Ok(Some(Worker {
                        tree: self.xml.tree(),
                        answer: &self.summary,
                    }));
                }
                _ => {
                    let tree = self.xml.finish()?;
                    if let Some(part) = tree.root() {
                        self.summary.take(tree, part);
                    }
                }
            }
        }
        Ok(None)
    }

    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Bytes read so far.
    pub fn at(&self) -> u64 {
        self.xml.at()
    }

    fn leave(&mut self) -> Result<(), XmlError> {
        if self.place == Place::Workers {
            self.place = Place::Response;
            return Ok(());
        }
        self.place = Place::End;
        finish(&mut self.xml, self.around)
    }
}

fn fault<R: BufRead>(xml: &mut Reader<R>) -> Result<AnswerError, XmlError> {
    let tree = xml.finish()?;
    let fault = tree.root().map(|root| Fault::read(tree, root));
    Ok(match fault {
        Some(fault) => AnswerError::Fault(Box::new(fault)),
        None => AnswerError::Other {
            wanted: "fault",
            found: "an empty one".into(),
        },
    })
}

fn namespace(uri: &str) -> String {
    match uri {
        "" => "no namespace".into(),
        WORKDAY => "Workday's namespace".into(),
        uri => format!("the namespace {}", excerpt(uri)),
    }
}

impl Summary {
    /// One part of the answer that is not the workers.
    fn take(&mut self, tree: &Tree, part: Node) {
        let text = |local| {
            tree.child(part, local)
                .map(|it| tree.string(it).trim().to_string())
        };
        let number = |local| text(local).and_then(|text| text.parse().ok());
        match tree.local(part) {
            "Response_Results" => {
                self.results = Some(Results {
                    total: number("Total_Results").unwrap_or_default(),
                    pages: number("Total_Pages").unwrap_or_default(),
                    on_page: number("Page_Results").unwrap_or_default(),
                    page: number("Page").unwrap_or_default(),
                });
            }
            "Response_Filter" => {
                self.filter = Some(Filter {
                    as_of_effective_date: text("As_Of_Effective_Date"),
                    as_of_entry: text("As_Of_Entry_DateTime"),
                    page: number("Page"),
                    count: number("Count"),
                });
            }
            "Response_Group" => {
                let flag = |flag| (tree.local(flag).to_string(), is_true(tree.string(flag)));
                self.group = Some(tree.elements(part).map(flag).collect());
            }
            "Invalid_Reference_ID_Response" => {
                let ids = tree
                    .descendants_or_self(part)
                    .filter(|node| tree.local(*node) == "ID");
                let id = |id| Id {
                    kind: tree.attribute(id, "type").unwrap_or_default().to_string(),
                    value: tree.string(id).trim().to_string(),
                };
                self.unknown.extend(ids.map(id));
            }
            _ => {}
        }
    }
}

/// A flag in either of the forms that XML Schema has for one.
fn is_true(text: &str) -> bool {
    matches!(text.trim(), "1" | "true")
}

impl Worker<'_> {
    /// An identifier of the worker's reference, such as the `WID`.
    pub fn id(&self, kind: &str) -> Option<&str> {
        let reference = self.tree.child(self.tree.root()?, "Worker_Reference")?;
        let mut ids = self
            .tree
            .elements(reference)
            .filter(|id| self.tree.attribute(*id, "type") == Some(kind));
        ids.next().map(|id| self.tree.string(id))
    }

    /// What Workday calls the worker on its pages, from v28 or so on.
    pub fn descriptor(&self) -> Option<&str> {
        let descriptor = self.tree.child(self.tree.root()?, "Worker_Descriptor")?;
        Some(self.tree.string(descriptor))
    }
}

#[cfg(test)]
mod tests;
