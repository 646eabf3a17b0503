/* A program in C99 that uses everything of onehop.h against a real broker: c_guest SERVER. It prints what is wrong, and ends
 * with 1 then. */
#include <onehop.h>
#include <stdio.h>
#include <string.h>

#define MESSAGES 1000
#define LONG_MS 60000

static int failures = 0;

#define EXPECT(holds) \
  do {                \
    if (!(holds)) failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
  } while (0)

/* What bob's handlers note. They run on a thread of the library; main reads it when an outcome says that they are done. */
struct notes {
  unsigned messages;
  unsigned opened;
  unsigned ended;
  unsigned in_order;
  onehop_tag last_tag;
  onehop_wait_status waited;
};

static void on_message(void *user, onehop_client *client, const onehop_message *message) {
  struct notes *notes = user;
  char expected[32];
  const int size = sprintf(expected, "%u", notes->messages++);
  if (message->payload.size == (size_t)size && memcmp(message->payload.data, expected, (size_t)size) == 0) notes->in_order++;
  EXPECT(message->size == sizeof *message);
  EXPECT(message->from.size == 5 && memcmp(message->from.data, "alice", 5) == 0);
  notes->last_tag = message->tag;
  notes->waited = onehop_client_flush(client, LONG_MS);
}

static void on_open(void *user, onehop_client *client, const onehop_session_info *session) {
  struct notes *notes = user;
  (void)client;
  notes->opened++;
  EXPECT(session->name.size == 3 && session->session != 0);
}

static void on_ended(void *user, onehop_client *client, const onehop_ending *ending) {
  struct notes *notes = user;
  (void)client;
  notes->ended++;
  EXPECT(ending->cause == ONEHOP_CAUSE_CLOSED);
}

static void on_result(void *user, const onehop_result *result) {
  unsigned *delivered = user;
  if (result->outcome == ONEHOP_OUTCOME_DELIVERED && result->ticket != 0) ++*delivered;
}

static void on_flushed(void *user) { *(int *)user = 1; }

static onehop_client *start(onehop_thread *thread, const char *server, const char *name, onehop_ack_mode ack,
                            const onehop_handlers *handlers, const onehop_session *resume) {
  char error[256] = "";
  onehop_options options;
  onehop_client *client;
  onehop_options_init(&options, sizeof options);
  options.name = onehop_text(name);
  options.ack = ack;
  options.resume = resume;
  client = onehop_client_start(thread, onehop_text(server), &options, handlers, error, sizeof error);
  EXPECT(client != NULL && error[0] == '\0');
  if (client != NULL) EXPECT(onehop_client_wait_until_open(client, LONG_MS) == ONEHOP_WAIT_DONE);
  return client;
}

static void exchange(onehop_thread *thread, const char *server) {
  struct notes notes;
  onehop_handlers handlers;
  onehop_client *alice, *bob;
  onehop_result result;
  onehop_counts counts;
  onehop_code code = ONEHOP_CODE_NORMAL;
  unsigned i, delivered = 0;
  int flushed = 0;
  memset(&notes, 0, sizeof notes);
  onehop_handlers_init(&handlers, sizeof handlers);
  handlers.user = &notes;
  handlers.on_message = on_message;
  handlers.on_open = on_open;
  handlers.on_ended = on_ended;
  bob = start(thread, server, "bob", ONEHOP_ACK_AUTO, &handlers, NULL);
  alice = start(NULL, server, "alice", ONEHOP_ACK_AUTO, NULL, NULL);
  if (alice == NULL || bob == NULL) return;
  for (i = 0; i != MESSAGES; ++i) {
    char payload[32];
    const onehop_bytes bytes = {payload, (size_t)sprintf(payload, "%u", i)};
    EXPECT(onehop_client_send(alice, onehop_text("bob"), bytes, NULL, on_result, &delivered) == ONEHOP_SEND_ACCEPTED);
  }
  EXPECT(onehop_client_flush(alice, LONG_MS) == ONEHOP_WAIT_DONE);
  EXPECT(delivered == MESSAGES && notes.messages == MESSAGES && notes.in_order == MESSAGES && notes.opened == 1);
  EXPECT(notes.waited == ONEHOP_WAIT_WOULD_DEADLOCK);
  EXPECT(onehop_client_unsettled(alice) == 0);
  onehop_client_counts(alice, &counts, sizeof counts);
  EXPECT(counts.size == sizeof counts && counts.resumes == 0);
  EXPECT(onehop_client_send_and_wait(alice, onehop_text("nobody"), onehop_text("x"), NULL, &result, sizeof result) ==
         ONEHOP_SEND_ACCEPTED);
  EXPECT(result.outcome == ONEHOP_OUTCOME_REJECTED && result.reason == ONEHOP_REASON_UNKNOWN_CLIENT);
  EXPECT(onehop_client_try_send(alice, onehop_text(""), onehop_text("x"), NULL, NULL, NULL) == ONEHOP_SEND_INVALID);
  EXPECT(onehop_client_flush_then(alice, on_flushed, &flushed) == 1);
  EXPECT(onehop_client_close(alice, LONG_MS, &code) == ONEHOP_CAUSE_CLOSED && code == ONEHOP_CODE_NONE && flushed == 1);
  EXPECT(onehop_client_send(alice, onehop_text("bob"), onehop_text("x"), NULL, NULL, NULL) == ONEHOP_SEND_CLOSED);
  onehop_client_destroy(alice);
  onehop_client_destroy(bob);
  EXPECT(notes.ended == 1);
}

