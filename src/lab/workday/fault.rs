//! How Workday says no: SOAP 1.1 faults, all with HTTP status 500.

use super::xml::escape;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request cannot be carried out as it is, and where it says so.
    Validation { message: String, xpath: String },
    /// Who is asking is not known. Whatever the reason, the words are the same.
    Authentication,
    /// It was asked for in good form, and is not done.
    Processing { message: String },
    /// No such service, version or operation; answered before anything else is looked at.
    Version,
    /// No such element.
    Element { name: String },
}

pub const UNAUTHENTICATED: &str = "invalid username or password";
pub const UNAUTHORIZED: &str = "The task submitted is not authorized.";
pub const NO_SUCH_VERSION: &str = "The web service or version is invalid for the requested operation";

impl Fault {
    pub fn validation(message: impl Into<String>) -> Fault {
        Fault::Validation {
            message: message.into(),
            xpath: String::new(),
        }
    }

    pub fn unauthorized() -> Fault {
        Fault::Processing {
            message: UNAUTHORIZED.into(),
        }
    }

    /// What a script of faults has said: known words come as they always do.
    pub fn scripted(message: Option<String>) -> Fault {
        match message {
            None => Fault::Processing {
                message: "An internal error occurred.".into(),
            },
            Some(text) if text == UNAUTHENTICATED => Fault::Authentication,
            Some(text) if text == NO_SUCH_VERSION => Fault::Version,
            Some(text) => match text.strip_prefix("Validation error occurred. ") {
                Some(message) => Fault::validation(message),
                None => Fault::Processing { message: text },
            },
        }
    }

    pub fn envelope(&self) -> String {
        let (code, text, detail) = match self {
            Fault::Validation { message, xpath } => (
                "Client.validationError",
                format!("Validation error occurred. {message}"),
                validation(message, message, xpath),
            ),
            Fault::Element { name } => {
                let message = format!("Element not found={name}-urn:com.workday/bsvc");
                let text = format!("Validation error occurred. {message}");
                ("Client.validationError", text, validation(&message, "", ""))
            }
            Fault::Authentication => (
                "Client.authenticationError",
                UNAUTHENTICATED.into(),
                String::new(),
            ),
            Fault::Version => ("Client.validationError", NO_SUCH_VERSION.into(), String::new()),
            Fault::Processing { message } => (
                "Server.processingError",
                format!("Processing error occurred. {message}"),
                format!(
                    "<detail><wd:Processing_Fault><wd:Detail_Message>{}</wd:Detail_Message></wd:Processing_Fault></detail>",
                    escape(message)
                ),
            ),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body>\
             <SOAP-ENV:Fault xmlns:wd=\"urn:com.workday/bsvc\"><faultcode>SOAP-ENV:{code}</faultcode>\
             <faultstring>{}</faultstring>{detail}</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>",
            escape(&text)
        )
    }
}

fn validation(message: &str, detail: &str, xpath: &str) -> String {
    format!(
        "<detail><wd:Validation_Fault><wd:Validation_Error><wd:Message>{}</wd:Message>\
         <wd:Detail_Message>{}</wd:Detail_Message><wd:Xpath>{}</wd:Xpath>\
         </wd:Validation_Error></wd:Validation_Fault></detail>",
        escape(message),
        escape(detail),
        escape(xpath)
    )
}
