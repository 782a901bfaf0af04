//! Tables of the shared database and how older ones become newer ones.
//!
//! Strings that come from the network may hold a NUL, which a text column cannot: they stand in JSON
//! (where it is escaped) or in bytea.

use deadpool_postgres::Client;

use super::fail;
use crate::{Error, Result};

/// Each step brings the schema from its index to the next version. Steps are never edited, only added.
const STEPS: [&str; 1] = ["
    create table message (
        id bigint primary key,
        envelope text not null,
        trace bytea not null,
        size bigint not null,
        hold_reason bigint,
        hold_expires bigint,
        hold_detail text,
        content bytea
    );
    alter table message alter column content set storage external;
    create index message_held on message(id) where hold_reason is not null;

    -- Content that does not fit in one value, in pieces that are all full but the last.
    create table chunk (
        message bigint not null,
        number bigint not null,
        data bytea not null,
        primary key (message, number)
    );
    alter table chunk alter column data set storage external;

    create table recipient (
        message bigint not null,
        position bigint not null,
        state bigint not null,
        due bigint not null,
        expires bigint not null,
        attempts bigint not null,
        warned boolean not null,
        data text not null,
        error text,
        lease_node text,
        lease_until bigint,
        primary key (message, position)
    );
    create index recipient_due on recipient(due, message, position) where state = 0 and lease_until is null;
    create index recipient_lease on recipient(lease_until) where lease_until is not null;

    create table history (
        time bigint not null,
        number bigserial not null,
        message bytea not null,
        record text not null,
        primary key (time, number)
    );
    create index history_message on history(message, time, number) where message <> '';

    create table entry (
        address text collate \"C\" primary key,
        kind text not null,
        data text not null
    );

    create table state (
        bucket bytea not null,
        key bytea not null,
        value bytea,
        number bigint,
        expires bigint,
        primary key (bucket, key)
    );
    create index state_expires on state(expires) where expires is not null;

    -- Numbers of living nodes; `until` is in the database's time.
    create table node (
        number bigint primary key,
        name text not null,
        until bigint not null
    );

    create table meta (
        name text primary key,
        value bigint not null
    );
    insert into meta values ('generation', 1);
"];

/// One node migrates, others wait: the key of the lock is this program's own.
const LOCK: i64 = 0x5077_646e;

pub(crate) async fn migrate(client: &mut Client) -> Result<()> {
    let transaction = client.transaction().await.map_err(fail)?;
    transaction.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(fail)?;
    transaction
        .batch_execute("create table if not exists postwarden_schema (version bigint not null)")
        .await
        .map_err(fail)?;
    let row = transaction.query_opt("select max(version) from postwarden_schema", &[]).await.map_err(fail)?;
    let version = row.and_then(|row| row.get::<_, Option<i64>>(0)).unwrap_or(0);
    let newest = STEPS.len() as i64;
    if version > newest || version < 0 {
        return Err(Error::Invalid(format!(
            "the store has schema {version}, this program knows {newest} at most: it was written by a newer version; \
             bring all nodes to that one"
        )));
    }
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.batch_execute(step).await.map_err(fail)?;
    }
    if version < newest {
        transaction.execute("delete from postwarden_schema", &[]).await.map_err(fail)?;
        transaction.execute("insert into postwarden_schema values ($1)", &[&newest]).await.map_err(fail)?;
    }
    transaction.commit().await.map_err(fail)
}
