/* Refuses messages whose subject or text holds one of the words in the settings. */

#include "filter.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 256 * 1024 }; /* of one part's text that are looked at */

static char **words; /* in lower case */
static size_t words_count;

/* Reads the strings of the list "words" from {"words": ["one", "two"]}. Enough for this filter; a larger one takes a
   JSON library of its choice. */
static void read_words(const char *at, const char *end) {
    static const char key[] = "\"words\"";
    while (at + sizeof key - 1 < end && memcmp(at, key, sizeof key - 1) != 0) at++;
    while (at < end && *at != '[') at++;
    while (at < end && *at != ']') {
        if (*at++ != '"') continue;
        char *word = malloc((size_t)(end - at) + 1), *to = word;
        for (; at < end && *at != '"'; at++) {
            if (*at == '\\' && at + 1 < end) at++;
            *to++ = (char)tolower((unsigned char)*at);
        }
        *to = 0;
        at++;
        words = realloc(words, (words_count + 1) * sizeof *words);
        words[words_count++] = word;
    }
}

/* Runs once, when the filter is loaded. */
bool exports_postwarden_filter_setup_configure(filter_string_t *settings,
                                               exports_postwarden_filter_setup_list_problem_t *problems) {
    read_words((char *)settings->ptr, (char *)settings->ptr + settings->len);
    filter_string_free(settings);
    if (words_count > 0) return true;
    problems->len = 1;
    problems->ptr = malloc(sizeof *problems->ptr);
    filter_string_dup(&problems->ptr->path, "/words");
    filter_string_dup(&problems->ptr->message, "name at least one word");
    return false;
}

static const char *word_in(const filter_string_t *text) {
    for (size_t i = 0; i < words_count; i++) {
        size_t length = strlen(words[i]);
        for (size_t at = 0; at + length <= text->len; at++) {
            size_t same = 0;
            while (same < length && tolower(text->ptr[at + same]) == (unsigned char)words[i][same]) same++;
            if (same == length) return words[i];
        }
    }
    return NULL;
}

static const char *word_in_subject(postwarden_filter_content_borrow_message_t message) {
    filter_string_t name;
    filter_list_string_t subjects;
    const char *word = NULL;
    filter_string_set(&name, "Subject");
    postwarden_filter_content_method_message_get_decoded_fields(message, &name, &subjects);
    for (size_t i = 0; i < subjects.len && !word; i++) word = word_in(&subjects.ptr[i]);
    filter_list_string_free(&subjects);
    return word;
}

static const char *word_in_part(postwarden_filter_content_borrow_message_t message, uint32_t index) {
    postwarden_filter_content_own_part_t part;
    postwarden_filter_content_text_chunk_t chunk;
    const char *word = NULL;
    if (!postwarden_filter_content_method_message_get_part(message, index, &part)) return NULL;
    if (postwarden_filter_content_method_part_read_text(postwarden_filter_content_borrow_part(part), 0, TEXT_BYTES_MAX,
                                                        &chunk)) {
        word = word_in(&chunk.text);
        postwarden_filter_content_text_chunk_free(&chunk);
    }
    postwarden_filter_content_part_drop_own(part);
    return word;
}

/* True: there is a verdict. False: there is a failure. */
bool exports_postwarden_filter_on_message_check(exports_postwarden_filter_on_message_own_session_t session,
                                                exports_postwarden_filter_on_message_own_transaction_t transaction,
                                                exports_postwarden_filter_on_message_own_message_t message,
                                                exports_postwarden_filter_on_message_verdict_t *verdict,
                                                exports_postwarden_filter_on_message_failure_t *failure) {
    postwarden_filter_content_borrow_message_t borrowed = postwarden_filter_content_borrow_message(message);
    const char *word = word_in_subject(borrowed);
    uint32_t count = word ? 0 : postwarden_filter_content_method_message_count_parts(borrowed);
    for (uint32_t index = 0; index < count && !word; index++) word = word_in_part(borrowed, index);

    memset(verdict, 0, sizeof *verdict); /* pass */
    if (word) {
        verdict->tag = POSTWARDEN_FILTER_TYPES_VERDICT_REJECT;
        verdict->val.reject.reason.tag = POSTWARDEN_FILTER_TYPES_REASON_CONTENT;
        verdict->val.reject.detail.is_some = true;
        filter_string_dup(&verdict->val.reject.detail.val, word);
    }
    postwarden_filter_content_message_drop_own(message);
    postwarden_filter_smtp_transaction_drop_own(transaction);
    postwarden_filter_smtp_session_drop_own(session);
    return true;
}
