//! Runs every model.

macro_rules! models {
    ($($room:ident: $($name:ident),+ ;)+) => {$($(
        #[test]
        fn $name() {
            tiercache_model::$room::$name();
        }
    )+)+};
}

models! {
    flights:
        a_caller_after_forget_does_not_get_the_old_value,
        a_caller_that_comes_as_the_last_one_leaves_can_be_joined,
        a_caller_that_comes_while_a_load_ends_is_answered,
        a_caller_that_comes_while_the_leader_is_dropped_leads,
        a_forgotten_load_that_ends_leaves_the_new_one_in_place,
        a_leader_and_a_waiter_that_leave_at_once_leave_nothing,
        a_leader_dropped_as_it_is_deposed_has_one_heir,
        a_leader_is_not_left_asleep,
        a_leader_that_ends_as_it_is_deposed_still_answers,
        a_leader_that_has_come_keeps_the_lead,
        a_leader_without_a_value_ends_nothing_once_it_is_deposed,
        a_load_begins_only_when_the_one_before_has_ended,
        a_waiter_dropped_as_it_is_promoted_passes_the_lead_on,
        a_waiter_let_go_as_the_load_ends_is_answered,
        a_waiter_that_comes_as_sweeping_ends_is_swept,
        a_waiter_that_looks_while_a_load_ends_has_its_value,
        a_waiter_that_looks_while_the_leader_is_dropped_leads,
        of_two_callers_that_come_at_once_one_leads,
        of_two_waiters_exactly_one_takes_over;
    fences:
        a_load_from_before_an_invalidation_is_not_kept,
        a_value_from_before_a_change_is_not_served_after_its_invalidation,
        a_value_from_before_a_new_epoch_is_not_served_in_it,
        a_written_value_is_not_covered_by_an_older_load;
}
