//! What every store promises: one suite, run over each implementation.

mod basics;
mod crash;
mod delivery;
mod desk;
mod gone;
mod holding;
pub mod home;
mod keys;
mod landing;
mod leases;
mod model;
mod pushed;
mod random;
mod records;
mod rivals;
mod shapes;
mod sharing;
mod standing;
mod table;

/// Runs each promise over each implementation: one test a pair.
macro_rules! promises {
    ($home:ident, $kind:ty: $($module:ident :: $promise:ident),* $(,)?) => {
        mod $home {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$module::$promise(<$kind as super::home::Home>::new()).await;
                }
            )*
        }
    };
}

macro_rules! all_promises {
    ($home:ident, $kind:ty) => {
        promises! { $home, $kind:
            basics::facts_hold_over_a_restart,
            basics::a_second_process_is_refused,
            basics::a_reader_works_beside_the_writer,
            basics::a_lost_record_makes_the_audit_fail,
            basics::a_changed_natural_key_parks_the_table,
            basics::indexed_values_answer_questions,
            basics::a_field_indexed_later_knows_what_landed_before,
            basics::views_show_live_records_and_the_ledger,
            landing::unchanged_rows_are_only_counted,
            landing::keys_in_order_meet_what_stands_among_them,
            landing::a_change_replaces_the_version,
            landing::equal_rows_of_one_run_are_duplicates,
            landing::conflicting_rows_of_one_landing_all_wait,
            landing::a_later_conflicting_row_waits_and_freezes_the_record,
            landing::a_frozen_record_thaws_when_its_key_has_one_content_again,
            landing::a_bad_version_leaves_the_record_standing,
            landing::quarantine_keeps_since_and_closes_when_the_key_lands,
            landing::a_complete_read_closes_what_it_no_longer_contains,
            landing::rows_wait_for_their_parents,
            landing::an_interrupted_run_goes_on_where_it_stopped,
            landing::the_last_run_that_ended_well_is_remembered,
            landing::a_run_left_open_is_taken_up,
            landing::whole_runs_and_what_was_missed_are_remembered,
            landing::a_changed_mapping_reads_all_again,
            landing::few_missing_records_are_deleted_at_once,
            landing::many_missing_records_wait_for_approval,
            landing::what_another_source_has_landed_is_not_deleted,
            landing::deletions_of_seven_days_are_counted_together,
            landing::a_log_never_deletes,
            landing::an_incomplete_run_deletes_nothing,
            gone::a_source_never_empties_itself_beside_others,
            gone::other_columns_prove_nothing_until_they_come_again,
            gone::another_mapping_leaves_out_and_deletes_nothing,
            gone::fewer_files_and_doubts_delete_nothing,
            gone::what_stays_held_outlives_runs_that_are_odd_themselves,
            gone::what_the_conditions_of_a_mapping_come_to_leave_out_is_not_deleted,
            gone::due_deletions_wait_for_the_end_of_the_collection,
            gone::an_approval_is_for_the_list_that_was_shown,
            gone::a_record_was_last_seen_by_the_run_before_the_one_that_missed_it,
            gone::an_empty_log_is_noticed_and_deletes_nothing,
            gone::what_is_gone_and_stands_upstream_is_listed_until_it_comes_back_or_is_withdrawn,
            sharing::what_another_source_says_waits_and_nothing_flips,
            sharing::a_row_closes_when_both_sources_agree,
            sharing::contradictions_of_another_source_freeze_nothing,
            sharing::what_the_holder_misses_goes_to_the_source_that_gives_it,
            sharing::a_run_with_an_error_gives_nothing_up,
            sharing::a_pushed_row_waits_for_the_holder_too,
            sharing::a_takeover_moves_what_the_other_source_gives,
            sharing::a_takeover_can_be_taken_back,
            sharing::records_without_a_mapping_are_found_and_held,
            pushed::a_landing_moves_its_producers_position_and_no_other,
            pushed::a_position_outlives_a_restart,
            pushed::a_later_push_replaces_without_conflict,
            pushed::pushes_of_a_day_are_one_run,
            pushed::a_snapshot_deletes_what_it_did_not_see,
            pushed::a_snapshot_goes_on_after_a_restart,
            pushed::a_snapshot_begun_anew_replaces_the_one_under_way,
            pushed::a_snapshot_given_up_deletes_nothing,
            pushed::a_pushed_row_takes_back_a_held_deletion,
            pushed::another_natural_key_forgets_positions,
            records::a_record_is_found_by_its_key_live_or_gone,
            records::pages_hold_every_live_record_once_while_rows_come_and_go,
            records::changes_give_the_newest_versions_in_order_with_tombstones,
            keys::the_first_row_with_a_record_key_holds_it,
            keys::adopted_keys_and_minted_ones_never_meet,
            keys::a_deleted_record_keeps_its_key,
            keys::a_record_keeps_the_key_that_it_was_reported_under,
            keys::one_natural_key_with_two_record_keys_is_a_conflict,
            delivery::a_stored_batch_settles_its_rows,
            delivery::a_new_version_in_flight_waits_for_the_verdict,
            delivery::a_row_that_changed_while_it_was_staged_is_sent_again,
            delivery::a_refusal_is_offered_once_more,
            delivery::unknown_rows_wait_again_in_smaller_parts,
            delivery::a_cursor_may_not_pass_rows_by,
            delivery::exceptions_come_back_when_due_or_released,
            delivery::a_newer_version_takes_an_exception_back,
            delivery::a_deletion_is_delivered,
            delivery::back_fill_comes_newest_first,
            delivery::stored_rows_can_be_sent_again,
            delivery::batches_keep_their_story,
            delivery::the_ramp_counts_what_was_staged,
            delivery::pending_keeps_to_its_bounds,
            shapes::the_last_good_run_of_a_mapping_is_what_is_known,
            shapes::a_pause_begins_once_and_ends_with_a_good_run,
            shapes::what_is_accepted_is_what_was_seen,
            shapes::a_harmless_change_is_noted_until_the_next,
            shapes::a_shape_is_known_only_with_the_end_of_its_run,
            standing::a_comparison_is_kept_with_what_it_sends_again,
            standing::notices_replace_each_other_and_outlive_a_restart,
            crash::a_death_at_any_commit_leaves_the_equations_balanced,
        }
    };
}

all_promises!(sqlite, super::home::SqliteHome);
all_promises!(postgres, super::home::PostgresHome);
