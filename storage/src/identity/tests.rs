use super::*;
use crate::place::Place;

async fn store() -> Identities {
    Identities::new(Database::open(Place::Memory).await.expect("memory"))
}

fn account(id: &str, handle: &str, email: &str) -> Account {
    Account {
        id: id.into(),
        handle: handle.into(),
        email: Some(email.into()),
        name: "Anne".into(),
        password: None,
        personas: "[]".into(),
        administrator: false,
        created_s: 1,
        closed_s: None,
    }
}

fn session(digest: &str, id: &str, seen_s: u64) -> Session {
    Session {
        digest: digest.into(),
        id: id.into(),
        account: Some("a".into()),
        guest_name: None,
        method: "pwd".into(),
        agent: "x".into(),
        address: "y".into(),
        authenticated_s: 1,
        seen_s,
        expires_s: 1_000,
    }
}

fn grant(id: &str, session: &str) -> Grant {
    Grant {
        id: id.into(),
        code: format!("code of {id}"),
        code_expires_s: 60,
        client: "c".into(),
        account: "a".into(),
        session: session.into(),
        redirect_uri: "r".into(),
        challenge: "x".into(),
        nonce: Some("n".into()),
        scope: "openid".into(),
        authenticated_s: 1,
        expires_s: 500,
        revoked_s: None,
    }
}

