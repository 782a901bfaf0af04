//! What every backend promises: each scenario is written once and runs for each backend.
//! A new backend is one line in `backend.rs` and one in `scenarios!` below.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod accounts;
mod backend;
mod changes;
mod claims;
mod content;
mod history;
mod holds;
mod make;
mod postgres_only;
mod postgres_server;
mod queue;
mod sqlite_only;
mod state;

use backend::{Backend, Bench};

macro_rules! scenarios {
    ($($file:ident { $($name:ident),* $(,)? })*) => {
        scenarios!(@ sqlite Sqlite $($file { $($name),* })*);
        scenarios!(@ postgres Postgres $($file { $($name),* })*);
    };
    (@ $backend:ident $variant:ident $($file:ident { $($name:ident),* })*) => {
        mod $backend {
            $(mod $file {
                $(#[test]
                fn $name() {
                    crate::run(crate::Backend::$variant, |bench| Box::pin(crate::$file::$name(bench)));
                })*
            })*
        }
    };
}

scenarios! {
    queue {
        accepted_is_shown_as_given,
        an_id_is_taken_once,
        a_bad_message_spoils_no_other,
        survives_a_new_start,
        next_due_tells_when_to_wake,
        list_pages_and_filters,
        hostile_strings_are_only_strings,
        count_counts,
        many_at_once,
    }
    claims {
        oldest_due_first_and_only_once,
        done_removes_row_message_and_content,
        retry_waits_until_due,
        release_does_not_count,
        hold_is_never_due,
        a_lease_ends,
        renewal_moves_the_end,
        a_living_node_keeps_its_claims,
        settlement_is_one_transaction,
        only_the_claimer_settles,
        concurrent_claims_never_meet,
        recipients_of_one_message_settle_apart,
    }
    changes {
        each_change_does_what_it_says,
        leased_recipients_are_left_alone,
        remove_takes_message_and_content,
        filters_choose,
    }
    content {
        small_and_large_come_back_whole,
        drafts_are_bounded,
        a_reader_outlives_the_draft,
        own_content_of_any_size,
        fifty_megabytes_in_bounded_memory,
    }
    holds {
        held_until_released,
        held_until_deleted,
        held_until_expired,
        a_filters_hold_is_not_released_by_a_queue_command,
    }
    history {
        found_by_what_it_says,
        written_with_the_message,
        expires,
        many_pages,
    }
    accounts {
        put_lookup_remove,
        kinds_do_not_replace_each_other,
        pages_in_order,
        each_change_moves_the_generation,
    }
    state {
        values_come_and_go,
        expiry,
        counters,
        many_tasks_one_counter,
        compare_and_set_has_one_winner,
        keys_by_prefix,
        limits,
        odd_keys,
    }
}

/// Runs one scenario on a new, empty store.
fn run(backend: Backend, scenario: impl for<'a> FnOnce(&'a Bench) -> backend::Scenario<'a>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(bench) = Bench::new(backend, &runtime) {
        runtime.block_on(scenario(&bench));
    }
}
