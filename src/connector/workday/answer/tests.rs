//! Answers as they come, and as they should not.

use std::io::{self, BufReader, Read};

use super::*;
use crate::connector::workday::soap::FaultClass;
use crate::connector::workday::xpath::Xpaths;

fn read(answer: impl AsRef<[u8]>) -> Result<(Summary, Vec<String>), AnswerError> {
    read_within(answer, Limits::default())
}

/// The text of every worker, through a buffer so small that everything crosses its end.
fn read_within(answer: impl AsRef<[u8]>, limits: Limits) -> Result<(Summary, Vec<String>), AnswerError> {
    let input = BufReader::with_capacity(7, answer.as_ref());
    let mut answer = Answer::open(input, &Names::default(), limits)?;
    let mut texts = Vec::new();
    while let Some(worker) = answer.worker()? {
        texts.push(worker.tree.string(Node::DOCUMENT).to_string());
    }
    Ok((answer.summary().clone(), texts))
}

#[track_caller]
fn assert_refused(answer: impl AsRef<[u8]>, message: &str) {
    let error = read(answer).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

fn page(workers: &str) -> String {
    format!(
        "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Header><x/></e:Header><e:Body>\
         <w:Get_Workers_Response xmlns:w='urn:com.workday/bsvc' w:version='v40.0'>\
         <w:Response_Filter><w:As_Of_Effective_Date>2026-01-18</w:As_Of_Effective_Date><w:Page>2</w:Page><w:Count>30</w:Count></w:Response_Filter>\
         <w:Response_Group><w:Include_Reference>1</w:Include_Reference><w:Include_Roles>false</w:Include_Roles></w:Response_Group>\
         <w:Response_Results><w:Total_Results>509</w:Total_Results><w:Total_Pages>17</w:Total_Pages><w:Page_Results>29</w:Page_Results><w:Page>17</w:Page></w:Response_Results>\
         <w:Response_Data>{workers}</w:Response_Data></w:Get_Workers_Response></e:Body></e:Envelope>"
    )
}

#[test]
fn a_page_says_what_it_is() {
    let (summary, workers) = read(page(
        "<w:Worker>a</w:Worker><w:Other/><w:Worker/><w:Worker>b<w:c/></w:Worker>",
    ))
    .unwrap();
    assert_eq!(workers, ["a", "", "b"]);
    assert_eq!(summary.version.as_deref(), Some("v40.0"));
    assert_eq!(
        summary.results,
        Some(Results {
            total: 509,
            pages: 17,
            on_page: 29,
            page: 17
        })
    );
    let filter = summary.filter.unwrap();
    assert_eq!(filter.as_of_effective_date.as_deref(), Some("2026-01-18"));
    assert_eq!(
        (filter.as_of_entry, filter.page, filter.count),
        (None, Some(2), Some(30))
    );
    assert_eq!(
        summary.group.unwrap(),
        [
            ("Include_Reference".to_string(), true),
            ("Include_Roles".to_string(), false)
        ]
    );
}

#[test]
fn an_answer_may_be_bare_marked_or_without_workers() {
    let bare = "\u{feff}<?xml version='1.0' encoding='UTF-8'?>\n<!-- saved -->\n<Get_Workers_Response xmlns='urn:com.workday/bsvc'><Response_Data><Worker>é</Worker></Response_Data>\
         <Invalid_Reference_ID_Response><Reference><ID p:type='Employee_ID' xmlns:p='urn:com.workday/bsvc'>99</ID></Reference></Invalid_Reference_ID_Response></Get_Workers_Response>\n";
    let (summary, workers) = read(bare).unwrap();
    assert_eq!(workers, ["é"]);
    assert_eq!(summary.unknown[0].value, "99");
    assert_eq!(summary.unknown[0].kind, "Employee_ID");
    let (summary, workers) = read("<w:Get_Workers_Response xmlns:w='urn:com.workday/bsvc'/>").unwrap();
    assert_eq!((summary, workers.len()), (Summary::default(), 0));
}

#[test]
fn text_is_read_as_xml_says() {
    let worker = |inside: &str| {
        read(page(&format!("<w:Worker>{inside}</w:Worker>")))
            .unwrap()
            .1
            .remove(0)
    };
    assert_eq!(worker("&lt;&amp;&gt;&quot;&apos;&#233;&#x1F600;"), "<&>\"'é😀");
    assert_eq!(worker("a<![CDATA[<b>]]>c<!-- no -->d<?no pi?>e"), "a<b>cde");
    assert_eq!(worker("a\r\nb\rc"), "a\nb\nc");
    assert_eq!(worker(" \n <w:a> </w:a>\t<w:b>x</w:b> "), " x");
    assert_eq!(worker("5&amp;#xa;7"), "5&#xa;7", "as formatted addresses have it");
}

#[test]
fn names_are_told_by_namespace() {
    let mut xpaths = Xpaths::default();
    for xpath in [
        "wd:Worker/wd:a/@wd:b",
        "wd:Worker/wd:a/text()",
        "count(//*)",
        "//@b",
        "name(//wd:a)",
    ] {
        xpaths.add(xpath).unwrap();
    }
    let page = page(
        "<w:Worker><q:a xmlns:q='urn:com.workday/bsvc' q:b='1&amp;&#10;&#9;2\t3' b='plain'>x<w xmlns='urn:else'><w/></w></q:a><w xmlns='urn:com.workday/bsvc'/></w:Worker>",
    );
    let mut answer = Answer::open(page.as_bytes(), xpaths.names(), Limits::default()).unwrap();
    let worker = answer.worker().unwrap().unwrap();
    let values: Vec<_> = xpaths
        .evaluator()
        .evaluate(worker.tree)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let expected = [["1&\n\t2 3"], ["x"], ["5"], ["plain"], ["q:a"]];
    assert_eq!(values, expected);
    assert!(answer.worker().unwrap().is_none());
}

#[test]
fn identifiers_are_read_from_the_reference() {
    let page = page(
        "<w:Worker><w:Worker_Reference><w:ID w:type='WID'>0f</w:ID><w:ID w:type='Employee_ID'>7</w:ID></w:Worker_Reference><w:Worker_Descriptor>Ada</w:Worker_Descriptor></w:Worker>",
    );
    let mut answer = Answer::open(page.as_bytes(), &Names::default(), Limits::default()).unwrap();
    let worker = answer.worker().unwrap().unwrap();
    assert_eq!(
        (worker.id("WID"), worker.id("Employee_ID")),
        (Some("0f"), Some("7"))
    );
    assert_eq!(
        (worker.id("Contingent_Worker_ID"), worker.descriptor()),
        (None, Some("Ada"))
    );
}

#[test]
fn what_is_no_answer_is_called_what_it_is() {
    assert_refused("", "it is empty");
    assert_refused(" \n ", "it ends in the middle");
    assert_refused("{\"error\": 1}", "it is no XML: it begins with \"{\\\"error");
    assert_refused(
        "<!DOCTYPE html><html><body>Down for maintenance",
        "a page of HTML",
    );
    assert_refused("<HTML><br></HTML>", "a page of HTML");
    assert_refused([0xFF, 0xFE, b'<', 0], "not UTF-8");
    assert_refused(
        "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
        "it says that it is ISO-8859-1",
    );
    assert_refused([b'<', 0xE9, b'>'], "not UTF-8");
    assert_refused("<a/>", "but a of no namespace");
    assert_refused(
        "<w:Get_Organizations_Response xmlns:w='urn:com.workday/bsvc'/>",
        "but Get_Organizations_Response of Workday's namespace",
    );
    assert_refused(
        "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body/></e:Envelope>",
        "an envelope without anything in it",
    );
    assert_refused(
        "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'/>",
        "but Envelope of the namespace http://www.w3.org/2003",
    );
}

#[test]
fn what_is_damaged_is_told_with_its_place() {
    let whole = page("<w:Worker>a&amp;<w:b c='d'>é</w:b><![CDATA[x]]></w:Worker>");
    assert!(read(&whole).is_ok());
    for end in (1..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let error = read(&whole[..end]).unwrap_err();
        assert!(
            matches!(error, AnswerError::Xml(XmlError::Truncated { at }) if at == end as u64),
            "{error} after {end} bytes"
        );
    }
    assert_refused(
        page("<w:Worker><w:a></w:b></w:Worker>"),
        "expected `</w:a>`, but `</w:b>` was found",
    );
    assert_refused(page("<w:Worker>&nbsp;</w:Worker>"), "there is no entity &nbsp;");
    assert_refused(page("<w:Worker>a & b</w:Worker>"), "reference not closed");
    assert_refused(page("<w:Worker a='&x;'/>"), "unrecognized entity `x`");
    assert_refused(page("<w:Worker a='1' a='2'/>"), "two attributes a");
    assert_refused(
        page("<w:Worker xmlns:v='urn:com.workday/bsvc' w:a='1' v:a='2'/>"),
        "two attributes v:a",
    );
    assert_refused(page("<w:Worker a=1/>"), "at byte");
    assert_refused(page("<v:Worker/>"), "the prefix v is bound to nothing");
    assert_refused(page("<w:a:b/>"), "is no name");
    assert_refused(page("<w:Worker a='<'/>"), "a < in an attribute's value");
    assert_refused(
        format!("{}<again/>", page("")),
        "a second element after the first",
    );
    assert_refused(format!("{} more", page("")), "text after the end");
    assert_refused("<a></a></b>", "but a of no namespace");
}

#[test]
fn a_document_type_is_refused() {
    let lol = "<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;&lol;'>]>";
    assert_refused(
        format!("{lol}{}", page("<w:Worker>&lol2;</w:Worker>")),
        "a DOCTYPE is not accepted (byte",
    );
    assert_refused(page("<!DOCTYPE x>"), "a DOCTYPE is not accepted");
}

#[test]
fn everything_is_bounded() {
    let limits = Limits {
        answer: 20_000,
        token: 1000,
        text: 2000,
        nodes: 300,
        depth: 40,
        attributes: 20,
        names: 60,
        namespaces: 20,
    };
    let refused = |workers: &str, message: &str| {
        let error = read_within(page(workers), limits).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    let worker = |inside: &str| format!("<w:Worker>{inside}</w:Worker>");
    let numbered = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    assert!(read_within(page(&worker(&"x".repeat(900)).repeat(10)), limits).is_ok());
    refused(&worker("x").repeat(2000), "more than 20000 bytes (byte 200");
    refused(
        &worker(&"x".repeat(3000)),
        "more than 1000 bytes in one tag or text",
    );
    refused(
        &format!("<w:Worker a='{}'/>", "x".repeat(3000)),
        "more than 1000 bytes in one tag or text",
    );
    refused(
        &worker(&"<w:a>0123456789</w:a>".repeat(201)),
        "more than 300 elements, attributes and texts",
    );
    refused(
        &worker(&"<w:a/>".repeat(301)),
        "more than 300 elements, attributes and texts",
    );
    refused(
        &worker(&format!("<w:a>{}</w:a>", "x".repeat(900)).repeat(3)),
        "more than 2000 bytes of text",
    );
    refused(
        &worker(&"<w:a>".repeat(50)),
        "more than 40 elements within one another",
    );
    refused(
        &format!("<w:Worker {}/>", numbered(30, &|n| format!(" a{n}='1'"))),
        "more than 20 attributes",
    );
    refused(
        &worker(&numbered(60, &|n| format!("<w:a{n}/>"))),
        "more than 60 different names",
    );
    refused(
        &worker(&numbered(30, &|n| format!("<w:a xmlns:p{n}='urn:{n}'/>"))),
        "more than 20 namespaces",
    );
    refused(
        &worker(&numbered(30, &|n| format!("<p{n}:a xmlns:p{n}='urn'/>"))),
        "more than 20 prefixes",
    );
}

#[test]
fn what_is_nested_without_end_does_not_exhaust_the_stack() {
    let deep = page(&format!("<w:Worker>{}", "<w:a>".repeat(100_000)));
    assert_refused(&deep, "more than 200 elements within one another");
    let limits = Limits {
        depth: usize::MAX,
        ..Limits::default()
    };
    let whole = page(&format!(
        "<w:Worker>{}x{}</w:Worker>",
        "<w:a>".repeat(100_000),
        "</w:a>".repeat(100_000)
    ));
    assert_eq!(read_within(whole, limits).unwrap().1, ["x"]);
}

#[test]
fn a_connection_that_breaks_is_no_end() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let begun = page("<w:Worker>a</w:Worker>");
    let input = BufReader::new(begun.as_bytes()[..400].chain(Broken));
    let mut answer = Answer::open(input, &Names::default(), Limits::default()).unwrap();
    let error = loop {
        match answer.worker() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it is not at its end"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, AnswerError::Xml(XmlError::Unreadable { at: 400, .. })),
        "{error}"
    );
    assert_eq!(crate::error::Error::from(error).kind, Kind::Unavailable);
}

fn fault(code: &str, message: &str, detail: &str) -> Fault {
    let answer = format!(
        "<S:Envelope xmlns:S='http://schemas.xmlsoap.org/soap/envelope/'><S:Body><S:Fault xmlns:wd='urn:com.workday/bsvc'>\
         <faultcode>S:{code}</faultcode><faultstring>{message}</faultstring><detail>{detail}</detail></S:Fault></S:Body></S:Envelope>"
    );
    match read(answer).unwrap_err() {
        AnswerError::Fault(fault) => *fault,
        other => panic!("{other}"),
    }
}

#[test]
fn faults_are_told_apart() {
    for (code, message, class, kind) in [
        (
            "Client.authenticationError",
            "invalid username or password",
            FaultClass::Authentication,
            Kind::Unauthenticated,
        ),
        (
            "Server.processingError",
            "Processing error occurred. The task submitted is not authorized.",
            FaultClass::NotAuthorized,
            Kind::Forbidden,
        ),
        (
            "Client.validationError",
            "The web service or version is invalid for the requested operation",
            FaultClass::WrongService,
            Kind::Invalid,
        ),
        (
            "Client.validationError",
            "Validation error occurred. Element not found=Get_X_Request-urn:com.workday/bsvc",
            FaultClass::WrongService,
            Kind::Invalid,
        ),
        (
            "Client.validationError",
            "Validation error occurred. Invalid ID value.  '9' is not a valid ID value",
            FaultClass::UnknownId,
            Kind::NotFound,
        ),
        (
            "Server.processingError",
            "There are other pending or completed actions for the person",
            FaultClass::Pending,
            Kind::Invalid,
        ),
        (
            "Client.validationError",
            "Page Number cannot be zero.",
            FaultClass::Invalid,
            Kind::Invalid,
        ),
        (
            "Server.processingError",
            "Something broke",
            FaultClass::Processing,
            Kind::Unavailable,
        ),
        ("Server", "who knows", FaultClass::Processing, Kind::Unavailable),
    ] {
        let fault = fault(code, message, "");
        assert_eq!(fault.class(), class, "{fault}");
        assert!(
            fault.to_string().starts_with(&format!("S:{code}: {message}")),
            "{fault}"
        );
        assert_eq!(crate::error::Error::from(fault).kind, kind);
    }
}

#[test]
fn a_fault_says_what_is_wrong_where() {
    let found = fault(
        "Client.validationError",
        "Validation error occurred.",
        "<wd:Validation_Fault><wd:Validation_Error><wd:Message>No.</wd:Message><wd:Detail_Message>Not ever.</wd:Detail_Message><wd:Xpath>/bsvc:A[1]</wd:Xpath></wd:Validation_Error>\
         <wd:Validation_Error><wd:Message>Neither.</wd:Message><wd:Detail_Message/></wd:Validation_Error></wd:Validation_Fault>",
    );
    assert_eq!(found.errors.len(), 2);
    assert_eq!(found.errors[0].detail.as_deref(), Some("Not ever."));
    assert_eq!(found.errors[0].xpath.as_deref(), Some("/bsvc:A[1]"));
    assert_eq!(
        (found.errors[1].message.as_str(), &found.errors[1].detail),
        ("Neither.", &None)
    );
    let found = fault(
        "Server.processingError",
        "x",
        "<wd:Processing_Fault><wd:Detail_Message>Y</wd:Detail_Message></wd:Processing_Fault>",
    );
    assert_eq!(found.detail.as_deref(), Some("Y"));
    assert_refused(
        "<SOAP:Fault xmlns:SOAP='http://schemas.xmlsoap.org/soap/envelope/'><faultcode>SOAP:Client.validationError</faultcode></SOAP:Fault>",
        "SOAP:Client.validationError",
    );
}

fn told(body: &str) -> Result<Option<String>, AnswerError> {
    let read = |tree: &Tree, root| tree.string(root).to_string();
    super::whole(body.as_bytes(), "Told", read)
}

#[test]
fn another_answer_is_read_to_its_end() {
    let soap = |body: &str| {
        format!(
            "<e:Envelope xmlns:e=\"{ENVELOPE}\" xmlns:wd=\"{WORKDAY}\"><e:Header/><e:Body>{body}</e:Body></e:Envelope>"
        )
    };
    let whole = soap("<wd:Told><wd:A>yes</wd:A></wd:Told>");
    assert_eq!(told(&whole).unwrap().as_deref(), Some("yes"));
    assert_eq!(told(&soap("")).unwrap(), None, "all is well");
    for cut in [whole.len() - 1, whole.len() - 15, whole.find("yes").unwrap()] {
        let error = told(&whole[..cut]).unwrap_err();
        assert!(
            matches!(error, AnswerError::Xml(XmlError::Truncated { .. })),
            "{cut}: {error}"
        );
    }
    let empty = soap("");
    assert!(told(&empty[..empty.len() - 3]).is_err());
    for (body, says) in [
        (
            soap("<wd:Other/>"),
            "this is no Told, but Other of Workday's namespace",
        ),
        ("<html><body/></html>".into(), "HTML"),
        (
            format!("<e:Envelope xmlns:e=\"{ENVELOPE}\"/>"),
            "an envelope without a body",
        ),
        (
            soap(
                "<e:Fault><faultcode>S:Client.validationError</faultcode><faultstring>No.</faultstring></e:Fault>",
            ),
            "Workday refused: S:Client.validationError: No.",
        ),
    ] {
        let error = told(&body).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
