//! How accounts are made and opened. Whoever asks learns nothing about who has one: answers are the same, and take as long.

use super::{Provider, ProviderFault, Visitor, Who, lock};
use crate::identity::account::{EmailAddress, accept_password, handle_from};
use crate::identity::authz::Action;
use crate::identity::config::Registration;
use crate::identity::mail::Letter;
use crate::identity::oidc::Paths;
use crate::identity::persona::{MAX_PERSONAS, NoPersona, Persona, PersonaKind, display_name};
use crate::identity::secret::{Secret, random_id};
use colloquy_storage::identity::{Account, Mail, Taken};

const REGISTER: &str = "register";
const RESET: &str = "reset";
/// Handles that are tried before one is made at random.
const HANDLES: u32 = 20;

impl Provider {
    /// Somebody wants an account: he is sent a link, or, if he has one, told so by mail.
    ///
    /// # Errors
    /// [`ProviderFault`], where that says nothing about who has an account.
    pub async fn begin_registration(&self, email: &str, visitor: &Visitor, now_s: u64) -> Result<(), ProviderFault> {
        if self.config.registration == Registration::Closed {
            return Err(ProviderFault::Forbidden("Nobody can register here: sign in by one of the other ways."));
        }
        let email = EmailAddress::parse(email)?;
        let domains = &self.config.email_domains;
        if !domains.is_empty() && !domains.iter().any(|domain| domain.eq_ignore_ascii_case(email.domain())) {
            return Err(ProviderFault::Forbidden("Addresses of this domain cannot register here."));
        }
        self.send_link(&email, REGISTER, visitor, now_s).await
    }

