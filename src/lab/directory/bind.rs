//! Signing in: whom a name stands for, and why somebody is not let in ([MS-ADTS] 5.1.1).

use rasn_ldap::{AuthenticationChoice, BindRequest};

use super::domain::{Caller, Context, Domain};
use super::name::Reference;
use super::refusal::{Answer, ERROR_DS_STRONG_AUTH_REQUIRED, Refusal, WRONG_PASSWORD};
use super::schema::KNOWN;
use super::tree::{Id, Life};
use super::value;

/// Windows' words for an unencrypted bind where signing is demanded.
const SIGNING_DEMANDED: &str = "The server requires binds to turn on integrity checking if SSL\\TLS are not \
                                already active on the connection";

impl Domain {
    /// Who is signed in afterwards. The count of wrong passwords is kept; nobody is locked out for it. What the name
    /// says as a DN was read before: strangers send it, and the domain does not wait for that.
    pub fn bind(
        &mut self,
        request: &BindRequest,
        reference: Option<&Reference>,
        context: &Context,
    ) -> Answer<Caller> {
        if request.version != 3 {
            return Err(Refusal::comment(
                2,
                0x57,
                "The server has no such protocol version",
            ));
        }
        let AuthenticationChoice::Simple(password) = &request.authentication else {
            return Err(Refusal::comment(
                7,
                0x2027,
                "The authentication method is not supported",
            ));
        };
        // Without a password nobody signs in, whatever the name (RFC 4513 §5.1.2).
        if password.is_empty() {
            return Ok(Caller::Nobody);
        }
        if !context.secure {
            return Err(Refusal::comment(
                8,
                ERROR_DS_STRONG_AUTH_REQUIRED,
                SIGNING_DEMANDED,
            ));
        }
        let id = self
            .signing_in(&request.name, reference)
            .ok_or_else(|| Refusal::bind("525"))?;
        let password = std::str::from_utf8(password).unwrap_or_default();
        let stored = self.tree.entry(id).password.as_ref();
        if !stored.is_some_and(|stored| stored.is(password)) {
            self.count_failure(id, context);
            return Err(Refusal::bind(WRONG_PASSWORD));
        }
        match self.sign_in_refusal(id, context.now) {
            Some(data) => Err(Refusal::bind(data)),
            None => {
                self.count_failures(id, 0);
                Ok(Caller::Account(id))
            }
        }
    }

    /// A DN, `name@domain`, or `DOMAIN\name`.
    fn signing_in(&self, name: &str, reference: Option<&Reference>) -> Option<Id> {
        let account = |name: &str| self.tree.others(KNOWN.account_name, name.as_bytes(), None);
        if let Some((domain, name)) = name.split_once('\\') {
            let is_ours = value::fold(domain) == value::fold(&self.netbios_name)
                || value::fold(domain) == value::fold(&self.dns_name);
            return account(name).filter(|_| is_ours);
        }
        if let Some(reference) = reference {
            return self.tree.find(reference, Life::Living).ok();
        }
        let principal = self.tree.others(KNOWN.principal_name, name.as_bytes(), None);
        // Everybody is also called by his account name and the domain.
        principal.or_else(|| {
            let (name, domain) = name.split_once('@')?;
            account(name).filter(|_| value::fold(domain) == value::fold(&self.dns_name))
        })
    }

    /// Counts without a number of its own: these attributes are each controller's ([MS-ADTS] 3.1.1.1.9).
    fn count_failures(&mut self, id: Id, count: i64) {
        let count = vec![count.to_string().into_bytes()];
        let usn = self.tree.usn();
        self.tree.set(id, KNOWN.bad_password_count, count, usn);
    }

    fn count_failure(&mut self, id: Id, context: &Context) {
        let before = self.tree.entry(id).number(KNOWN.bad_password_count);
        self.count_failures(id, before.unwrap_or(0) + 1);
        let now = value::filetime(context.now).to_string().into_bytes();
        let usn = self.tree.usn();
        self.tree.set(id, KNOWN.bad_password_time, vec![now], usn);
    }

    /// `u:EXAMPLE\ada` (RFC 4532).
    pub fn who_am_i(&self, caller: Caller) -> String {
        let name = match caller {
            Caller::Nobody => None,
            Caller::Account(id) => self.tree.entry(id).text(KNOWN.account_name),
        };
        name.map_or(String::new(), |name| format!("u:{}\\{name}", self.netbios_name))
    }
}
