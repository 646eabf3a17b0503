/* onehop for C, and for every language that can call C: a client with a thread behind it.
 *
 *   char error[256];
 *   onehop_options options;
 *   onehop_options_init(&options, sizeof options);
 *   options.name = onehop_text("alice");
 *   onehop_bytes server = onehop_text("tcp://127.0.0.1:7411");
 *   onehop_client *client = onehop_client_start(NULL, server, &options, NULL, error, sizeof error);
 *   onehop_bytes bob = onehop_text("bob");
 *   onehop_result result;
 *   onehop_client_send_and_wait(client, bob, onehop_text("hello"), NULL, &result, sizeof result);
 *   onehop_client_destroy(client);
 *
 * BYTES. Text and payloads are a pointer and a length; a zero byte ends nothing. What is handed in is copied before the
 * call returns. What a callback is given is valid during that call, no longer.
 *
 * STRUCTS. Those that a program fills begin with their size, which their init function sets along with the defaults; so
 * a program runs with a later library, which may know more fields. Those that a callback is given begin with their size
 * too: a field is there if its end lies within.
 *
 * THREADS. Every function may be called by any thread. Callbacks are called on the client's own thread, one at a time.
 * They may call everything, but what would wait is refused there at once, because the thread would wait for itself:
 * wait_until_open and flush answer ONEHOP_WAIT_WOULD_DEADLOCK, close and detach ONEHOP_CAUSE_WOULD_DEADLOCK,
 * send_and_wait ONEHOP_SEND_WOULD_DEADLOCK, and send does not wait for room (ONEHOP_SEND_WOULD_BLOCK). The thread takes
 * no signal of the program.
 *
 * FORK. In a copy of the process that fork() makes, every call is refused at once with a status that says FORKED.
 * There is no global state. Times are milliseconds. The meaning of everything is as in onehop/client_types.h of the C++
 * library and docs/delivery.md. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ONEHOP_API __attribute__((visibility("default")))
#else
#define ONEHOP_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Not owned. `data` may be NULL if `size` is 0. */
typedef struct onehop_bytes {
  const char* data;
  size_t size;
} onehop_bytes;

/* Of a text that ends with a zero byte; of NULL: empty. */
ONEHOP_API onehop_bytes onehop_text(const char* text);
/* "0.1.0". Lives for ever. */
ONEHOP_API const char* onehop_version(void);

/* What became of sending: whether the library accepted the message. */
typedef enum onehop_send_status {
  ONEHOP_SEND_ACCEPTED = 0,
  ONEHOP_SEND_WOULD_BLOCK = 1,    /* A limit is reached; on_room follows. */
  ONEHOP_SEND_TOO_LARGE = 2,      /* Larger than any broker takes. */
  ONEHOP_SEND_INVALID = 3,        /* The destination, the headers or an argument break the rules. */
  ONEHOP_SEND_CLOSED = 4,         /* The client is closing or has ended. */
  ONEHOP_SEND_WOULD_DEADLOCK = 5, /* send_and_wait on the client's own thread. */
  ONEHOP_SEND_FORKED = 6          /* This process is a copy that fork() made. */
} onehop_send_status;

/* How waiting has ended. */
typedef enum onehop_wait_status {
  ONEHOP_WAIT_DONE = 0,
  ONEHOP_WAIT_TIME_UP = 1,
  ONEHOP_WAIT_ENDED = 2, /* The client has ended, so that it cannot happen any more. */
  ONEHOP_WAIT_WOULD_DEADLOCK = 3,
  ONEHOP_WAIT_FORKED = 4
} onehop_wait_status;

/* What became of a message. */
typedef enum onehop_outcome {
  ONEHOP_OUTCOME_ADMITTED = 0,
  ONEHOP_OUTCOME_DELIVERED = 1,
  ONEHOP_OUTCOME_REJECTED = 2,
  ONEHOP_OUTCOME_EXPIRED = 3,
  ONEHOP_OUTCOME_LOST = 4,
  ONEHOP_OUTCOME_UNKNOWN = 5,
  ONEHOP_OUTCOME_NOT_SENT = 6,
  ONEHOP_OUTCOME_PARTIAL = 7,
  ONEHOP_OUTCOME_REPLIED = 8,
  ONEHOP_OUTCOME_RESPONDER_LOST = 9
} onehop_outcome;

