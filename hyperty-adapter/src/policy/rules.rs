//! Policies, parsed and checked, in the form in which they are asked.

use super::facts::{Facts, kind};
use super::folder::{BadPolicies, File};
use super::identities::User;
use super::needs::Needs;
use super::policies::Otherwise;
use super::when::Minute;
use crate::address::Address;
use crate::envelope::Verb;
use crate::node::Decision;
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    PolicyId, PolicySet, Request, RestrictedExpression as Expression, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::str::FromStr;

const SCHEMA: &str = include_str!("schema.cedarschema");
/// Policies in all files together at most: each message that they are about is held against all of them.
const MAX_POLICIES: usize = 1_000;
/// Longest name of a policy, and longest description, in bytes: clients are told them.
const MAX_ID: usize = 128;
const MAX_DESCRIPTION: usize = 1_024;

/// The types of messages, as policies call them. `close` is not asked about: whoever wants to go may.
const ACTIONS: [(Verb, &str); 10] = [
    (Verb::Open, "open"),
    (Verb::Reopen, "re-open"),
    (Verb::Create, "create"),
    (Verb::Read, "read"),
    (Verb::Update, "update"),
    (Verb::Delete, "delete"),
    (Verb::Subscribe, "subscribe"),
    (Verb::Unsubscribe, "unsubscribe"),
    (Verb::Response, "response"),
    (Verb::Other, "other"),
];

/// All policies, by what they are about.
#[derive(Debug)]
pub(super) struct Rules {
    actions: Vec<(Verb, About)>,
    count: usize,
    types: Types,
    authorizer: Authorizer,
}

/// Those about one type of messages.
#[derive(Debug)]
pub(super) struct About {
    action: EntityUid,
    policies: PolicySet,
    pub(super) needs: Needs,
}

#[derive(Debug)]
struct Types {
    domain: EntityTypeName,
    runtime: EntityTypeName,
    user: EntityTypeName,
    address: EntityTypeName,
}

/// What is decided about, once it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) runtime: &'a Address<'a>,
    pub(super) from: &'a Address<'a>,
    pub(super) to: &'a Address<'a>,
    pub(super) resource: &'a Address<'a>,
    pub(super) user: Option<&'a User>,
    pub(super) identity: &'static str,
    pub(super) facts: &'a Facts<'a>,
    pub(super) minute: Minute,
}

