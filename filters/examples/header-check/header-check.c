/* Looks at the header as a milter would: fields that may stand once only (RFC 5322 section 3.6) and stand twice are
   refused, since readers disagree which one counts; fields that must stand and do not are worth points. */

#include "filter.h"

#include <stdio.h>
#include <string.h>

static const char *const ONCE[] = {"From", "Sender", "Reply-To", "To", "Cc", "Message-ID", "In-Reply-To", "References",
                                   "Subject", "Date"};
static const struct { const char *name, *symbol; double points; } NEEDED[] = {
    {"From", "MISSING_FROM", 3.0}, {"Date", "MISSING_DATE", 1.5}, {"Message-ID", "MISSING_MESSAGE_ID", 0.5}};

static size_t count(postwarden_filter_content_borrow_message_t message, const char *name) {
    filter_string_t wanted;
    postwarden_filter_content_list_field_t fields;
    filter_string_set(&wanted, name);
    postwarden_filter_content_method_message_get_fields(message, &wanted, &fields);
    size_t found = fields.len;
    postwarden_filter_content_list_field_free(&fields);
    return found;
}

/* False: the server refused the points. */
static bool add_score(postwarden_filter_smtp_borrow_transaction_t transaction, const char *symbol, double points) {
    filter_string_t text;
    postwarden_filter_smtp_edit_error_t error;
    filter_string_set(&text, symbol);
    if (postwarden_filter_smtp_method_transaction_add_score(transaction, &text, points, NULL, &error)) return true;
    postwarden_filter_smtp_edit_error_free(&error);
    return false;
}

bool exports_postwarden_filter_on_message_check(exports_postwarden_filter_on_message_own_session_t session,
                                                exports_postwarden_filter_on_message_own_transaction_t transaction,
                                                exports_postwarden_filter_on_message_own_message_t message,
                                                exports_postwarden_filter_on_message_verdict_t *verdict,
                                                exports_postwarden_filter_on_message_failure_t *failure) {
    postwarden_filter_content_borrow_message_t header = postwarden_filter_content_borrow_message(message);
    const char *twice = NULL;
    bool scored = true;
    memset(verdict, 0, sizeof *verdict); /* pass */
    for (size_t i = 0; i < sizeof ONCE / sizeof *ONCE && !twice; i++)
        if (count(header, ONCE[i]) > 1) twice = ONCE[i];
    for (size_t i = 0; i < sizeof NEEDED / sizeof *NEEDED && !twice; i++)
        if (count(header, NEEDED[i].name) == 0)
            scored &= add_score(postwarden_filter_smtp_borrow_transaction(transaction), NEEDED[i].symbol,
                                NEEDED[i].points);
    if (twice) {
        char detail[80];
        snprintf(detail, sizeof detail, "more than one %s", twice);
        verdict->tag = POSTWARDEN_FILTER_TYPES_VERDICT_REJECT;
        verdict->val.reject.reason.tag = POSTWARDEN_FILTER_TYPES_REASON_CONTENT;
        verdict->val.reject.detail.is_some = true;
        filter_string_dup(&verdict->val.reject.detail.val, detail);
    }
    if (!scored) {
        failure->retryable = false;
        filter_string_dup(&failure->message, "the server took no points");
    }
    postwarden_filter_content_message_drop_own(message);
    postwarden_filter_smtp_transaction_drop_own(transaction);
    postwarden_filter_smtp_session_drop_own(session);
    return scored;
}