/* Why. A number that is not here is one that only the broker knows. */
typedef enum onehop_reason {
  ONEHOP_REASON_NONE = 0,
  ONEHOP_REASON_UNKNOWN_CLIENT = 1,
  ONEHOP_REASON_CLIENT_OFFLINE = 2,
  ONEHOP_REASON_QUEUE_FULL = 3,
  ONEHOP_REASON_NOT_AUTHORIZED = 4,
  ONEHOP_REASON_RATE_LIMITED = 5,
  ONEHOP_REASON_TOO_LARGE = 6,
  ONEHOP_REASON_REFUSED_BY_RECIPIENT = 7,
  ONEHOP_REASON_CONNECTION_LOST = 8,
  ONEHOP_REASON_STALE_SESSION = 9,
  ONEHOP_REASON_BROKER_BUSY = 10,
  ONEHOP_REASON_SHUTTING_DOWN = 11,
  ONEHOP_REASON_UNSUPPORTED = 12,
  ONEHOP_REASON_NOBODY_THERE = 13
} onehop_reason;

/* Why a connection, or the client, ended. */
typedef enum onehop_cause {
  ONEHOP_CAUSE_CLOSED = 0,
  ONEHOP_CAUSE_CONNECT_FAILED = 1,
  ONEHOP_CAUSE_GOODBYE = 2, /* The broker said goodbye; the code says why. */
  ONEHOP_CAUSE_CONNECTION_LOST = 3,
  ONEHOP_CAUSE_SILENCE = 4,
  ONEHOP_CAUSE_BAD_BYTES = 5,
  ONEHOP_CAUSE_WOULD_DEADLOCK = 6, /* close and detach: refused, the client has not ended. */
  ONEHOP_CAUSE_FORKED = 7          /* close and detach: refused. */
} onehop_cause;

/* The code of a goodbye. A number that is not here is one that only the broker knows. */
typedef enum onehop_code {
  ONEHOP_CODE_NONE = 0,
  ONEHOP_CODE_NORMAL = 1,
  ONEHOP_CODE_PROTOCOL_ERROR = 2,
  ONEHOP_CODE_UNSUPPORTED_VERSION = 3,
  ONEHOP_CODE_BAD_CREDENTIALS = 4,
  ONEHOP_CODE_NOT_AUTHORIZED = 5,
  ONEHOP_CODE_NAME_IN_USE = 6,
  ONEHOP_CODE_SESSION_TAKEN_OVER = 7,
  ONEHOP_CODE_FRAME_TOO_LARGE = 8,
  ONEHOP_CODE_KEEPALIVE_TIMEOUT = 9,
  ONEHOP_CODE_CONNECT_TIMEOUT = 10,
  ONEHOP_CODE_SLOW_CONSUMER = 11,
  ONEHOP_CODE_RATE_EXCEEDED = 12,
  ONEHOP_CODE_QUOTA_EXCEEDED = 13,
  ONEHOP_CODE_SERVER_BUSY = 14,
  ONEHOP_CODE_SERVER_SHUTTING_DOWN = 15,
  ONEHOP_CODE_USE_ANOTHER_SERVER = 16,
  ONEHOP_CODE_ADMINISTRATIVE = 17
} onehop_code;

typedef enum onehop_confirm { ONEHOP_CONFIRM_REFUSALS = 0, ONEHOP_CONFIRM_DELIVERED = 1 } onehop_confirm;
typedef enum onehop_on_conflict { ONEHOP_ON_CONFLICT_REJECT = 0, ONEHOP_ON_CONFLICT_TAKE_OVER = 1 } onehop_on_conflict;
typedef enum onehop_ack_mode { ONEHOP_ACK_AUTO = 0, ONEHOP_ACK_MANUAL = 1 } onehop_ack_mode;

/* "WOULD_BLOCK", "TIME_UP", "DELIVERED", "QUEUE_FULL", "GOODBYE", "NAME_IN_USE"; "?" for a number that is not here.
 * They live for ever. */
