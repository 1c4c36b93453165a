"""The scenarios: what every worker type is put through, the same for all of them.

One list, by topic; each entry names the test that plays it. The worker types are `WORKERS` in
conftest.py: a new one there runs everything here. What a type cannot do by its nature is an entry
of `EXCEPTIONS` with the reason; `test_scenarios.py` holds both tables to what pytest collects.
"""

from __future__ import annotations

#: Topic → scenario → test (`file::function`).
SCENARIOS: dict[str, dict[str, str]] = {
    "connections": {
        "keep-alive": "test_connections::test_two_requests_on_one_connection",
        "keep-alive time": (
            "test_connections::test_an_idle_connection_is_closed_after_the_keep_alive_time"
        ),
        "keep-alive off": "test_connections::test_keep_alive_zero_closes",
        "pipelining": "test_connections::test_sixteen_pipelined_requests_are_answered_in_order",
        "pipelining beside a new client": (
            "test_connections::test_pipelined_requests_take_turns_with_those_of_a_new_client"
        ),
        "pipelined bodies": "test_connections::test_pipelined_bodies_do_not_run_into_each_other",
        "byte by byte": "test_connections::test_a_request_that_arrives_byte_by_byte",
        "HTTP/1.0": "test_connections::test_http_1_0_closes",
        "HTTP/1.0 keep-alive": "test_connections::test_http_1_0_keeps_alive_when_asked",
        "Connection: close": "test_connections::test_close_is_understood_wherever_it_stands",
        "half-closed client": (
            "test_connections::test_a_client_that_has_stopped_sending_still_gets_its_answer"
        ),
        "idle crowd": "test_connections::test_idle_connections_cost_no_worker",
        "unix socket": "test_connections::test_a_unix_socket",
        "several addresses": "test_sockets::test_several_at_once",
        "take-over of gunicorn.socket": (
            "test_connections::test_the_application_can_take_the_connection_over"
        ),
    },
    "requests": {
        "every environ key": "test_environ::test_every_key",
        "percent and Unicode paths, queries": "test_environ::test_targets",
        "repeated header fields": "test_environ::test_repeated_fields_are_joined",
        "header fields, cookies": "test_environ::test_fields_by_name",
        "several Cookie fields": "test_environ::test_cookies_in_several_fields_are_one_list",
        "the field Proxy": "test_environ::test_a_proxy_that_a_client_names_is_none",
        "Host on a unix socket": "test_environ::test_any_harmless_host_on_a_unix_socket",
        "latin-1 header values": "test_environ::test_latin_1_bytes_are_kept",
        "nothing left of the request before": (
            "test_environ::test_nothing_is_left_from_the_request_before"
        ),
        "X-Forwarded-Proto": "test_environ::test_a_trusted_proxy_says_https",
        "X-Forwarded-For": "test_forwarded::test_the_client_behind_a_proxy",
        "SCRIPT_NAME": "test_environ::test_script_name_from_a_trusted_proxy",
        "wsgiref.validate, wsgi.errors": (
            "test_responses::test_the_standard_librarys_validator_has_nothing_to_say"
        ),
    },
    "request bodies": {
        "read, readline, readlines, iteration": "test_request_bodies::test_each_way_to_read",
        "large upload": "test_request_bodies::test_a_large_upload_is_whole",
        "unread body": "test_request_bodies::test_a_body_that_is_not_read_is_skipped",
        "100-continue": "test_request_bodies::test_continue_is_said_before_the_body_is_sent",
        "length of a chunked body": (
            "test_environ::test_the_length_of_a_chunked_body_that_a_client_sends_again"
        ),
        "upload cut short": (
            "test_request_bodies::test_an_upload_cut_short_never_reaches_the_application"
        ),
        "body limit": "test_request_bodies::test_a_body_over_the_limit_is_refused",
    },
    "responses": {
        "each form of iterable": "test_responses::test_each_form_of_iterable",
        "Content-Length of one block": "test_responses::test_a_list_of_one_block_has_a_length",
        "chunked generator": "test_responses::test_a_generator_is_chunked",
        "streaming": "test_responses::test_a_block_leaves_before_the_next_one_is_made",
        "HEAD": "test_responses::test_head_has_the_head_alone",
        "HEAD of a generator": "test_responses::test_head_of_a_generator",
        "204 and 304": "test_responses::test_statuses_without_body_lose_it",
        "header fields of the application": (
            "test_responses::test_fields_are_kept_and_the_servers_own_are_its_own"
        ),
        "early hints": "test_responses::test_early_hints",
        "close() called": "test_responses::test_close_is_called",
        "close() at disconnect": "test_responses::test_close_is_called_when_the_client_leaves",
        "write()": "test_responses::test_write_then_iterable",
        "exc_info before the head": (
            "test_responses::test_exc_info_replaces_the_head_before_it_is_sent"
        ),
        "bodies without an end, and Content-Length": (
            "test_responses::test_nothing_is_asked_for_beyond_the_announced_length"
        ),
        "start_response by keyword": (
            "test_responses::test_start_response_by_keyword_and_what_it_is_bound_to"
        ),
        "large response": "test_responses::test_large_responses_are_whole",
        "file wrapper": "test_file_wrapper::test_a_file_from_where_it_stands",
        "files that are not sent as they lie on the disk": (
            "test_file_wrapper::test_what_is_sent_is_what_read_gives"
        ),
        "part of a file": "test_file_wrapper::test_no_more_of_the_file_than_announced",
        "file wrapper without sendfile": "test_file_wrapper::test_without_sendfile_it_is_the_same",
    },
    "applications that do wrong": {
        "exception": "test_faulty_app::test_an_exception_gives_the_error_page_and_a_traceback",
        "exception before the head": "test_faulty_app::test_nothing_was_sent_yet",
        "exception after the head": (
            "test_faulty_app::test_after_the_head_the_connection_is_aborted"
        ),
        "SystemExit": "test_faulty_app::test_system_exit_answers_500",
        "close() after an error": "test_faulty_app::test_close_is_called_after_an_error",
        "fewer bytes than announced": (
            "test_faulty_app::test_fewer_bytes_than_announced_close_the_connection"
        ),
        "more bytes than announced": "test_faulty_app::test_never_more_bytes_than_announced",
        "malformed response head": "test_faulty_app::test_a_malformed_head_is_refused",
        "a body that is none": "test_faulty_app::test_a_body_that_is_no_iterable_of_bytes",
    },
    "peers that do wrong": {
        "bad requests: 400, 414, 417, 431, 501": "test_bad_requests::test_it_is_refused",
        "a bad request behind a good one": (
            "test_bad_requests::test_an_answer_to_what_came_before"
        ),
        "slow senders": "test_slow_peers::test_slow_senders_delay_no_other_client",
        "slow readers": "test_slow_peers::test_slow_readers_delay_no_other_client",
        "slow reader of a file": (
            "test_slow_peers::test_a_slow_reader_of_a_file_delays_no_other_client"
        ),
        "pipelining without reading": (
            "test_slow_peers::test_pipelining_without_reading_is_not_a_way_to_fill_the_memory"
        ),
        "header timeout": "test_slow_peers::test_a_head_that_takes_too_long",
        "body timeout": "test_slow_peers::test_a_body_that_stands_still",
        "write timeout": "test_slow_peers::test_a_reader_that_stands_still",
        "disconnect before the application is called": (
            "test_at_once::test_a_client_that_leaves_before_its_turn_does_no_harm"
        ),
        "disconnect while the request waits": (
            "test_queue::test_a_client_that_has_left_is_not_served"
        ),
        "disconnect while the application works": (
            "test_at_once::test_a_client_that_leaves_meanwhile_does_no_harm"
        ),
        "disconnect in the middle of a file": (
            "test_file_wrapper::test_a_client_that_leaves_does_no_harm"
        ),
    },
    "many clients": {
        "32 clients": "test_clients::test_many_clients_at_once",
        "more slow requests than can run": (
            "test_at_once::test_more_slow_requests_than_the_worker_runs_are_all_answered"
        ),
        "more than can be done in time": (
            "test_queue::test_what_waits_too_long_is_answered_without_the_application"
        ),
        "busy worker with a sibling": (
            "test_connections::test_a_busy_worker_leaves_new_clients_to_its_sibling"
        ),
        "workers that are busy all the time": (
            "test_connections::test_new_clients_are_served_beside_clients_that_never_pause"
        ),
    },
    "several at a time": {
        "a ready request beside a slow one": (
            "test_at_once::test_a_ready_request_starts_while_a_slow_one_runs"
        ),
        "read in one turn with a slow one": (
            "test_at_once::test_requests_that_arrive_together_start_beside_a_slow_one"
        ),
        "four slow ones": "test_at_once::test_four_slow_requests_run_at_a_time",
        "an upload beside a slow one": "test_at_once::test_an_upload_is_read_while_a_slow_one_runs",
        "two streams": "test_at_once::test_two_streams_advance_independently",
        "streaming beside a slow one": (
            "test_responses::test_a_block_leaves_while_another_request_is_slow"
        ),
        "a connection taken over": (
            "test_at_once::test_a_connection_that_was_taken_over_delays_no_other"
        ),
        "worker_connections, all busy": (
            "test_at_once::test_at_the_limit_accepting_rests_until_a_connection_is_idle"
        ),
        "worker_connections, one after the other": (
            "test_at_once::test_at_the_limit_every_client_has_a_turn"
        ),
        "worker_connections, a slow reader": (
            "test_at_once::test_at_the_limit_a_slow_reader_is_not_idle"
        ),
        "worker_connections, some idle": (
            "test_connections::test_at_the_limit_no_connection_is_closed_before_another_waits"
        ),
        "a request over its time beside others": ("test_timeouts::test_the_other_requests_go_on"),
        "requests longer than timeout": (
            "test_timeouts::test_without_a_limit_a_request_may_take_its_time"
        ),
        "the last answers of a stop": (
            "test_life::test_a_stopping_worker_says_close_and_accepts_no_more"
        ),
    },
    "life": {
        "start-up lines": "test_life::test_the_four_lines_of_a_start",
        "TERM, INT, QUIT": "test_life::test_a_stop_ends_well",
        "TERM with a request in hand": "test_life::test_a_request_that_was_begun_is_finished",
        "TERM in the middle of a stream": "test_life::test_a_stream_that_was_begun_is_finished",
        "TERM with an idle client": "test_stop::test_an_idle_connection_ends_without_a_reset",
        "TERM with pipelined requests": (
            "test_stop::test_pipelined_requests_that_were_read_are_answered"
        ),
        "TERM with a slow reader": "test_stop::test_a_slow_reader_gets_all_of_it",
        "graceful_timeout": "test_life::test_a_request_longer_than_graceful_timeout_is_given_up",
        "HUP under load": "test_life::test_hup_replaces_the_workers_without_losing_a_request",
        "HUP after HUP under load": (
            "test_stop::test_hup_after_hup_under_load_loses_no_short_connection"
        ),
        "HUP with broken code": "test_life::test_code_that_does_not_load_never_stops_what_serves",
        "worker killed": "test_life::test_a_killed_worker_is_replaced_and_its_request_is_named",
        "max_requests": "test_life::test_max_requests_replaces_a_worker",
        "request_timeout": "test_timeouts::test_a_stuck_request_is_answered_and_told",
        "request_timeout after the head": (
            "test_timeouts::test_a_response_that_has_begun_is_aborted"
        ),
        "hooks in order": "test_life::test_hooks_are_called_in_order",
        "an idle server sleeps": "test_stop::test_an_idle_server_sleeps",
    },
    "logs": {
        "access log line": "test_access_log::test_the_default_format",
        "access log atoms": "test_access_log::test_every_atom",
        "access log atoms of a request that is not begun": (
            "test_queue::test_every_atom_says_what_it_says_of_others"
        ),
        "access log of a stream": (
            "test_access_log::test_the_time_of_the_request_is_that_of_the_application"
        ),
        "request ids": "test_json_log::test_ids",
        "one line for a bad request": "test_bad_requests::test_the_page_and_the_line_in_the_log",
    },
}

#: Worker types that run one WSGI request after the other.
ONE_AT_A_TIME = ("sync", "tornado")

#: Worker types that end a request over its time where it waits: the thread is not lost with it, and
#: nothing is to be replaced.
ENDS_WHAT_WAITS = ("gevent", "eventlet")

#: Worker type → test → why the type does not run it.
EXCEPTIONS: dict[str, dict[str, str]] = {
    **{
        worker: dict.fromkeys(SCENARIOS["several at a time"].values(), "one request at a time")
        for worker in ONE_AT_A_TIME
    },
    **{
        worker: {
            "test_timeouts::test_a_thread_that_returns_late_does_no_harm": (
                "a request over its time is ended, and does not return late"
            ),
            "test_metrics::test_a_request_over_its_time": (
                "a request over its time is ended, and no worker replaced"
            ),
            "test_stuck::test_request_timeout_bounds_a_request_of_any_worker": (
                "a request over its time is ended, and no worker replaced"
            ),
        }
        for worker in ENDS_WHAT_WAITS
    },
}