impl Rules {
    /// Reads policies, and holds them against the schema.
    pub(super) fn of(files: &[File], otherwise: Otherwise) -> Result<Self, BadPolicies> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).expect("our own schema is one");
        let validator = Validator::new(schema);
        let mut all: Vec<Policy> = Vec::new();
        let mut ids: HashMap<String, &str> = HashMap::new();
        for file in files {
            for policy in read(file, &validator)? {
                let id = policy.id().to_string();
                if let Some(other) = ids.insert(id.clone(), &file.name) {
                    return Err(BadPolicies::in_file(
                        file,
                        None,
                        format!("there is another policy {id:?} in {other}: give this one its own @id"),
                    ));
                }
                all.push(policy);
            }
        }
        if all.len() > MAX_POLICIES {
            return Err(BadPolicies::TooMany { most: MAX_POLICIES });
        }
        let mut actions = Vec::new();
        for (verb, name) in ACTIONS {
            let action = uid(&name_of("Action"), name);
            // Where all else is allowed, only what forbids something makes a difference.
            let makes_a_difference =
                |policy: &&Policy| otherwise == Otherwise::Deny || policy.effect() == Effect::Forbid;
            let is_about = |policy: &&Policy| match policy.action_constraint() {
                ActionConstraint::Any => true,
                ActionConstraint::Eq(one) => one == action,
                ActionConstraint::In(some) => some.contains(&action),
            };
            let about: Vec<Policy> = all.iter().filter(makes_a_difference).filter(is_about).cloned().collect();
            if about.is_empty() && otherwise == Otherwise::Allow {
                continue;
            }
            // What cannot be told is everything.
            let texts: Vec<String> = about
                .iter()
                .map(|policy| policy.to_json().map_or_else(|_| EVERYTHING.to_owned(), |json| json.to_string()))
                .collect();
            let mut policies =
                PolicySet::from_policies(about).map_err(|error| BadPolicies::Other(error.to_string()))?;
            if otherwise == Otherwise::Allow {
                let rest = Policy::parse(Some(PolicyId::new("")), "permit (principal, action, resource);")
                    .expect("it is a policy");
                policies.add(rest).map_err(|error| BadPolicies::Other(error.to_string()))?;
            }
            actions.push((verb, About { action, policies, needs: Needs::of(&texts) }));
        }
        let types = Types {
            domain: name_of("Domain"),
            runtime: name_of("Runtime"),
            user: name_of("User"),
            address: name_of("Address"),
        };
        Ok(Self { actions, count: all.len(), types, authorizer: Authorizer::new() })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// What is about a type of messages; where nothing is, all of them pass.
    pub(super) fn about(&self, verb: Verb) -> Option<&About> {
        self.actions.iter().find(|(one, _)| *one == verb).map(|(_, about)| about)
    }

    /// Decides. The second is whether a policy could not be evaluated.
    pub(super) fn decide(&self, about: &About, case: &Case<'_>) -> (Decision, bool) {
        let Some((request, entities)) = self.request(about, case) else {
            return (Decision::Deny("the policies cannot be asked about this message".into()), true);
        };
        let response = self.authorizer.is_authorized(&request, &about.policies, &entities);
        // The engine leaves out a policy that it cannot evaluate. If that was one that forbids, it would be open.
        if let Some(error) = response.diagnostics().errors().next() {
            tracing::warn!(%error, "a policy cannot be evaluated, and nothing passes that it is about");
            return (Decision::Deny("a policy about this message cannot be evaluated: tell the operator".into()), true);
        }
        if response.decision() == cedar_policy::Decision::Allow {
            return (Decision::Allow, false);
        }
        let first = response.diagnostics().reason().min();
        let why = match first {
            None => Cow::Borrowed("no policy allows it"),
            Some(id) => match about.policies.annotation(id, "description") {
                Some(description) => Cow::Owned(format!("{description} (policy {id})")),
                None => Cow::Owned(format!("policy {id} forbids it")),
            },
        };
        (Decision::Deny(why), false)
    }

    fn request(&self, about: &About, case: &Case<'_>) -> Option<(Request, Entities)> {
        let Types { domain: domains, runtime, user, address } = &self.types;
        let domain = case.runtime.domain().to_ascii_lowercase();
        let home = HashSet::from([uid(domains, &domain)]);
        let (principal, attributes) = match case.user {
            Some(who) => {
                let mut attributes =
                    vec![("url", text(&who.url)), ("issuer", text(&who.issuer)), ("domain", text(&domain))];
                attributes.extend(who.email.as_deref().map(|email| ("email", text(email))));
                attributes.extend(who.guid.as_deref().map(|guid| ("guid", text(guid))));
                (uid(user, &who.url), attributes)
            }
            None => (uid(runtime, case.runtime.as_str()), vec![("domain", text(&domain))]),
        };
        let resource = uid(address, case.resource.as_str());
        let (scheme, place) =
            (case.resource.scheme().to_ascii_lowercase(), case.resource.domain().to_ascii_lowercase());
        let of_resource =
            vec![("scheme", text(&scheme)), ("domain", text(&place)), ("kind", text(kind(case.resource)))];
        let entities = [
            Entity::new(principal.clone(), named(attributes), home).ok()?,
            Entity::new(resource.clone(), named(of_resource), HashSet::from([uid(domains, &place)])).ok()?,
        ];
        let context = Context::from_pairs(named(context(case))).ok()?;
        // Without the schema: what we make fits it, as the tests see to, and checking that would take longer than deciding.
        let request = Request::new(principal, about.action.clone(), resource, context, None).ok()?;
        Some((request, Entities::from_entities(entities, None).ok()?))
    }
}