ONEHOP_API const char* onehop_send_status_name(onehop_send_status status);
ONEHOP_API const char* onehop_wait_status_name(onehop_wait_status status);
ONEHOP_API const char* onehop_outcome_name(onehop_outcome outcome);
ONEHOP_API const char* onehop_reason_name(onehop_reason reason);
ONEHOP_API const char* onehop_cause_name(onehop_cause cause);
ONEHOP_API const char* onehop_code_name(onehop_code code);

/* No time limit, no end of patience. */
#define ONEHOP_FOREVER UINT32_MAX

/* Names a delivery. No acknowledgement is wanted where `tag` is 0. */
typedef struct onehop_tag {
  uint64_t session;
  uint64_t tag;
} onehop_tag;

typedef struct onehop_header {
  onehop_bytes key;
  onehop_bytes value;
} onehop_header;

/* A message that has arrived. */
typedef struct onehop_message {
  size_t size;
  onehop_bytes from;
  onehop_bytes payload;
  const onehop_header* headers;
  size_t header_count;
  uint64_t id;
  uint64_t from_session;
  uint64_t in_reply_to;
  uint64_t in_reply_to_session;
  onehop_tag tag;
  uint32_t ttl_ms;
  uint32_t ttl_left_ms;
  int redelivered;
  int maybe_repeated;
} onehop_message;

/* What became of a message. At most 256 bytes of `text` are told. */
#define ONEHOP_TEXT_BYTES_MAX 256
typedef struct onehop_result {
  size_t size;
  uint64_t ticket; /* The number of the message in the order of acceptance, from 1. */
  uint64_t id;
  onehop_outcome outcome;
  onehop_reason reason;
  uint32_t retry_after_ms;
  int attempted;
  uint32_t code; /* With REFUSED_BY_RECIPIENT: what the recipient said, as `text`. */
  uint32_t text_size;
  char text[ONEHOP_TEXT_BYTES_MAX];
} onehop_result;

typedef struct onehop_session_info {
  size_t size;
  onehop_bytes name;
  onehop_bytes server;
  uint64_t session;
  uint32_t keepalive_ms;
  uint32_t frame_bytes_max;
  uint32_t send_window;
  uint32_t send_window_bytes;
  uint32_t session_expiry_ms;
  uint32_t ttl_ms_max;
  int resumed;
  int ordered_refusals;
  int may_renew;                     /* The broker takes new credentials on an open connection. */
  uint32_t credentials_expire_in_ms; /* For how much longer the credentials hold; 0: they do not end. */
} onehop_session_info;

typedef struct onehop_ending {
  size_t size;
  onehop_cause cause;
  onehop_code code;
  onehop_bytes text;
  onehop_bytes use_server;
  uint32_t retry_after_ms;
} onehop_ending;

typedef struct onehop_counts {
  size_t size;
  uint64_t pauses;
  uint64_t repeats;
  uint64_t resumes;
  uint64_t exceptions; /* That a handler has thrown although it must not. */
} onehop_counts;

typedef struct onehop_client onehop_client;
typedef struct onehop_thread onehop_thread;
typedef struct onehop_session onehop_session;

/* Options of a message. NULL stands for the defaults wherever a function takes them. */
typedef struct onehop_send_options {
  size_t size;
  onehop_confirm confirm; /* ONEHOP_CONFIRM_DELIVERED. */
  uint32_t ttl_ms;        /* 0: the broker's ceiling. */
  const onehop_header* headers;
  size_t header_count;
  uint64_t in_reply_to;
  uint64_t in_reply_to_session;
  uint32_t unknown_patience_ms; /* 10,000. */
} onehop_send_options;
/* `size` is sizeof the struct. */
ONEHOP_API void onehop_send_options_init(onehop_send_options* options, size_t size);