/* Bob says no in his own words; then another process goes on with his session. */
static void verdicts(onehop_thread *thread, const char *server) {
  struct notes notes;
  onehop_handlers handlers;
  onehop_client *alice, *bob;
  onehop_session *session = NULL, *stored;
  onehop_send_options options;
  onehop_header header;
  unsigned delivered = 0;
  memset(&notes, 0, sizeof notes);
  onehop_handlers_init(&handlers, sizeof handlers);
  handlers.user = &notes;
  handlers.on_message = on_message;
  bob = start(thread, server, "bob", ONEHOP_ACK_MANUAL, &handlers, NULL);
  alice = start(thread, server, "alice", ONEHOP_ACK_AUTO, NULL, NULL);
  if (alice == NULL || bob == NULL) return;
  header.key = onehop_text("kind");
  header.value = onehop_text("test");
  onehop_send_options_init(&options, sizeof options);
  options.headers = &header;
  options.header_count = 1;
  EXPECT(onehop_client_send(alice, onehop_text("bob"), onehop_text("0"), &options, on_result, &delivered) ==
         ONEHOP_SEND_ACCEPTED);
  EXPECT(onehop_client_detach(bob, LONG_MS, &session) == ONEHOP_CAUSE_CLOSED);
  EXPECT(session != NULL);
  onehop_client_destroy(bob);
  if (session == NULL) return;
  stored = onehop_session_make(onehop_session_name(session), onehop_session_number(session), onehop_session_token(session),
                               onehop_session_attempt(session));
  onehop_session_free(session);
  bob = start(thread, server, "ignored", ONEHOP_ACK_AUTO, &handlers, stored);
  onehop_session_free(stored);
  EXPECT(onehop_client_flush(alice, LONG_MS) == ONEHOP_WAIT_DONE);
  EXPECT(delivered == 1 && notes.messages >= 1 && notes.last_tag.tag != 0);
  onehop_client_destroy(alice);
  onehop_client_destroy(bob);
}

static void refusing(void *user, onehop_client *client, const onehop_message *message) {
  (void)user;
  onehop_client_refuse(client, message->tag, onehop_text("not today"), 42, 7);
}

static void refusals(const char *server) {
  onehop_handlers handlers;
  onehop_client *alice, *bob;
  onehop_result result;
  onehop_handlers_init(&handlers, sizeof handlers);
  handlers.on_message = refusing;
  bob = start(NULL, server, "bob", ONEHOP_ACK_MANUAL, &handlers, NULL);
  alice = start(NULL, server, "alice", ONEHOP_ACK_AUTO, NULL, NULL);
  if (alice == NULL || bob == NULL) return;
  EXPECT(onehop_client_send_and_wait(alice, onehop_text("bob"), onehop_text("x"), NULL, &result, sizeof result) ==
         ONEHOP_SEND_ACCEPTED);
  EXPECT(result.reason == ONEHOP_REASON_REFUSED_BY_RECIPIENT && result.code == 42 && result.retry_after_ms == 7);
  EXPECT(result.text_size == 9 && memcmp(result.text, "not today", 9) == 0);
  onehop_client_destroy(alice);
  onehop_client_destroy(bob);
}

