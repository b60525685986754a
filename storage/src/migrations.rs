//! What makes the tables, in numbered steps. They go forward only: a step that was given out is never changed, a new one mends it.
//!
//! Numbers are of the whole database, and each subject has a hundred: 1 registry, 101 global registry, 201 identity, 301 catalogue…

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Number, what it is about, and its text.
const STEPS: &[(i64, &str, &str)] = &[
    (1, "registry", include_str!("../migrations/0001_registry.sql")),
    (101, "global registry", include_str!("../migrations/0101_global.sql")),
    (201, "identity", include_str!("../migrations/0201_identity.sql")),
];

/// All of them, to be run in the order of their numbers; each is a transaction.
pub(crate) fn migrator() -> Migrator {
    let step = |&(number, about, text): &(i64, &'static str, &'static str)| {
        Migration::new(number, about.into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    let mut all = Migrator::with_migrations(STEPS.iter().map(step).collect());
    all.dangerous_set_table_name("migrations");
    all
}
