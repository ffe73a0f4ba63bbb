//! The simulated Workday answers as the real one is known to, as seen by a plain HTTP client; other people's clients
//! and the service's own schemas judge it.

mod company;
mod faults;
mod incremental;
mod judges;
mod requests;
mod shapes;
mod writeback;
mod year;

use std::net::TcpListener;

use jiff::Timestamp;
use muster::lab::workday::{self, Options, Settings, Workday};
use reqwest::{Client, Response};
use roxmltree::{Document, Node};
use serde_json::{Value as Json, json};
use tokio_util::sync::{CancellationToken, DropGuard};

pub const WD: &str = "urn:com.workday/bsvc";

/// Half past two in the night of Monday, in London; in California it is Sunday evening still.
pub const NOW: &str = "2026-01-19T02:29:16.009Z";

/// Some minutes later. Clocks go on, so what is entered at [`NOW`] is entered a little after it.
pub const LATER: &str = "2026-01-19T02:40:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A tenant of its own for a test.
pub struct Tenant {
    pub workday: Workday,
    pub http: Client,
    pub version: &'static str,
    /// Whether references are asked to have labels.
    pub descriptors: bool,
    _stop: DropGuard,
}

impl Tenant {
    /// So many people, at [`NOW`].
    pub fn start(workers: usize) -> Tenant {
        Tenant::with(workers, Settings::default())
    }