/* What the token source and on_renewed note. */
struct credentials {
  unsigned asked;
  unsigned renewed;
  onehop_reason reason;
};

static onehop_bytes give_token(void *user) {
  struct credentials *credentials = user;
  credentials->asked++;
  return onehop_text("a token");
}

static void on_renewed(void *user, onehop_client *client, onehop_reason reason, uint32_t expires_in_ms) {
  struct credentials *credentials = user;
  (void)client;
  credentials->renewed++;
  credentials->reason = reason;
  EXPECT(expires_in_ms == 0);
}

static void expect_renewable(void *user, onehop_client *client, const onehop_session_info *session) {
  (void)user;
  (void)client;
  EXPECT(session->may_renew == 1 && session->credentials_expire_in_ms == 0);
}

/* The broker has no credentials that end: whatever is shown is good. */
static void credentials(onehop_thread *thread, const char *server) {
  static char large[14 * 1024 + 1];
  struct credentials noted;
  onehop_options options;
  onehop_handlers handlers;
  onehop_client *alice;
  onehop_result result;
  const onehop_bytes too_large = {large, sizeof large};
  int i;
  memset(&noted, 0, sizeof noted);
  onehop_options_init(&options, sizeof options);
  options.name = onehop_text("alice");
  options.token_source = give_token;
  options.token_user = &noted;
  onehop_handlers_init(&handlers, sizeof handlers);
  handlers.user = &noted;
  handlers.on_open = expect_renewable;
  handlers.on_renewed = on_renewed;
  alice = onehop_client_start(thread, onehop_text(server), &options, &handlers, NULL, 0);
  EXPECT(alice != NULL && onehop_client_wait_until_open(alice, LONG_MS) == ONEHOP_WAIT_DONE);
  if (alice == NULL) return;
  EXPECT(onehop_client_renew(alice, too_large) == ONEHOP_SEND_TOO_LARGE);
  EXPECT(onehop_client_renew(alice, onehop_text("another token")) == ONEHOP_SEND_ACCEPTED);
  /* The answer comes with the outcome of the first message, or before it. */
  for (i = 0; i != 2; ++i) {
    EXPECT(onehop_client_send_and_wait(alice, onehop_text("nobody"), onehop_text("x"), NULL, &result, sizeof result) ==
           ONEHOP_SEND_ACCEPTED);
  }
  onehop_client_close(alice, LONG_MS, NULL);
  EXPECT(noted.asked == 1 && noted.renewed == 1 && noted.reason == ONEHOP_REASON_NONE);
  EXPECT(onehop_client_renew(alice, onehop_text("late")) == ONEHOP_SEND_CLOSED);
  onehop_client_destroy(alice);
}

/* A handler that destroys its own client. */
static void destroying(void *user, onehop_client *client, const onehop_message *message) {
  (void)message;
  onehop_client_destroy(client);
  *(int *)user = 1;
}

static void destruction(onehop_thread *thread, const char *server) {
  onehop_handlers handlers;
  onehop_client *alice, *bob;
  onehop_result result;
  int destroyed = 0;
  onehop_handlers_init(&handlers, sizeof handlers);
  handlers.user = &destroyed;
  handlers.on_message = destroying;
  bob = start(thread, server, "bob", ONEHOP_ACK_AUTO, &handlers, NULL);
  alice = start(thread, server, "alice", ONEHOP_ACK_AUTO, NULL, NULL);
  if (alice == NULL || bob == NULL) return;
  EXPECT(onehop_client_send_and_wait(alice, onehop_text("bob"), onehop_text("x"), NULL, &result, sizeof result) ==
         ONEHOP_SEND_ACCEPTED);
  EXPECT(destroyed == 1);
  onehop_client_destroy(alice);
}