#[tokio::test]
async fn accounts_are_of_one_person_each() {
    let store = store().await;
    let anne = account("a", "anne", "anne@d");
    assert_eq!(store.add_account(&anne, Some(("i", "s"))).await.unwrap(), None);
    assert_eq!(store.add_account(&account("b", "anne", "b@d"), None).await.unwrap(), Some(Taken::Handle));
    assert_eq!(store.add_account(&account("b", "bob", "anne@d"), None).await.unwrap(), Some(Taken::Person));
    assert_eq!(store.add_account(&account("b", "bob", "b@d"), Some(("i", "s"))).await.unwrap(), Some(Taken::Person));
    assert_eq!(store.account("b").await.unwrap(), None, "half of it was not kept");
    assert_eq!(store.account_of_email("anne@d").await.unwrap().as_ref(), Some(&anne));
    assert_eq!(store.account_of_subject("i", "s").await.unwrap(), Some(anne));
    assert_eq!(store.accounts("", 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn codes_and_refresh_tokens_are_used_once() {
    let store = store().await;
    store.add_account(&account("a", "anne", "anne@d"), None).await.unwrap();
    store.add_grant(&grant("g", "s")).await.unwrap();
    let Redeemed::First(first) = store.use_code("code of g", 2).await.unwrap() else { panic!("it was the first") };
    assert_eq!(*first, grant("g", "s"));
    assert_eq!(store.use_code("code of h", 2).await.unwrap(), Redeemed::Unknown);
    store.add_refresh("g", "r1", 400).await.unwrap();
    let rotate = |old: &'static str, new: &'static str, client: &'static str, now| {
        let store = store.clone();
        async move { store.rotate_refresh((old, new), client, 450, now).await.unwrap() }
    };
    assert_eq!(rotate("r1", "r2", "another", 3).await, Rotated::Unknown);
    assert!(matches!(rotate("r1", "r2", "c", 3).await, Rotated::Replaced(_)));
    assert!(matches!(rotate("r2", "r3", "c", 4).await, Rotated::Replaced(_)));
    assert_eq!(rotate("r3", "r4", "c", 460).await, Rotated::Unknown, "too late");
    assert_eq!(rotate("r1", "r4", "c", 5).await, Rotated::Again, "stolen");
    assert_eq!(rotate("r3", "r4", "c", 6).await, Rotated::Unknown, "the family has ended");
    assert_eq!(store.grant("g").await.unwrap().unwrap().revoked_s, Some(5));

    store.add_grant(&grant("h", "s")).await.unwrap();
    assert!(matches!(store.use_code("code of h", 7).await.unwrap(), Redeemed::First(_)));
    store.add_refresh("h", "q1", 400).await.unwrap();
    assert_eq!(store.use_code("code of h", 8).await.unwrap(), Redeemed::Again);
    assert_eq!(rotate("q1", "q2", "c", 9).await, Rotated::Unknown, "a code that came twice takes back what it gave");
}

#[tokio::test]
async fn sessions_end_with_what_was_granted_in_them() {
    let store = store().await;
    store.add_account(&account("a", "anne", "anne@d"), None).await.unwrap();
    for (n, seen_s) in (0..70).zip(10..) {
        store.add_session(&session(&format!("d{n}"), &format!("s{n}"), seen_s)).await.unwrap();
    }
    let sessions = store.sessions("a", 20).await.unwrap();
    assert_eq!((sessions.len(), sessions[0].id.as_str()), (64, "s69"));
    assert_eq!(store.session("d0", 20).await.unwrap(), None, "it made room");
    assert_eq!(store.session("d69", 1_000).await.unwrap(), None, "it has ended");
    store.add_grant(&grant("g", "s69")).await.unwrap();
    store.add_grant(&grant("h", "s68")).await.unwrap();
    assert!(!store.end_session("somebody else", "s69", 20).await.unwrap());
    assert!(store.end_session("a", "s69", 20).await.unwrap());
    assert_eq!(store.grant("g").await.unwrap().unwrap().revoked_s, Some(20));
    assert_eq!(store.grant("h").await.unwrap().unwrap().revoked_s, None);
    store.set_password("a", "phc", Some("d67"), 21).await.unwrap();
    assert_eq!(store.sessions("a", 22).await.unwrap().len(), 1);
    assert_eq!(store.grant("h").await.unwrap().unwrap().revoked_s, Some(21));
}

#[tokio::test]
async fn links_consents_keys_and_hyperties_come_back() {
    let store = store().await;
    store.add_account(&account("a", "anne", "anne@d"), None).await.unwrap();
    let mail = |digest: &str| Mail { digest: digest.into(), purpose: "p".into(), email: "e".into(), expires_s: 50 };
    store.add_mail(&mail("m1")).await.unwrap();
    store.add_mail(&mail("m2")).await.unwrap();
    assert_eq!(store.mail("m1", 1).await.unwrap(), None, "the newer one replaces it");
    assert_eq!(store.mail("m2", 1).await.unwrap(), Some(mail("m2")));
    assert!(!store.use_mail("m2", 50).await.unwrap(), "too late");
    assert!(store.use_mail("m2", 49).await.unwrap() && !store.use_mail("m2", 49).await.unwrap());

    let consent = |scope: &str| Consent { client: "c".into(), scope: scope.into(), granted_s: 1 };
    store.consent("a", &consent("openid")).await.unwrap();
    store.consent("a", &consent("openid email")).await.unwrap();
    assert_eq!(store.consents("a").await.unwrap(), [consent("openid email")]);
    store.revoke_client("a", "c", 2).await.unwrap();
    assert!(store.consents("a").await.unwrap().is_empty());

    let key = StoredKey { kid: "k".into(), algorithm: "ES256".into(), pkcs8: vec![0, 1], signs_from_s: 5 };
    store.add_key(&key).await.unwrap();
    assert_eq!(store.keys().await.unwrap(), [key]);
    store.drop_key("k").await.unwrap();
    assert!(store.keys().await.unwrap().is_empty());

    let hyperty = |url: &str, subject: &str| Hyperty {
        url: url.into(),
        subject: subject.into(),
        persona: "private".into(),
        guid: None,
        expires_s: 100,
    };
    assert!(store.associate(&hyperty("h1", "a"), 2, 1).await.unwrap());
    assert!(!store.associate(&hyperty("h1", "b"), 2, 1).await.unwrap(), "it is somebody else's");
    assert!(store.associate(&hyperty("h2", "a"), 2, 1).await.unwrap());
    assert!(!store.associate(&hyperty("h3", "a"), 2, 1).await.unwrap(), "as many as may be");
    assert!(store.associate(&hyperty("h1", "a"), 2, 1).await.unwrap(), "told again");
    assert_eq!(store.hyperties("a", 1).await.unwrap().len(), 2);
    assert_eq!(store.hyperty("h1", 100).await.unwrap(), None, "its time has passed");
    assert!(!store.dissociate("h1", "b").await.unwrap() && store.dissociate("h1", "a").await.unwrap());

    let revocation = Revocation { subject: "a".into(), jti: String::new(), revoked_s: 5, forget_s: 60 };
    store.revoke_assertions(&revocation).await.unwrap();
    assert_eq!(store.revocations(10).await.unwrap(), [revocation]);
    assert_eq!(store.sweep(1_000).await.unwrap(), 2);
    assert_eq!(store.sweep(1_000).await.unwrap(), 0);
}