    pub fn with(workers: usize, settings: Settings) -> Tenant {
        let stop = CancellationToken::new();
        let options = Options {
            workers,
            settings,
            now: Some(at(NOW)),
            ..Options::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Tenant {
            workday: workday::start(options, listener, stop.clone()).unwrap(),
            http: Client::builder().no_proxy().build().unwrap(),
            version: "v40.0",
            descriptors: true,
            _stop: stop.drop_guard(),
        }
    }

    pub fn set_clock(&self, text: &str) {
        self.workday.controls.set_now(at(text));
    }

    pub fn envelope(&self, body: &str) -> String {
        let password = self.workday.password.replace('&', "&amp;");
        let header = match self.descriptors {
            true => {
                "<wd:Workday_Common_Header><wd:Include_Reference_Descriptors_In_Response>true\
                 </wd:Include_Reference_Descriptors_In_Response></wd:Workday_Common_Header>"
            }
            false => "",
        };
        format!(
            r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wd="{WD}">
            <soapenv:Header><wsse:Security soapenv:mustUnderstand="1"
              xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
              <wsse:UsernameToken><wsse:Username>{}</wsse:Username><wsse:Password>{password}</wsse:Password>
              </wsse:UsernameToken></wsse:Security>{header}</soapenv:Header>
            <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"#,
            self.workday.user
        )
    }

    pub fn address(&self) -> String {
        format!("{}/Human_Resources/{}", self.workday.url, self.version)
    }

    pub async fn post(&self, address: &str, message: String) -> Response {
        let request = self
            .http
            .post(address)
            .header("content-type", "text/xml; charset=utf-8");
        request.body(message).send().await.unwrap()
    }

    /// Sends the element in an envelope: status and text.
    pub async fn send(&self, body: &str) -> (u16, String) {
        let answer = self.post(&self.address(), self.envelope(body)).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// `Get_Workers` with these parts.
    pub async fn get(&self, parts: &str) -> String {
        let (status, text) = self
            .send(&format!(
                "<wd:Get_Workers_Request wd:version=\"{}\">{parts}</wd:Get_Workers_Request>",
                self.version
            ))
            .await;
        assert_eq!(status, 200, "{text}");
        text
    }

    /// The text of the fault that these parts lead to.
    pub async fn fault(&self, parts: &str) -> String {
        let (status, text) = self
            .send(&format!(
                "<wd:Get_Workers_Request>{parts}</wd:Get_Workers_Request>"
            ))
            .await;
        fault(status, &text)
    }

    /// Worker IDs of everybody whom these parts find.
    pub async fn ids(&self, parts: &str) -> Vec<String> {
        let text = self.get(&format!("{parts}{PERSONAL}")).await;
        let document = Document::parse(&text).unwrap();
        workers(&document)
            .iter()
            .map(|worker| text_of(*worker, "Worker_Data/Worker_ID"))
            .collect()
    }

    /// One worker, with everything, on a day.
    pub async fn worker(&self, id: &str, day: &str) -> String {
        let wid = self.state(id)["wid"].as_str().unwrap().to_string();
        self.get(&format!(
            "<wd:Request_References><wd:Worker_Reference><wd:ID wd:type=\"WID\">{wid}</wd:ID></wd:Worker_Reference>\
             </wd:Request_References><wd:Response_Filter><wd:As_Of_Effective_Date>{day}</wd:As_Of_Effective_Date>\
             </wd:Response_Filter>{EVERYTHING}"
        ))
        .await
    }

    /// One value of that worker, by a path from `Worker_Data`.
    pub async fn value(&self, id: &str, day: &str, path: &str) -> String {
        let text = self.worker(id, day).await;
        let document = Document::parse(&text).unwrap();
        let workers = workers(&document);
        assert_eq!(workers.len(), 1, "{text}");
        text_of(workers[0], &format!("Worker_Data/{path}"))
    }

    /// What HR says of a worker now.
    pub fn state(&self, worker: &str) -> Json {
        let question = workday::Question {
            worker: Some(worker.into()),
            ..workday::Question::default()
        };
        self.workday.state(&question).unwrap()
    }

    pub async fn admin(&self, path: &str, body: Json) -> Json {
        let answer = self
            .http
            .post(format!("{}{path}", self.workday.admin))
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Has HR hire somebody; answers with the worker ID.
    pub async fn hire(&self, id: &str, day: &str) -> String {
        let hired = self
            .admin(
                "/lab/workers",
                json!({"id": id, "hire": day, "userName": format!("u{id}")}),
            )
            .await;
        hired["wid"].as_str().unwrap().to_string()
    }

    pub async fn event(&self, worker: &str, kind: &str, effective: &str, set: Json) -> u64 {
        let body = json!({"worker": worker, "type": kind, "effective": effective, "set": set});
        self.admin("/lab/events", body).await["event"].as_u64().unwrap()
    }
}

pub const PERSONAL: &str = "<wd:Response_Group><wd:Include_Reference>1</wd:Include_Reference>\
    <wd:Include_Personal_Information>1</wd:Include_Personal_Information></wd:Response_Group>";

pub const EVERYTHING: &str = "<wd:Response_Group><wd:Include_Reference>true</wd:Include_Reference>\
    <wd:Include_Personal_Information>true</wd:Include_Personal_Information>\
    <wd:Include_Additional_Jobs>true</wd:Include_Additional_Jobs>\
    <wd:Include_Employment_Information>true</wd:Include_Employment_Information>\
    <wd:Include_Organizations>true</wd:Include_Organizations>\
    <wd:Exclude_Organization_Support_Role_Data>true</wd:Exclude_Organization_Support_Role_Data>\
    <wd:Include_Management_Chain_Data>true</wd:Include_Management_Chain_Data>\
    <wd:Include_Transaction_Log_Data>true</wd:Include_Transaction_Log_Data>\
    <wd:Include_User_Account>true</wd:Include_User_Account>\
    <wd:Include_Account_Provisioning>true</wd:Include_Account_Provisioning></wd:Response_Group>";

/// `Response_Filter` with a day and a page.
pub fn page(number: usize, count: usize) -> String {
    format!(
        "<wd:Response_Filter><wd:Page>{number}</wd:Page><wd:Count>{count}</wd:Count></wd:Response_Filter>"
    )
}

/// A window on when things were entered, or take effect.
pub fn window(what: &str, from: &str, through: &str) -> String {
    format!(
        "<wd:Request_Criteria><wd:Transaction_Log_Criteria_Data><wd:Transaction_Date_Range_Data>\
         <wd:{what}_From>{from}</wd:{what}_From><wd:{what}_Through>{through}</wd:{what}_Through>\
         </wd:Transaction_Date_Range_Data></wd:Transaction_Log_Criteria_Data></wd:Request_Criteria>"
    )
}

pub fn fault(status: u16, text: &str) -> String {
    assert_eq!(status, 500, "{text}");
    let document = Document::parse(text).unwrap();
    let told = |name: &str| {
        let node = document.descendants().find(|node| node.tag_name().name() == name);
        node.and_then(|node| node.text()).unwrap_or_default().to_string()
    };
    format!("{}: {}", told("faultcode"), told("faultstring"))
}

pub fn workers<'d>(document: &'d Document<'d>) -> Vec<Node<'d, 'd>> {
    let data = document
        .descendants()
        .find(|node| node.has_tag_name((WD, "Response_Data")));
    data.map_or_else(Vec::new, |data| {
        data.children()
            .filter(|node| node.has_tag_name((WD, "Worker")))
            .collect()
    })
}

/// The first node at the end of a path of names.
pub fn find<'d>(node: Node<'d, 'd>, path: &str) -> Option<Node<'d, 'd>> {
    all(node, path).into_iter().next()
}

pub fn all<'d>(node: Node<'d, 'd>, path: &str) -> Vec<Node<'d, 'd>> {
    path.split('/').fold(vec![node], |nodes, name| {
        nodes
            .into_iter()
            .flat_map(|node| {
                node.children()
                    .filter(|child| child.has_tag_name((WD, name)))
                    .collect::<Vec<_>>()
            })
            .collect()
    })
}

/// Its text; empty where there is none.
pub fn text_of(node: Node, path: &str) -> String {
    let names: Vec<&str> = path.split('/').collect();
    let mut nodes = vec![node];
    for name in names {
        nodes = nodes
            .into_iter()
            .flat_map(|node| {
                node.children()
                    .filter(|child| child.has_tag_name((WD, name)))
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    nodes
        .first()
        .and_then(|node| node.text())
        .unwrap_or_default()
        .to_string()
}

/// The ID of this type in a reference.
pub fn id_of<'d>(reference: Node<'d, 'd>, kind: &str) -> Option<&'d str> {
    reference
        .children()
        .find(|id| id.has_tag_name((WD, "ID")) && id.attribute((WD, "type")) == Some(kind))
        .and_then(|id| id.text())
}

/// `Total_Results`, `Total_Pages`, `Page_Results`, `Page`.
pub fn results(text: &str) -> [usize; 4] {
    let document = Document::parse(text).unwrap();
    let node = document
        .descendants()
        .find(|node| node.has_tag_name((WD, "Response_Results")))
        .unwrap();
    ["Total_Results", "Total_Pages", "Page_Results", "Page"].map(|name| text_of(node, name).parse().unwrap())
}