/* Whatever a program gets wrong is told. */
static void mistakes(const char *server) {
  char error[256], small[4];
  onehop_options options;
  onehop_handlers handlers;
  onehop_send_options send_options;
  onehop_client *alice;
  memset(&options, 0, sizeof options);
  EXPECT(onehop_client_start(NULL, onehop_text(server), &options, NULL, error, sizeof error) == NULL);
  EXPECT(strcmp(error, "onehop_options_init() was not called") == 0);
  EXPECT(onehop_client_start(NULL, onehop_text(server), &options, NULL, small, sizeof small) == NULL);
  EXPECT(strcmp(small, "one") == 0);
  EXPECT(onehop_client_start(NULL, onehop_text("nonsense"), NULL, NULL, error, sizeof error) == NULL && error[0] != '\0');
  EXPECT(onehop_client_start(NULL, onehop_text("nonsense"), NULL, NULL, NULL, 0) == NULL);
  onehop_options_init(&options, sizeof options);
  options.ack = (onehop_ack_mode)7;
  EXPECT(onehop_client_start(NULL, onehop_text(server), &options, NULL, error, sizeof error) == NULL);
  EXPECT(strcmp(error, "ack is none of onehop_ack_mode") == 0);
  memset(&handlers, 0, sizeof handlers);
  EXPECT(onehop_client_start(NULL, onehop_text(server), NULL, &handlers, error, sizeof error) == NULL);
  EXPECT(strcmp(error, "onehop_handlers_init() was not called") == 0);
  alice = start(NULL, server, "alice", ONEHOP_ACK_AUTO, NULL, NULL);
  if (alice == NULL) return;
  memset(&send_options, 0, sizeof send_options);
  EXPECT(onehop_client_send(alice, onehop_text("bob"), onehop_text("x"), &send_options, NULL, NULL) == ONEHOP_SEND_INVALID);
  onehop_send_options_init(&send_options, sizeof send_options);
  send_options.header_count = 1;
  EXPECT(onehop_client_send(alice, onehop_text("bob"), onehop_text("x"), &send_options, NULL, NULL) == ONEHOP_SEND_INVALID);
  onehop_client_destroy(alice);
  onehop_client_destroy(NULL);
  onehop_thread_destroy(NULL);
  onehop_session_free(NULL);
}

static void names(void) {
  EXPECT(strcmp(onehop_outcome_name(ONEHOP_OUTCOME_NOT_SENT), "NOT_SENT") == 0);
  EXPECT(strcmp(onehop_outcome_name(ONEHOP_OUTCOME_PARTIAL), "PARTIAL") == 0);
  EXPECT(strcmp(onehop_outcome_name(ONEHOP_OUTCOME_REPLIED), "REPLIED") == 0);
  EXPECT(strcmp(onehop_outcome_name(ONEHOP_OUTCOME_RESPONDER_LOST), "RESPONDER_LOST") == 0);
  EXPECT(strcmp(onehop_reason_name(ONEHOP_REASON_NOBODY_THERE), "NOBODY_THERE") == 0);
  EXPECT(strcmp(onehop_reason_name(ONEHOP_REASON_UNSUPPORTED), "UNSUPPORTED") == 0);
  EXPECT(strcmp(onehop_reason_name((onehop_reason)99), "?") == 0);
  EXPECT(strcmp(onehop_code_name(ONEHOP_CODE_ADMINISTRATIVE), "ADMINISTRATIVE") == 0);
  EXPECT(strcmp(onehop_cause_name(ONEHOP_CAUSE_FORKED), "FORKED") == 0);
  EXPECT(strcmp(onehop_send_status_name(ONEHOP_SEND_CLOSED), "CLOSED") == 0);
  EXPECT(strcmp(onehop_wait_status_name(ONEHOP_WAIT_TIME_UP), "TIME_UP") == 0);
  EXPECT(strlen(onehop_version()) != 0);
}

int main(int argc, char **argv) {
  char error[256];
  onehop_thread *thread = onehop_thread_start(error, sizeof error);
  if (argc != 2 || thread == NULL) return 2;
  exchange(thread, argv[1]);
  verdicts(thread, argv[1]);
  refusals(argv[1]);
  credentials(thread, argv[1]);
  destruction(thread, argv[1]);
  mistakes(argv[1]);
  names();
  onehop_thread_destroy(thread);
  return failures == 0 ? 0 : 1;
}
