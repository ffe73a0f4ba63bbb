//! Making an account, and giving it a password that nobody learns.

use secrecy::{ExposeSecret, SecretString};

use super::apply::{Step, Stop, Writing};
use super::connection::{Answer, Attributes, Failure, Octets, POST_READ};
use super::dialect::{Dialect, PasswordRule};
use super::errors::During;
use super::model;
use super::modify::{must_be_settable, one, stateless};
use super::wire::{self, ACCOUNT_DISABLE, NORMAL_ACCOUNT, USER_ACCOUNT_CONTROL};
use crate::connector::password;
use crate::domain::account::{Anchor, Values};
use crate::domain::plan::{Effect, Recipe};
use crate::error::{Error, Kind};

const UNICODE_PASSWORD: &str = "unicodePwd";
const USER_PASSWORD: &str = "userPassword";
/// 0: at the next sign-in ([MS-ADA3] 2.175).
const PASSWORD_LAST_SET: &str = "pwdLastSet";

impl Writing<'_> {
    /// Makes the account, with its password, in its state and with the references in `effects`, in one write if the
    /// server takes that. Where it takes several the account stays disabled until it has a password, so that a
    /// failure between them leaves nobody an open door.
    pub(super) async fn create(
        &mut self,
        values: &Values,
        container: Option<&str>,
        enabled: bool,
        password: &Recipe,
        effects: &[Effect],
    ) -> Step {
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
        let attributes = new_attributes(self.session.server.dialect, values)?;
        let mut aboard = self.references_aboard(effects);
        let mut with_password = true;
        let is_laden = dialect.password == PasswordRule::Hashed || !aboard.is_empty();
        let mut added = self
            .add(
                &dn,
                &attributes,
                &aboard,
                Some(draw(password)?),
                enabled,
                password,
            )
            .await;
        if let Err(Failure::Refused(refusal)) = &added
            && (refusal.is_password_policy() || is_laden && refusal.is_about_content())
        {
            self.may_begin()?;
            // It may be for what an account can be made without, and given afterwards. The policy that dislikes one
            // random password is offered another.
            aboard.clear();
            with_password = dialect.password == PasswordRule::UnicodePwd;
            let another = with_password.then(|| draw(password)).transpose()?;
            match self
                .add(&dn, &attributes, &aboard, another, enabled, password)
                .await
            {
                // It was about something else; the first answer says more.
                Err(Failure::Refused(again)) if again.is_about_content() => {}
                second => added = second,
            }
        }
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
            password: password.clone(),
        };
        self.done.push(made(enabled && (with_password || !dialect.state)));
        if !with_password {
            self.set_password(password).await?;
            if enabled && dialect.state {
                let disabled = (NORMAL_ACCOUNT | ACCOUNT_DISABLE).to_string();
                let written = self.write_state(Some(&disabled), NORMAL_ACCOUNT).await;
                written.map_err(Stop::write(During::Modify))?;
                self.done = vec![made(true)];
            }
        }
        self.done.extend(aboard.into_iter().map(|(refer, _)| refer));
        Ok(())
    }

    /// The references among the effects whose account has a known DN, with it.
    fn references_aboard(&self, effects: &[Effect]) -> Vec<(Effect, String)> {
        let aboard = |effect: &Effect| match effect {
            Effect::Refer {
                attribute,
                after: Some(anchor),
                ..
            } => Some((effect.clone(), self.dn_of(attribute, anchor).ok()?)),
            _ => None,
        };
        effects.iter().filter_map(aboard).collect()
    }

    async fn add(
        &self,
        dn: &str,
        attributes: &Attributes,
        references: &[(Effect, String)],
        password: Option<SecretString>,
        enabled: bool,
        recipe: &Recipe,
    ) -> Answer<Option<Anchor>> {
        let server = &self.session.server;
        let mut attributes = attributes.clone();
        if server.dialect.state {
            let control = wire::with_state(NORMAL_ACCOUNT, enabled && password.is_some());
            attributes.push((USER_ACCOUNT_CONTROL.into(), one(control.to_string())));
        }
        for (effect, dn) in references {
            if let Effect::Refer { attribute, .. } = effect {
                attributes.push((attribute.clone().into_bytes(), one(dn.as_str())));
            }
        }
        if let Some(password) = password {
            attributes.push(initial_password(server.dialect.password, &password));
            if must_be_changed(server.dialect, recipe) {
                attributes.push((PASSWORD_LAST_SET.into(), one("0")));
            }
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
    pub(super) async fn set_password(&self, recipe: &Recipe) -> Step {
        let changed = must_be_changed(self.session.server.dialect, recipe);
        let set = match self.write_password(&draw(recipe)?, changed).await {
            Err(Failure::Refused(refusal)) if refusal.is_password_refused() => {
                self.write_password(&draw(recipe)?, changed).await
            }
            set => set,
        };
        set.map_err(Stop::write(During::Password))
    }

    async fn write_password(&self, password: &SecretString, changed: bool) -> Answer<()> {
        match self.session.server.dialect.password {
            PasswordRule::UnicodePwd => {
                let encoded = wire::unicode_password(password.expose_secret());
                let mut changes = vec![ldap3::Mod::Replace(
                    UNICODE_PASSWORD.into(),
                    one(encoded.as_slice()),
                )];
                if changed {
                    changes.push(ldap3::Mod::Replace(PASSWORD_LAST_SET.into(), one("0")));
                }
                self.connection.modify(&self.address(), changes).await
            }
            PasswordRule::Hashed => self.connection.set_password(&self.dn, password).await,
        }
    }
}

/// The values of a new entry as the server takes them; state, place and references are said elsewhere.
fn new_attributes(dialect: &Dialect, values: &Values) -> Step<Attributes> {
    let classes = dialect.classes.iter();
    let mut attributes: Attributes = vec![(
        "objectClass".into(),
        classes.map(|class| class.as_bytes().to_vec()).collect(),
    )];
    for (attribute, values) in values {
        if values.is_empty() || is_state_or_place(attribute) {
            continue;
        }
        if !is_name(attribute) {
            must_be_settable(attribute)?;
        }
        let held: Octets = values.iter().map(|value| wire::bytes(attribute, value)).collect();
        attributes.push((attribute.clone().into_bytes(), held));
    }
    Ok(attributes)
}

fn draw(recipe: &Recipe) -> Step<SecretString> {
    password::draw(recipe).map_err(Stop::Refused)
}

/// Whether the person has to choose another password at the first sign-in; only Windows' rules know of that.
fn must_be_changed(dialect: &Dialect, recipe: &Recipe) -> bool {
    recipe.change_at_logon && dialect.password == PasswordRule::UnicodePwd
}

/// The password, in the attribute in which this kind of server takes it.
fn initial_password(rule: PasswordRule, password: &SecretString) -> (Vec<u8>, Octets) {
    match rule {
        PasswordRule::UnicodePwd => {
            let encoded = wire::unicode_password(password.expose_secret());
            (UNICODE_PASSWORD.into(), one(encoded.as_slice()))
        }
        PasswordRule::Hashed => (USER_PASSWORD.into(), one(password::hashed(password))),
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