/* Options of a client: see ClientOptions in onehop/client_types.h, which has the same names and defaults. */
typedef struct onehop_options {
  size_t size;
  onehop_bytes name;
  onehop_bytes software;
  onehop_bytes token;
  onehop_on_conflict on_conflict;
  onehop_ack_mode ack;
  const onehop_session* resume; /* NULL: a new session. */
  uint32_t keepalive_ms;
  uint32_t frame_bytes_max;
  uint32_t session_expiry_ms;
  uint32_t receive_window;
  uint32_t connect_timeout_ms;
  uint32_t name_patience_ms;
  uint32_t names_may_come_ms;
  uint32_t backoff_ms_min;
  uint32_t backoff_ms_max;
  int reconnect;
  int patient_at_start;
  int repeat_unknown;
  uint32_t in_flight_bytes_max;
  uint32_t in_flight_messages_max;
  uint32_t unsent_bytes_max;
  /* How many bytes may be accepted and without an outcome: for one destination, for all. */
  uint64_t destination_bytes_max;
  uint64_t total_bytes_max;
  /* TLS, for servers that begin with tls://. */
  onehop_bytes tls_ca_file;
  onehop_bytes tls_certificate_file;
  onehop_bytes tls_key_file;
  onehop_bytes tls_server_name;
  int tls_insecure;
  /* Gives the credentials instead of `token`, for a program whose credentials end: before each connection, when a
   * fifth of their time is left, to renew them, and after they were refused as bad, in case there are others. It is
   * called on the client's thread with `token_user`, and must be quick. What it returns is copied at once. NULL:
   * `token` is used. */
  onehop_bytes (*token_source)(void* user);
  void* token_user;
} onehop_options;
/* `size` is sizeof the struct. */
ONEHOP_API void onehop_options_init(onehop_options* options, size_t size);

/* Each callback may be NULL. `user` is what the struct says, `client` the client that it is about: it may be used
 * although onehop_client_start() has not returned it yet. A callback must not throw and not jump. */
typedef struct onehop_handlers {
  size_t size;
  void* user;
  void (*on_message)(void* user, onehop_client* client, const onehop_message* message);
  void (*on_open)(void* user, onehop_client* client, const onehop_session_info* session);
  void (*on_down)(void* user, onehop_client* client, const onehop_ending* ending, uint64_t retry_in_ms);
  void (*on_ended)(void* user, onehop_client* client, const onehop_ending* ending);
  void (*on_room)(void* user, onehop_client* client);
  /* The answer to renewed credentials. ONEHOP_REASON_NONE: they hold, for `expires_in_ms` more milliseconds; 0: they do
   * not end. Otherwise those from before hold until their end. ONEHOP_REASON_UNSUPPORTED: the broker serves no
   * renewals. */
  void (*on_renewed)(void* user, onehop_client* client, onehop_reason reason, uint32_t expires_in_ms);
} onehop_handlers;
/* `size` is sizeof the struct. */
ONEHOP_API void onehop_handlers_init(onehop_handlers* handlers, size_t size);

/* What became of a message; called once for each that was accepted, on the client's thread. */
typedef void (*onehop_completion)(void* user, const onehop_result* result);

/* Starts a thread that clients may share. The caller owns it. It ends when it and all of its clients are destroyed. If
 * the system has no thread left, returns NULL and says why in `error`, cut to `error_size` bytes, the zero byte at the
 * end included. `error` may be NULL if `error_size` is 0. */
ONEHOP_API onehop_thread* onehop_thread_start(char* error, size_t error_size);
/* NULL: does nothing. */
ONEHOP_API void onehop_thread_destroy(onehop_thread* thread);

/* Starts a client and returns at once. The caller owns it. `thread`: the thread it shares with others; NULL: it has one
 * of its own. `server`: "tcp://host:port", "tls://host:port" (an IPv6 address in brackets) or "unix:///path". `options`
 * and `handlers`: NULL stands for the defaults. If an argument cannot be right, or the system has no thread left,
 * returns NULL and says why in `error`, as onehop_thread_start() does. */
ONEHOP_API onehop_client* onehop_client_start(onehop_thread* thread, onehop_bytes server, const onehop_options* options,
                                              const onehop_handlers* handlers, char* error, size_t error_size);
/* Closes it with five seconds, unless it was closed before, and frees it. On the client's own thread it cannot wait:
 * there the client ends as soon as the callback returns, and no handler is called any more, but completions are. NULL:
 * does nothing. */
ONEHOP_API void onehop_client_destroy(onehop_client* client);

ONEHOP_API onehop_wait_status onehop_client_wait_until_open(onehop_client* client, uint64_t timeout_ms);

/* Sends `payload` to the client named `to`; messages of one thread to one destination stay in order. `completion` is
 * called with `user` if, and only if, the answer is ONEHOP_SEND_ACCEPTED; it may be NULL. send waits while a limit is
 * reached, try_send does not wait, send_within waits for at most `timeout_ms`. */
