//! Pages for people: HTML without scripts, readable without styles. Whatever comes from somewhere is escaped by maud.

use super::visit::Visit;
use crate::identity::account::MIN_PASSWORD_CHARS;
use crate::identity::oidc::Paths;
use crate::identity::provider::{Provider, Who};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use colloquy_storage::identity::{Consent, Session};
use maud::{DOCTYPE, Markup, html};

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded but our own style, nobody frames us, and nothing that somebody may slip in runs.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What stands above a form.
#[derive(Debug, Clone, Copy)]
pub(super) enum Notice<'a> {
    None,
    Good(&'a str),
    Bad(&'a str),
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css"), (header::CACHE_CONTROL, "max-age=3600")], STYLE).into_response()
}

/// A whole page.
pub(super) fn page(title: &str, status: StatusCode, class: &str, body: &Markup) -> Response {
    let html = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " - Colloquy" }
                link rel="stylesheet" href=(Paths::STYLE);
            }
            body { main class=(class) { h1 { (title) } (body) } }
        }
    };
    with_policy(
        (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html.into_string()).into_response(),
        POLICY,
    )
}

pub(super) fn with_policy(mut response: Response, policy: &str) -> Response {
    if let Ok(policy) = HeaderValue::from_str(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A page that says something.
pub(super) fn message(title: &str, text: &str, status: StatusCode) -> Response {
    let body = html! { p { (text) } p.links { a href=(Paths::ACCOUNT) { "Your account" } } };
    page(title, status, "", &body)
}

fn notice(notice: Notice<'_>) -> Markup {
    match notice {
        Notice::None => html! {},
        Notice::Good(text) => html! { p.notice role="status" { (text) } },
        Notice::Bad(text) => html! { p.notice.bad role="alert" { (text) } },
    }
}

/// The secret that makes a form one of this browser's.
fn own(visit: &Visit) -> Markup {
    html! { input type="hidden" name="form" value=(visit.form.expose()); }
}

fn going_to(next: &str) -> Markup {
    html! { input type="hidden" name="next" value=(next); }
}

fn email_field(value: &str) -> Markup {
    html! {
        label { "E-mail address"
            input type="email" name="email" autocomplete="username" required maxlength="254" value=(value);
        }
    }
}

fn new_password_field() -> Markup {
    html! {
        label { "New password"
            input type="password" name="password" autocomplete="new-password" required minlength=(MIN_PASSWORD_CHARS) maxlength="1024";
            small { "At least " (MIN_PASSWORD_CHARS) " characters. A few words that do not belong together are good." }
        }
    }
}

pub(super) fn sign_in(
    provider: &Provider,
    visit: &Visit,
    next: &str,
    email: &str,
    (status, above): (StatusCode, Notice<'_>),
) -> Response {
    let open = provider.config().registration == crate::identity::config::Registration::Open;
    let body = html! {
        (notice(above))
        form method="post" action=(Paths::LOGIN) {
            (own(visit)) (going_to(next))
            (email_field(email))
            label { "Password"
                input type="password" name="password" autocomplete="current-password" required maxlength="1024";
            }
            button { "Sign in" }
        }
        @for (id, name) in provider.external_names() {
            form method="post" action={ "/identity/external/" (id) } {
                (own(visit)) (going_to(next))
                button.quiet { "Sign in with " (name) }
            }
        }
        p.links {
            @if open { a href=(Paths::REGISTER) { "Make an account" } }
            a href=(Paths::FORGOT) { "Forgotten your password?" }
        }
        @if provider.config().guests {
            hr;
            form method="post" action=(Paths::GUEST) {
                (own(visit)) (going_to(next))
                label { "Or come as a guest"
                    input name="name" autocomplete="name" required maxlength="64" placeholder="Your name";
                    small { "Others see that nobody has checked who you are." }
                }
                button.quiet { "Go on as a guest" }
            }
        }
    };
    page("Sign in", status, "", &body)
}

pub(super) fn ask_email(visit: &Visit, title: &str, action: &str, above: Notice<'_>, status: StatusCode) -> Response {
    let body = html! {
        (notice(above))
        form method="post" action=(action) {
            (own(visit)) (email_field(""))
            button { "Send me a link" }
        }
        p.links { a href=(Paths::LOGIN) { "Sign in" } }
    };
    page(title, status, "", &body)
}

pub(super) fn choose_password(
    visit: &Visit,
    (token, email, is_new): (&str, &str, bool),
    name: &str,
    (status, above): (StatusCode, Notice<'_>),
) -> Response {
    let body = html! {
        (notice(above))
        p { "For " strong { (email) } "." }
        form method="post" action=(Paths::VERIFY) {
            (own(visit))
            input type="hidden" name="token" value=(token);
            @if is_new {
                label { "Your name, as others see it"
                    input name="name" autocomplete="name" required maxlength="64" value=(name);
                }
            }
            (new_password_field())
            button { @if is_new { "Make the account" } @else { "Set the password" } }
        }
    };
    page(if is_new { "Your account" } else { "A new password" }, status, "", &body)
}

/// What a scope means, in words.
fn scope_words(scope: &str) -> &'static str {
    match scope {
        "openid" => "know that it is you, each time you come",
        "profile" => "see your name",
        "email" => "see your e-mail address",
        "offline_access" => "do this while you are not there, until you take it back",
        "webrtc" => "prove to those you call that it is you",
        _ => "do something that has no description",
    }
}

pub(super) fn consent(visit: &Visit, who: &Who, client: &str, scope: &str, next: &str) -> Response {
    let body = html! {
        p { "You are " strong { (who.person().name) } ". " strong { (client) } " wants to:" }
        ul.plain { @for one in scope.split(' ') { li { (scope_words(one)) } } }
        form method="post" action=(Paths::CONSENT) {
            (own(visit))
            input type="hidden" name="query" value=(next);
            div.either {
                button.quiet name="agree" value="no" { "No" }
                button name="agree" value="yes" { "I agree" }
            }
        }
        p { "You can take it back at any time in " a href=(Paths::ACCOUNT) { "your account" } "." }
    };
    page("Do you agree?", StatusCode::OK, "", &body)
}

pub(super) fn let_site(visit: &Visit, who: &Who, origin: &str, redirect_uri: Option<&str>) -> Response {
    let body = html! {
        p { "You are " strong { (who.person().name) } ". The site " strong { (origin) } " wants to prove to those you call there that it is you." }
        form method="post" action=(Paths::PROXY_LOGIN) {
            (own(visit))
            input type="hidden" name="origin" value=(origin);
            @if let Some(address) = redirect_uri { input type="hidden" name="redirect_uri" value=(address); }
            div.either {
                button.quiet name="agree" value="no" { "No" }
                button name="agree" value="yes" { "I agree" }
            }
        }
    };
    page("Do you agree?", StatusCode::OK, "", &body)
}

pub(super) fn sign_out(visit: &Visit, next: &str) -> Response {
    let body = html! {
        form method="post" action=(Paths::LOGOUT) {
            (own(visit)) (going_to(next))
            button { "Sign out" }
        }
    };
    page("Sign out?", StatusCode::OK, "", &body)
}

pub(super) fn account(
    visit: &Visit,
    who: &Who,
    (sessions, consents): (&[Session], &[Consent]),
    (status, above): (StatusCode, Notice<'_>),
) -> Response {
    let person = who.person();
    let personas = who.personas();
    let work = personas.iter().find(|persona| persona.organisation.is_some());
    let of_work =
        |text: fn(&crate::identity::persona::Persona) -> Option<String>| work.and_then(text).unwrap_or_default();
    let body = html! {
        (notice(above))
        p { strong { (person.name) } @if let Some(email) = &person.email { ", " (email) } @else { ", a guest" } }
        @if let Some(account) = &who.account {
            h2 { "As whom you act" }
            form method="post" action="/identity/account/persona" {
                (own(visit))
                label { "Your name, as others see it" input name="name" required maxlength="64" value=(account.name); }
                label { "At work: organisation" input name="organisation" maxlength="64" autocomplete="organization" value=(of_work(|one| one.organisation.clone())); }
                label { "At work: what you are" input name="title" maxlength="64" autocomplete="organization-title" value=(of_work(|one| one.title.clone())); }
                label { input type="checkbox" name="shows_email" value="yes" checked[work.is_some_and(|one| one.shows_email)]; "Those you call at work see your e-mail address" }
                button { "Save" }
            }
            @if account.password.is_some() {
                h2 { "Password" }
                form method="post" action="/identity/account/password" {
                    (own(visit))
                    label { "Old password" input type="password" name="old" autocomplete="current-password" required maxlength="1024"; }
                    (new_password_field())
                    button { "Change it, and sign out everywhere else" }
                }
            }
        }
        h2 { "Where you are signed in" }
        ul {
            @for session in sessions {
                li {
                    span {
                        @if session.id == who.session.id { strong { "Here. " } }
                        (session.address) small { (session.agent) }
                    }
                    @if session.id != who.session.id {
                        form method="post" action="/identity/account/sessions" {
                            (own(visit))
                            input type="hidden" name="id" value=(session.id);
                            button.quiet { "End" }
                        }
                    }
                }
            }
        }
        @if sessions.len() > 1 {
            form method="post" action="/identity/account/sessions" {
                (own(visit))
                input type="hidden" name="id" value="others";
                button.quiet { "End all others" }
            }
        }
        @if !consents.is_empty() {
            h2 { "What you have agreed to" }
            ul {
                @for consent in consents {
                    li {
                        span { (consent.client) small { (consent.scope) } }
                        form method="post" action="/identity/account/consents" {
                            (own(visit))
                            input type="hidden" name="client" value=(consent.client);
                            button.quiet { "Take back" }
                        }
                    }
                }
            }
        }
        hr;
        form method="post" action=(Paths::LOGOUT) { (own(visit)) button.quiet { "Sign out" } }
    };
    page("Your account", status, "wide", &body)
}

/// The end of a sign-in for a proxy. The only page with a script: it tells the page that opened it.
pub(super) fn proxy_done(ticket: &str, origin: &str) -> Response {
    let html = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Signed in - Colloquy" }
                link rel="stylesheet" href=(Paths::STYLE);
            }
            body data-ticket=(ticket) data-origin=(origin) {
                main { h1 { "Signed in" } p { "You can close this window." } }
                script { (maud::PreEscaped(crate::identity::proxy::DONE_SCRIPT)) }
            }
        }
    };
    let policy = format!("{POLICY}; script-src {}", crate::identity::proxy::done_policy());
    with_policy(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html.into_string()).into_response(), &policy)
}
