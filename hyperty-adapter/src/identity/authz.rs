//! Who may do what with identities: one table, looked at by every door.

/// What somebody is to the identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Nobody has told who this is.
    Stranger,
    /// Somebody without an account, who has given himself a name.
    Guest,
    /// Somebody with an account.
    Member,
    /// A member who looks after the others.
    Administrator,
    /// A program that is registered, and acts for somebody who has agreed.
    Client,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Make an account, have a forgotten password mended.
    Register,
    /// Sign in, or become a guest.
    SignIn,
    /// Have an identity asserted, in the name that one has.
    Assert,
    /// The same as a professional persona.
    AssertProfessional,
    /// Have somebody's assertion looked at.
    Validate,
    /// Tie a hyperty to oneself.
    Associate,
    /// Read what is known of oneself.
    ReadOwnProfile,
    /// Change one's personas, password and address.
    ChangeOwnAccount,
    /// See where one is signed in, and end that.
    OwnSessions,
    /// Agree that a client acts for oneself, and take that back.
    Consent,
    /// Redeem codes and refresh tokens.
    Redeem,
    /// See who has an account.
    ListAccounts,
    /// Close or open somebody's account.
    CloseAccounts,
    /// Take back assertions and sessions of others.
    RevokeOthers,
    /// Make new signing keys before their time.
    RotateKeys,
}

/// The table. Both matches are exhaustive: a new role or a new action does not compile before it has been thought about.
#[must_use]
pub fn allowed(role: Role, action: Action) -> bool {
    use Action::*;
    match role {
        Role::Stranger => match action {
            Register | SignIn | Validate => true,
            Assert | AssertProfessional | Associate | ReadOwnProfile | ChangeOwnAccount | OwnSessions | Consent
            | Redeem | ListAccounts | CloseAccounts | RevokeOthers | RotateKeys => false,
        },
        Role::Guest => match action {
            Register | SignIn | Validate | Assert | Associate | ReadOwnProfile | OwnSessions => true,
            AssertProfessional | ChangeOwnAccount | Consent | Redeem | ListAccounts | CloseAccounts | RevokeOthers
            | RotateKeys => false,
        },
        Role::Member => match action {
            Register | SignIn | Validate | Assert | AssertProfessional | Associate | ReadOwnProfile
            | ChangeOwnAccount | OwnSessions | Consent => true,
            Redeem | ListAccounts | CloseAccounts | RevokeOthers | RotateKeys => false,
        },
        Role::Administrator => match action {
            Register | SignIn | Validate | Assert | AssertProfessional | Associate | ReadOwnProfile
            | ChangeOwnAccount | OwnSessions | Consent | ListAccounts | CloseAccounts | RevokeOthers | RotateKeys => {
                true
            }
            Redeem => false,
        },
        Role::Client => match action {
            Redeem | Validate | ReadOwnProfile | Assert | AssertProfessional | Associate => true,
            Register | SignIn | ChangeOwnAccount | OwnSessions | Consent | ListAccounts | CloseAccounts
            | RevokeOthers | RotateKeys => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_as_it_was_decided() {
        use Action::*;
        const ROLES: [Role; 5] = [Role::Stranger, Role::Guest, Role::Member, Role::Administrator, Role::Client];
        // One row an action: stranger, guest, member, administrator, client.
        let table: [(Action, &str); 15] = [
            (Register, "yyyy-"),
            (SignIn, "yyyy-"),
            (Assert, "-yyyy"),
            (AssertProfessional, "--yyy"),
            (Validate, "yyyyy"),
            (Associate, "-yyyy"),
            (ReadOwnProfile, "-yyyy"),
            (ChangeOwnAccount, "--yy-"),
            (OwnSessions, "-yyy-"),
            (Consent, "--yy-"),
            (Redeem, "----y"),
            (ListAccounts, "---y-"),
            (CloseAccounts, "---y-"),
            (RevokeOthers, "---y-"),
            (RotateKeys, "---y-"),
        ];
        for (action, row) in table {
            let got: String = ROLES.iter().map(|role| if allowed(*role, action) { 'y' } else { '-' }).collect();
            assert_eq!(got, row, "{action:?}");
        }
    }
}
