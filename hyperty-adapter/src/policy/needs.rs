//! What policies look at: only that is read of a message, and remembered with what was decided.

/// Which facts a set of policies may look at. Each is told by the words of the policies, as JSON: whatever is looked at is named in it, so this
/// is too much now and then, and never too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(super) struct Needs {
    pub(super) user: bool,
    pub(super) runtime: bool,
    pub(super) domain: bool,
    /// The resource's address.
    pub(super) address: bool,
    pub(super) from: bool,
    pub(super) to: bool,
    pub(super) types: bool,
    pub(super) qos: bool,
    pub(super) subject: bool,
    pub(super) owner: bool,
    pub(super) time: bool,
}

impl Needs {
    pub(super) fn of(policies: &[String]) -> Self {
        let names = |words: &[&str]| {
            words.iter().any(|word| policies.iter().any(|policy| policy.contains(&format!("\"{word}\""))))
        };
        Self {
            user: names(&["User", "Runtime", "identity", "url", "issuer", "email", "guid"]),
            runtime: names(&["Runtime", "runtime"]),
            domain: names(&["Domain", "domain"]),
            address: names(&["Address"]),
            from: names(&["from"]),
            to: names(&["to"]),
            types: names(&["resourceTypes"]),
            qos: names(&["qos"]),
            subject: names(&["subject"]),
            owner: names(&["owner", "ownerEmail", "ownerGuid"]),
            time: names(&["time"]),
        }
    }
}