ONEHOP_API onehop_send_status onehop_client_send(onehop_client* client, onehop_bytes to, onehop_bytes payload,
                                                 const onehop_send_options* options, onehop_completion completion,
                                                 void* user);
ONEHOP_API onehop_send_status onehop_client_try_send(onehop_client* client, onehop_bytes to, onehop_bytes payload,
                                                     const onehop_send_options* options, onehop_completion completion,
                                                     void* user);
ONEHOP_API onehop_send_status onehop_client_send_within(onehop_client* client, uint64_t timeout_ms, onehop_bytes to,
                                                        onehop_bytes payload, const onehop_send_options* options,
                                                        onehop_completion completion, void* user);
/* Sends and waits for what becomes of it, which is put into `result` if the answer is ONEHOP_SEND_ACCEPTED.
 * `result_size` is sizeof the struct. */
ONEHOP_API onehop_send_status onehop_client_send_and_wait(onehop_client* client, onehop_bytes to, onehop_bytes payload,
                                                          const onehop_send_options* options, onehop_result* result,
                                                          size_t result_size);

/* Waits until everything that was accepted before has its outcome. */
ONEHOP_API onehop_wait_status onehop_client_flush(onehop_client* client, uint64_t timeout_ms);
/* Calls `done` then, once, on the client's thread; from within the call if the client has ended. 0: in a copy that
 * fork() made, or without `done`, nothing is called. */
ONEHOP_API int onehop_client_flush_then(onehop_client* client, void (*done)(void* user), void* user);
/* The messages that were accepted and have no outcome yet. */
ONEHOP_API uint64_t onehop_client_unsettled(const onehop_client* client);
/* `size` is sizeof the struct. */
ONEHOP_API void onehop_client_counts(const onehop_client* client, onehop_counts* counts, size_t size);

/* With ONEHOP_ACK_MANUAL: the program has taken a delivery, or all up to it that have no verdict; or it refuses one,
 * and the sender is told `text` (at most 256 bytes of UTF-8), `code` and `retry_after_ms`. In any order; the first
 * verdict counts. */
ONEHOP_API void onehop_client_acknowledge(onehop_client* client, onehop_tag tag);
ONEHOP_API void onehop_client_acknowledge_up_to(onehop_client* client, onehop_tag tag);
ONEHOP_API void onehop_client_refuse(onehop_client* client, onehop_tag tag, onehop_bytes text, uint32_t code,
                                     uint32_t retry_after_ms);

/* New credentials of the same principal, at most 14 KiB: they are renewed on the open connection, and on_renewed tells
 * the result; or they are shown with the next connection. ONEHOP_SEND_ACCEPTED, ONEHOP_SEND_TOO_LARGE,
 * ONEHOP_SEND_CLOSED or ONEHOP_SEND_FORKED. */
ONEHOP_API onehop_send_status onehop_client_renew(onehop_client* client, onehop_bytes token);

/* Accepts no more messages, waits until each has its outcome, says goodbye and ends; after `deadline_ms` (0: no
 * deadline) it ends all the same. Returns why it ended; `code`, if not NULL, gets the broker's code. A second call
 * returns the same. */
ONEHOP_API onehop_cause onehop_client_close(onehop_client* client, uint64_t deadline_ms, onehop_code* code);
/* Ends, and leaves the session for another process: `session` gets it, or NULL if there is none. The caller owns it. */
ONEHOP_API onehop_cause onehop_client_detach(onehop_client* client, uint64_t deadline_ms, onehop_session** session);

/* A session that another process can go on with: it has a name, a number, a token that must be kept secret, and the
 * number of its connections so far. All four are to be stored, and to be put together again. */
ONEHOP_API onehop_session* onehop_session_make(onehop_bytes name, uint64_t number, onehop_bytes token,
                                               uint32_t attempt);
ONEHOP_API onehop_bytes onehop_session_name(const onehop_session* session);
ONEHOP_API uint64_t onehop_session_number(const onehop_session* session);
ONEHOP_API onehop_bytes onehop_session_token(const onehop_session* session);
ONEHOP_API uint32_t onehop_session_attempt(const onehop_session* session);
/* NULL: does nothing. */
ONEHOP_API void onehop_session_free(onehop_session* session);

#ifdef __cplusplus
}
#endif
