//! Making an account, and giving it a password that nobody learns.

use secrecy::{ExposeSecret, SecretString};

use super::apply::{Step, Stop, Writing};
use super::connection::{Answer, Attributes, Failure, Octets, POST_READ};
use super::dialect::PasswordRule;
use super::errors::During;
use super::modify::{must_be_settable, one, stateless};
use super::wire::{self, ACCOUNT_DISABLE, NORMAL_ACCOUNT, USER_ACCOUNT_CONTROL};
use super::{model, password};
use crate::domain::account::{Anchor, Values};
use crate::domain::plan::Effect;
use crate::error::{Error, Kind};

const UNICODE_PASSWORD: &str = "unicodePwd";

impl Writing<'_> {
    /// Makes the account, with its password and in its state. Where that takes several writes the account
    /// stays disabled until the last, so that a failure between them leaves nobody an open door.
    pub(super) async fn create(&mut self, values: &Values, container: Option<&str>, enabled: bool) -> Step {
        let dialect = self.session.server.dialect;
        if !enabled && !dialect.state {
            return Err(stateless());
        }
        let container = container.ok_or_else(|| missing("parentDistinguishedName"))?;
        let name = values.iter().find(|(attribute, _)| is_name(attribute));
        let name = name
            .and_then(|(_, names)| names.first())
            .ok_or_else(|| missing("cn"))?;
        let dn = format!("{},{container}", wire::own_rdn(name));
        let attributes = self.new_attributes(values)?;
        let in_one_write = dialect.password == PasswordRule::UnicodePwd;
        let added = match in_one_write {
            true => self.add_with_password(&dn, &attributes, enabled).await,
            false => self.add(&dn, attributes, None, false).await,
        };
        let read_back = added.map_err(Stop::write(During::Add))?;
        self.dn = dn;
        self.account = Some(match read_back {
            Some(anchor) => anchor,
            None => self.new_anchor().await?,
        });
        let made = |enabled| Effect::Create {
            values: values.clone(),
            container: Some(container.to_string()),
            enabled,
        };
        self.done.push(made(enabled && (in_one_write || !dialect.state)));
        if !in_one_write {
            self.set_password().await?;
            if enabled && dialect.state {
                let disabled = (NORMAL_ACCOUNT | ACCOUNT_DISABLE).to_string();
                let written = self.write_state(Some(&disabled), NORMAL_ACCOUNT).await;
                written.map_err(Stop::write(During::Modify))?;
                self.done = vec![made(true)];
            }
        }
        Ok(())
    }

    /// The values of a new entry as the server takes them; state and place are said elsewhere.
    fn new_attributes(&self, values: &Values) -> Step<Attributes> {
        let classes = self.session.server.dialect.classes.iter();
        let mut attributes: Attributes = vec![(
            "objectClass".into(),
            classes.map(|class| class.as_bytes().to_vec()).collect(),
        )];
        for (attribute, values) in values {
            if values.is_empty() || is_state_or_place(attribute) {
                continue;
            }
            let held: Octets = if model::is_reference(attribute) {
                let dn = |anchor: &String| self.dn_of(attribute, &Anchor(anchor.clone()));
                values
                    .iter()
                    .map(|anchor| dn(anchor).map(String::into_bytes))
                    .collect::<Step<_>>()?
            } else {
                if !is_name(attribute) {
                    must_be_settable(attribute)?;
                }
                values.iter().map(|value| wire::bytes(attribute, value)).collect()
            };
            attributes.push((attribute.clone().into_bytes(), held));
        }
        Ok(attributes)
    }

    /// A policy that dislikes one random password is offered another; nothing was made yet.
    async fn add_with_password(
        &self,
        dn: &str,
        attributes: &Attributes,
        enabled: bool,
    ) -> Answer<Option<Anchor>> {
        let add = || self.add(dn, attributes.clone(), Some(password::random()), enabled);
        match add().await {
            Err(Failure::Refused(refusal)) if refusal.is_password_policy() => add().await,
            made => made,
        }
    }

    async fn add(
        &self,
        dn: &str,
        mut attributes: Attributes,
        password: Option<SecretString>,
        enabled: bool,
    ) -> Answer<Option<Anchor>> {
        let server = &self.session.server;
        if server.dialect.state {
            let control = wire::with_state(NORMAL_ACCOUNT, enabled);
            attributes.push((USER_ACCOUNT_CONTROL.into(), one(control.to_string())));
        }
        if let Some(password) = &password {
            let encoded = wire::unicode_password(password.expose_secret());
            attributes.push((UNICODE_PASSWORD.into(), one(encoded.as_slice())));
        }
        let read_back = server.supports(POST_READ).then_some(server.dialect.anchor);
        let anchor = self.connection.add(dn, attributes, read_back).await?;
        Ok(anchor.map(|text| Anchor(text.to_lowercase())))
    }

    /// The anchor of the account just made, from the controller that made it. Without it nothing is known
    /// but that something was made.
    async fn new_anchor(&self) -> Step<Anchor> {
        let dialect = self.session.server.dialect;
        let attributes = [dialect.anchor.to_string()];
        let entry = self.connection.read(&self.dn, &attributes, Vec::new()).await;
        let entry = entry.map_err(|failure| Stop::Unknown(failure.into_error(During::Search)))?;
        entry.and_then(|entry| entry.anchor(dialect)).ok_or_else(|| {
            let message = format!("the account was made, but its {} cannot be read", dialect.anchor);
            Stop::Unknown(Error::new(Kind::Forbidden, message).code("InsufficientRights"))
        })
    }

    /// Gives the account a random password; one that the policy dislikes is followed by another.
    pub(super) async fn set_password(&self) -> Step {
        let set = match self.write_password(&password::random()).await {
            Err(Failure::Refused(refusal)) if refusal.is_password_refused() => {
                self.write_password(&password::random()).await
            }
            set => set,
        };
        set.map_err(Stop::write(During::Password))
    }

    async fn write_password(&self, password: &SecretString) -> Answer<()> {
        match self.session.server.dialect.password {
            PasswordRule::UnicodePwd => {
                let encoded = wire::unicode_password(password.expose_secret());
                let change = ldap3::Mod::Replace(UNICODE_PASSWORD.into(), one(encoded.as_slice()));
                self.connection.modify(&self.address(), vec![change]).await
            }
            PasswordRule::Operation => self.connection.set_password(&self.dn, password).await,
        }
    }
}

fn missing(attribute: &str) -> Stop {
    let error = Error::invalid("a new account cannot be made without it: map it, or set a default");
    Stop::Refused(error.code("MandatoryFieldsMissing").at(attribute))
}

fn is_name(attribute: &str) -> bool {
    attribute.eq_ignore_ascii_case("cn")
}

fn is_state_or_place(attribute: &str) -> bool {
    model::is_virtual(attribute) || attribute.eq_ignore_ascii_case(USER_ACCOUNT_CONTROL)
}
