//! Mails: links to register and to mend a forgotten password.

use super::config::MailConfig;
use lettre::message::Mailbox;
use lettre::{Message, SmtpTransport, Transport as _};
use std::time::Duration;
use thiserror::Error;

/// How long a mail server may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// To whom.
    pub to: String,
    /// What about.
    pub subject: String,
    /// What it says, as plain text.
    pub text: String,
}

/// Why mails cannot be sent.
#[derive(Debug, Error)]
pub enum MailFault {
    /// The configuration.
    #[error("mail.smtp is no smtp:// or smtps:// address: {0}")]
    Server(lettre::transport::smtp::Error),
    /// The configuration.
    #[error("mail.from is no address such as `Colloquy <no-reply@example.org>`")]
    From,
    /// The letter.
    #[error("a mail cannot be written: {0}")]
    Letter(lettre::error::Error),
    /// The mail server.
    #[error("the mail server did not take a mail: {0}")]
    Sending(lettre::transport::smtp::Error),
}

/// Sends mails, and takes its time: it is called where waiting is allowed.
pub trait Mailer: Send + Sync {
    /// Sends one.
    ///
    /// # Errors
    /// [`MailFault`].
    fn send(&self, letter: &Letter) -> Result<(), MailFault>;
}

/// Whatever the configuration says.
///
/// # Errors
/// [`MailFault`], where it is wrong.
pub fn mailer(config: &MailConfig) -> Result<Box<dyn Mailer>, MailFault> {
    if config.smtp.is_empty() {
        tracing::warn!("mails are written to this log, with their links: for development only. Set identity.mail.smtp");
        return Ok(Box::new(LogMailer));
    }
    let transport = SmtpTransport::from_url(&config.smtp).map_err(MailFault::Server)?.timeout(Some(TIMEOUT)).build();
    Ok(Box::new(SmtpMailer { transport, from: config.from.parse().map_err(|_| MailFault::From)? }))
}

/// Hands mails to a server.
struct SmtpMailer {
    transport: SmtpTransport,
    from: Mailbox,
}

impl Mailer for SmtpMailer {
    fn send(&self, letter: &Letter) -> Result<(), MailFault> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, letter.to.parse().map_err(|_| MailFault::From)?))
            .subject(&letter.subject)
            .header(lettre::message::header::ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .map_err(MailFault::Letter)?;
        self.transport.send(&message).map_err(MailFault::Sending).map(drop)
    }
}

/// Writes mails to the log. For development: whoever reads the log can be anybody.
struct LogMailer;

impl Mailer for LogMailer {
    fn send(&self, letter: &Letter) -> Result<(), MailFault> {
        tracing::warn!(to = letter.to, subject = letter.subject, text = letter.text, "a mail, not sent");
        Ok(())
    }
}
