//! Tables of the embedded database and how older ones become newer ones.

use rusqlite::Connection;

use super::fail;
use crate::{Error, Result};

/// Each step brings the schema from its index to the next version. Steps are never edited, only added.
const STEPS: [&str; 1] = [
    // Content stands last: what only lists messages never reads its pages. Ids grow with time, so
    // rows are added at the right edge of the trees.
    "create table message (
        id integer primary key,
        envelope text not null,
        trace blob not null,
        size integer not null,
        hold_reason integer,
        hold_expires integer,
        hold_detail text,
        content blob
    );
    create index message_held on message(id) where hold_reason is not null;

    create table recipient (
        message integer not null,
        position integer not null,
        state integer not null,
        due integer not null,
        expires integer not null,
        attempts integer not null,
        warned integer not null,
        address text not null,
        original text,
        route text not null,
        sender text,
        notify text,
        orcpt text,
        error text,
        primary key (message, position)
    ) without rowid;
    create index recipient_due on recipient(due, message, position) where state = 0;

    create table history (
        key integer primary key,
        message text not null,
        record text not null
    );
    create index history_message on history(message) where message <> '';

    create table entry (
        address text primary key,
        kind text not null,
        data text not null
    ) without rowid;

    create table state (
        bucket text not null,
        key text not null,
        value blob,
        number integer,
        expires integer,
        primary key (bucket, key)
    ) without rowid;
    create index state_expires on state(expires) where expires is not null;

    create table meta (
        name text primary key,
        value integer not null
    ) without rowid;
    insert into meta values ('generation', 1);",
];

/// `PRAGMA application_id` of the file: "Pwdn".
const APPLICATION: i64 = 0x5077_646e;

pub(crate) fn migrate(database: &mut Connection) -> Result<()> {
    let number = |pragma: &str| database.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(fail);
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION && (application, version) != (0, 0) {
        return Err(Error::Invalid("the database file belongs to another program".to_owned()));
    }
    let newest = STEPS.len() as i64;
    if version > newest || version < 0 {
        return Err(Error::Invalid(format!(
            "the store has schema {version}, this program knows {newest} at most: it was written by a newer version; \
             run that one, or restore a copy made before the upgrade"
        )));
    }
    let done = usize::try_from(version).unwrap_or(0);
    let transaction = database.transaction().map_err(fail)?;
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step).map_err(fail)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(fail)?;
    transaction.pragma_update(None, "user_version", newest).map_err(fail)?;
    transaction.commit().map_err(fail)
}