    /// Somebody has forgotten his password.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn begin_reset(&self, email: &str, visitor: &Visitor, now_s: u64) -> Result<(), ProviderFault> {
        self.send_link(&EmailAddress::parse(email)?, RESET, visitor, now_s).await
    }

    async fn send_link(
        &self,
        email: &EmailAddress,
        purpose: &str,
        visitor: &Visitor,
        now_s: u64,
    ) -> Result<(), ProviderFault> {
        if !self.try_mail(email.as_str(), visitor, now_s)? {
            return Ok(());
        }
        let has_account = self.store.account_of_email(email.as_str()).await?.is_some_and(|one| one.closed_s.is_none());
        let secret = Secret::random();
        let expires_s = now_s.saturating_add(self.config.lifetimes.mail_s);
        let digest = secret.digest().as_str().to_owned();
        let (issuer, host) = (&self.config.issuer, self.host());
        let link = format!("{issuer}{}?token={}", Paths::VERIFY, secret.expose());
        let minutes = self.config.lifetimes.mail_s / 60;
        let (subject, text) = match (purpose, has_account) {
            (REGISTER, false) => (
                format!("Your account at {host}"),
                format!(
                    "Somebody, probably you, wants an account at {host} with this address.\n\nGo on here, within {minutes} minutes:\n{link}\n\nIf it was not you, do nothing.\n"
                ),
            ),
            (REGISTER, true) => (
                format!("You have an account at {host}"),
                format!(
                    "Somebody, probably you, wants an account at {host} with this address. You have one already.\n\nSign in:\n{issuer}{}\n\nA new password:\n{issuer}{}\n",
                    Paths::LOGIN,
                    Paths::FORGOT
                ),
            ),
            (_, true) => (
                format!("A new password for {host}"),
                format!(
                    "Somebody, probably you, wants a new password for your account at {host}.\n\nChoose one here, within {minutes} minutes:\n{link}\n\nIf it was not you, do nothing: the old one stays.\n"
                ),
            ),
            // Written all the same: whoever waits for a mail learns that there is no account, and nobody else does.
            (_, false) => (
                format!("No account at {host}"),
                format!(
                    "Somebody, probably you, wants a new password for an account at {host}, but there is none with this address.\n\nMake one:\n{issuer}{}\n",
                    Paths::REGISTER
                ),
            ),
        };
        let mail = Mail { digest, purpose: purpose.to_owned(), email: email.as_str().to_owned(), expires_s };
        self.store.add_mail(&mail).await?;
        self.post(Letter { to: email.as_str().to_owned(), subject, text });
        Ok(())
    }

    /// For whom a link is, if it is good: true where a name is to be chosen too. It stays good: programs look at links as well.
    ///
    /// # Errors
    /// [`ProviderFault::Link`].
    pub async fn link(&self, token: &str, now_s: u64) -> Result<(String, bool), ProviderFault> {
        let mail = self.mail(token, now_s).await?;
        Ok((mail.email, mail.purpose == REGISTER))
    }

    async fn mail(&self, token: &str, now_s: u64) -> Result<Mail, ProviderFault> {
        let secret = Secret::parse(token).ok_or(ProviderFault::Link)?;
        let mail = self.store.mail(secret.digest().as_str(), now_s).await?.ok_or(ProviderFault::Link)?;
        // A link to register that was followed after all is of no use to somebody who has an account.
        let has_account = self.store.account_of_email(&mail.email).await?.is_some_and(|one| one.closed_s.is_none());
        if has_account == (mail.purpose == REGISTER) { Err(ProviderFault::Link) } else { Ok(mail) }
    }

    /// A link was followed, and a password chosen: makes the account, or gives it the new password, and signs in.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn follow_link(
        &self,
        token: &str,
        name: &str,
        password: &str,
        visitor: &Visitor,
        now_s: u64,
    ) -> Result<Secret, ProviderFault> {
        let mail = self.mail(token, now_s).await?;
        accept_password(password, &[&mail.email, name])?;
        let is_new = mail.purpose == REGISTER;
        let name = if is_new { Some(display_name(name).ok_or(NoPersona::Name)?) } else { None };
        let hash = self.hasher.hash(password.to_owned()).await.map_err(|_| ProviderFault::Busy)?;
        if !self.store.use_mail(&mail.digest, now_s).await? {
            return Err(ProviderFault::Link);
        }
        let account = match name {
            Some(name) => self.make_account(Some(&mail.email), &name, Some(hash), None, now_s).await?,
            None => {
                let account = self.store.account_of_email(&mail.email).await?.ok_or(ProviderFault::Link)?;
                self.store.set_password(&account.id, &hash, None, now_s).await?;
                self.revoke_assertions_of(&account.id, now_s).await?;
                lock(&self.throttles).account.forget(&mail.email);
                account.id
            }
        };
        self.begin_session(Some(&account), None, "mail", visitor, now_s).await
    }

    /// Makes an account, with a handle that nobody has.
    pub(super) async fn make_account(
        &self,
        email: Option<&str>,
        name: &str,
        password: Option<String>,
        subject: Option<(&str, &str)>,
        now_s: u64,
    ) -> Result<String, ProviderFault> {
        let mut account = Account {
            id: random_id(),
            handle: String::new(),
            email: email.map(str::to_owned),
            name: name.to_owned(),
            password,
            personas: "[]".to_owned(),
            administrator: email.is_some_and(|email| self.config.is_administrator(email)),
            created_s: now_s,
            closed_s: None,
        };
        for attempt in 0..=HANDLES {
            account.handle = match attempt {
                HANDLES => format!("u-{}", random_id().to_ascii_lowercase().replace('_', "-")),
                _ => handle_from(email.unwrap_or(name), attempt),
            };
            match self.store.add_account(&account, subject).await? {
                None => return Ok(account.id),
                Some(Taken::Handle) => {}
                Some(Taken::Person) => break,
            }
        }
        Err(ProviderFault::Link)
    }

    /// Signs in by password.
    ///
    /// # Errors
    /// [`ProviderFault::WrongPassword`], whatever is wrong; or he has tried too often.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        visitor: &Visitor,
        now_s: u64,
    ) -> Result<Secret, ProviderFault> {
        let email = EmailAddress::parse(email).map_err(|_| ProviderFault::WrongPassword)?;
        self.try_account(email.as_str(), visitor, now_s)?;
        let account = self.store.account_of_email(email.as_str()).await?.filter(|account| account.closed_s.is_none());
        let hash = account.as_ref().and_then(|account| account.password.clone());
        let right = self.hasher.verify(password.to_owned(), hash).await.map_err(|_| ProviderFault::Busy)?;
        let account = account.filter(|_| right).ok_or(ProviderFault::WrongPassword)?;
        lock(&self.throttles).account.forget(email.as_str());
        self.begin_session(Some(&account.id), None, "pwd", visitor, now_s).await
    }

    /// Somebody without an account takes a name for a while.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn be_guest(&self, name: &str, visitor: &Visitor, now_s: u64) -> Result<Secret, ProviderFault> {
        if !self.config.guests {
            return Err(ProviderFault::Forbidden("Guests are not let in here: make an account."));
        }
        let name = display_name(name).ok_or(NoPersona::Name)?;
        let address = crate::identity::account::Throttle::of_address(visitor.address);
        lock(&self.throttles).address.take(&address, now_s).map_err(ProviderFault::TooMany)?;
        self.begin_session(None, Some(name), "guest", visitor, now_s).await
    }

    /// Changes one's own password: all other sessions end.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn change_password(
        &self,
        who: &Who,
        (old, new): (&str, &str),
        visitor: &Visitor,
        now_s: u64,
    ) -> Result<(), ProviderFault> {
        who.may(Action::ChangeOwnAccount)?;
        let account = who.account.as_ref().ok_or(ProviderFault::SignIn)?;
        let email = account.email.as_deref().unwrap_or(&account.id);
        self.try_account(email, visitor, now_s)?;
        let right = self.hasher.verify(old.to_owned(), account.password.clone()).await;
        if !right.map_err(|_| ProviderFault::Busy)? {
            return Err(ProviderFault::WrongPassword);
        }
        accept_password(new, &[email, &account.name])?;
        let hash = self.hasher.hash(new.to_owned()).await.map_err(|_| ProviderFault::Busy)?;
        self.store.set_password(&account.id, &hash, Some(&who.session.digest), now_s).await?;
        self.revoke_assertions_of(&account.id, now_s).await
    }

    /// Sets one's own name and professional personas.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn set_personas(&self, who: &Who, name: &str, personas: Vec<Persona>) -> Result<(), ProviderFault> {
        who.may(Action::ChangeOwnAccount)?;
        let account = who.account.as_ref().ok_or(ProviderFault::SignIn)?;
        if personas.len() > MAX_PERSONAS {
            return Err(ProviderFault::Malformed("An account has 8 personas at most."));
        }
        let name = display_name(name).ok_or(NoPersona::Name)?;
        let checked: Result<Vec<Persona>, NoPersona> = personas.into_iter().map(Persona::checked).collect();
        let professional: Vec<Persona> =
            checked?.into_iter().filter(|one| one.kind == PersonaKind::Professional).collect();
        // Texts can be written.
        let json = serde_json::to_string(&professional).unwrap_or_else(|_| "[]".to_owned());
        Ok(self.store.set_personas(&account.id, &name, &json).await?)
    }

    /// An administrator closes an account or opens it again; with it end its sessions, and what was asserted of it.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn close_account(
        &self,
        who: &Who,
        account: &str,
        closed: bool,
        now_s: u64,
    ) -> Result<bool, ProviderFault> {
        who.may(Action::CloseAccounts)?;
        let changed = self.store.close_account(account, closed.then_some(now_s), now_s).await?;
        if closed {
            self.revoke_assertions_of(account, now_s).await?;
        }
        Ok(changed)
    }

    /// An administrator looks who has an account: 100 after `after`.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn accounts(&self, who: &Who, after: &str) -> Result<Vec<Account>, ProviderFault> {
        who.may(Action::ListAccounts)?;
        Ok(self.store.accounts(after, 100).await?)
    }
}