/// A word of everything that policies can look at.
const EVERYTHING: &str =
    r#""User" "runtime" "domain" "Address" "from" "to" "resourceTypes" "qos" "subject" "owner" "time""#;

fn context(case: &Case<'_>) -> Vec<(&'static str, Expression)> {
    let Case { from, facts, minute, .. } = case;
    let record = |members: Vec<(&str, Expression)>| Expression::new_record(named(members)).ok();
    let from = record(vec![
        ("address", text(from.as_str())),
        ("scheme", text(&from.scheme().to_ascii_lowercase())),
        ("domain", text(&from.domain().to_ascii_lowercase())),
    ]);
    let time = record(vec![
        ("minute", Expression::new_long(minute.of_day)),
        ("weekday", text(minute.weekday)),
        ("date", Expression::new_long(minute.date)),
    ]);
    let optional = [
        ("from", from),
        ("time", time),
        ("qos", facts.qos.as_deref().map(text)),
        ("subject", facts.subject.as_deref().map(text)),
        ("owner", facts.owner.as_deref().map(text)),
        ("ownerEmail", facts.owner_email().map(text)),
        ("ownerGuid", facts.guid.as_deref().map(text)),
    ];
    let mut all = vec![
        ("identity", text(case.identity)),
        ("runtime", text(case.runtime.as_str())),
        ("to", text(case.to.as_str())),
        ("resourceTypes", Expression::new_set(facts.types.iter().map(|one| text(one)))),
    ];
    all.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    all
}

/// The policies of a file, by their names.
fn read(file: &File, validator: &Validator) -> Result<Vec<Policy>, BadPolicies> {
    let set = PolicySet::from_str(&file.text).map_err(|errors| match errors.iter().next() {
        Some(error) => BadPolicies::in_file(file, offset(error), with_help(error)),
        None => BadPolicies::in_file(file, None, errors.to_string()),
    })?;
    if let Some(template) = set.templates().next() {
        let why =
            format!("{} has ?principal or ?resource, which nobody fills in: write whom it is about", template.id());
        return Err(BadPolicies::in_file(file, None, why));
    }
    if let Some(error) = validator.validate(&set, ValidationMode::Strict).validation_errors().next() {
        return Err(BadPolicies::in_file(file, offset(error), with_help(error)));
    }
    let stem = file.name.trim_end_matches(".cedar");
    set.policies()
        .map(|policy| {
            let id = policy.annotation("id").map_or_else(|| format!("{stem}/{}", policy.id()), str::to_owned);
            if id.is_empty() || id.len() > MAX_ID {
                return Err(BadPolicies::in_file(
                    file,
                    None,
                    format!("the @id {id:?} has not between 1 and {MAX_ID} bytes"),
                ));
            }
            if policy.annotation("description").is_some_and(|description| description.len() > MAX_DESCRIPTION) {
                let why = format!("the @description of {id:?} is longer than {MAX_DESCRIPTION} bytes");
                return Err(BadPolicies::in_file(file, None, why));
            }
            Ok(policy.new_id(PolicyId::new(id)))
        })
        .collect()
}

fn offset(error: &dyn Diagnostic) -> Option<usize> {
    error.labels()?.next().map(|label| label.offset())
}

fn with_help(error: &dyn Diagnostic) -> String {
    error.help().map_or_else(|| error.to_string(), |help| format!("{error}; {help}"))
}

fn name_of(name: &str) -> EntityTypeName {
    EntityTypeName::from_str(name).expect("a name of ours is one")
}

fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}

fn text(text: &str) -> Expression {
    Expression::new_string(text.to_owned())
}

fn named(members: Vec<(&str, Expression)>) -> HashMap<String, Expression> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
