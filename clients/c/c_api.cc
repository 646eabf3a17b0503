// The C API: each function is the C++ client's, with other types. See onehop.h.
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "c/convert.h"
#include "onehop.h"
#include "onehop/client.h"

using onehop::c_api::bytes;
using onehop::c_api::hand_out;
using onehop::c_api::view;
using onehop::client::Client;
using onehop::client::Ending;
using onehop::client::IoThread;
using onehop::client::Message;
using onehop::client::SendResult;
using onehop::client::SendStatus;
using onehop::client::SessionInfo;

struct onehop_thread {
  std::unique_ptr<IoThread> thread;
};

struct onehop_client {
  std::unique_ptr<Client> client;
};

namespace {

// Each handler has all it needs by itself: the client may be destroyed while it runs.
Client::Handlers handlers_of(onehop_client* self, const onehop_handlers& given) {
  Client::Handlers handlers;
  if (given.on_message != nullptr) {
    handlers.on_message = [self, given, headers = std::vector<onehop_header>()](const Message& message) mutable {
      const onehop_message out = onehop::c_api::to_message(message, headers);
      given.on_message(given.user, self, &out);
    };
  }
  if (given.on_open != nullptr) {
    handlers.on_open = [self, given](const SessionInfo& session) {
      const onehop_session_info out = onehop::c_api::to_session_info(session);
      given.on_open(given.user, self, &out);
    };
  }
  if (given.on_down != nullptr) {
    handlers.on_down = [self, given](const Ending& ending, uint64_t retry_in_ms) {
      const onehop_ending out = onehop::c_api::to_ending(ending);
      given.on_down(given.user, self, &out, retry_in_ms);
    };
  }
  if (given.on_ended != nullptr) {
    handlers.on_ended = [self, given](const Ending& ending) {
      const onehop_ending out = onehop::c_api::to_ending(ending);
      given.on_ended(given.user, self, &out);
    };
  }
  if (given.on_renewed != nullptr) {
    handlers.on_renewed = [self, given](onehop::client::Reason reason, uint32_t expires_in_ms) {
      given.on_renewed(given.user, self, static_cast<onehop_reason>(reason), expires_in_ms);
    };
  }
  if (given.on_room != nullptr) handlers.on_room = [self, given] { given.on_room(given.user, self); };
  return handlers;
}

onehop::client::SendCompletion to_completion(onehop_completion completion, void* user) {
  if (completion == nullptr) return {};
  return [completion, user](const SendResult& result) {
    const onehop_result out = onehop::c_api::to_result(result);
    completion(user, &out);
  };
}

// Calls `send` with the options as the C++ client takes them.
template <typename Send>
onehop_send_status with_options(const onehop_send_options* given, Send send) {
  onehop::client::SendOptions options;
  std::vector<onehop::client::Header> headers;
  if (!onehop::c_api::to_send_options(given, options, headers)) return ONEHOP_SEND_INVALID;
  return static_cast<onehop_send_status>(send(options));
}

template <typename Struct>
Struct* cleared(Struct* given, size_t size) {
  if (given != nullptr) std::memset(static_cast<void*>(given), 0, size);
  return given;
}

}  // namespace

onehop_bytes onehop_text(const char* text) {
  return {text, text == nullptr ? 0 : std::strlen(text)};
}

const char* onehop_version(void) {
  return ONEHOP_VERSION;
}

void onehop_send_options_init(onehop_send_options* options, size_t size) {
  const onehop::client::SendOptions defaults;
  onehop_send_options known{};
  known.confirm = static_cast<onehop_confirm>(defaults.confirm);
  known.unknown_patience_ms = defaults.unknown_patience_ms;
  hand_out(known, cleared(options, size), size);
}

void onehop_options_init(onehop_options* options, size_t size) {
  static const onehop::client::ClientOptions defaults;
  const Client::Limits limits;
  onehop_options known{};
  known.software = bytes(defaults.software);
  known.session_expiry_ms = defaults.session_expiry_ms;
  known.connect_timeout_ms = defaults.connect_timeout_ms;
  known.name_patience_ms = defaults.name_patience_ms;
  known.backoff_ms_min = defaults.backoff_ms_min;
  known.backoff_ms_max = defaults.backoff_ms_max;
  known.reconnect = defaults.reconnect;
  known.patient_at_start = defaults.patient_at_start;
  known.in_flight_bytes_max = defaults.in_flight_bytes_max;
  known.in_flight_messages_max = defaults.in_flight_messages_max;
  known.unsent_bytes_max = defaults.unsent_bytes_max;
  known.destination_bytes_max = limits.destination_bytes_max;
  known.total_bytes_max = limits.total_bytes_max;
  hand_out(known, cleared(options, size), size);
}

void onehop_handlers_init(onehop_handlers* handlers, size_t size) {
  hand_out(onehop_handlers{}, cleared(handlers, size), size);
}

onehop_thread* onehop_thread_start(char* error, size_t error_size) {
  std::string why;
  auto thread = IoThread::start(why);
  if (thread != nullptr) return new onehop_thread{std::move(thread)};
  hand_out(why, error, error_size);
  return nullptr;
}

void onehop_thread_destroy(onehop_thread* thread) {
  delete thread;
}

onehop_client* onehop_client_start(onehop_thread* thread, onehop_bytes server, const onehop_options* options,
                                   const onehop_handlers* handlers, char* error, size_t error_size) {
  std::string why;
  auto self = std::make_unique<onehop_client>();
  onehop_handlers known{};
  auto start = onehop::c_api::to_start_options(options, why);
  if (start && !onehop::c_api::take_over(handlers, known)) why = "onehop_handlers_init() was not called";
  if (why.empty()) {
    Client::Handlers called = handlers_of(self.get(), known);
    auto& [chosen, limits] = *start;
    self->client = thread == nullptr ? Client::start(view(server), std::move(chosen), std::move(called), limits, why)
                                     : Client::start(*thread->thread, view(server), std::move(chosen),
                                                     std::move(called), limits, why);
  }
  if (self->client != nullptr) return self.release();
  hand_out(why, error, error_size);
  return nullptr;
}

void onehop_client_destroy(onehop_client* client) {
  delete client;
}

onehop_wait_status onehop_client_wait_until_open(onehop_client* client, uint64_t timeout_ms) {
  return static_cast<onehop_wait_status>(client->client->wait_until_open(timeout_ms));
}

onehop_send_status onehop_client_send(onehop_client* client, onehop_bytes to, onehop_bytes payload,
                                      const onehop_send_options* options, onehop_completion completion, void* user) {
  return onehop_client_send_within(client, UINT64_MAX, to, payload, options, completion, user);
}

onehop_send_status onehop_client_try_send(onehop_client* client, onehop_bytes to, onehop_bytes payload,
                                          const onehop_send_options* options, onehop_completion completion,
                                          void* user) {
  return onehop_client_send_within(client, 0, to, payload, options, completion, user);
}

// All that a send has, as C has it. NOLINTNEXTLINE(readability-function-size)
onehop_send_status onehop_client_send_within(onehop_client* client, uint64_t timeout_ms, onehop_bytes to,
                                             onehop_bytes payload, const onehop_send_options* options,
                                             onehop_completion completion, void* user) {
  return with_options(options, [&](const onehop::client::SendOptions& known) {
    return client->client->send_within(timeout_ms, view(to), view(payload), known, to_completion(completion, user));
  });
}

onehop_send_status onehop_client_send_and_wait(onehop_client* client, onehop_bytes to, onehop_bytes payload,
                                               const onehop_send_options* options, onehop_result* result,
                                               size_t result_size) {
  return with_options(options, [&](const onehop::client::SendOptions& known) {
    if (client->client->is_own_thread()) return SendStatus::kWouldDeadlock;
    const SendResult told = client->client->send(view(to), view(payload), known).get();
    if (told.status == SendStatus::kAccepted) hand_out(onehop::c_api::to_result(told), result, result_size);
    return told.status;
  });
}

onehop_wait_status onehop_client_flush(onehop_client* client, uint64_t timeout_ms) {
  return static_cast<onehop_wait_status>(client->client->flush(timeout_ms));
}

int onehop_client_flush_then(onehop_client* client, void (*done)(void* user), void* user) {
  return done != nullptr && client->client->flush([done, user] { done(user); });
}

uint64_t onehop_client_unsettled(const onehop_client* client) {
  return client->client->unsettled();
}

void onehop_client_counts(const onehop_client* client, onehop_counts* counts, size_t size) {
  const onehop::client::SendCounts known = client->client->counts();
  hand_out({.size = 0,
            .pauses = known.pauses,
            .repeats = known.repeats,
            .resumes = known.resumes,
            .exceptions = known.exceptions},
           cleared(counts, size), size);
}

void onehop_client_acknowledge(onehop_client* client, onehop_tag tag) {
  client->client->acknowledge({tag.session, tag.tag});
}

void onehop_client_acknowledge_up_to(onehop_client* client, onehop_tag tag) {
  client->client->acknowledge_up_to({tag.session, tag.tag});
}

void onehop_client_refuse(onehop_client* client, onehop_tag tag, onehop_bytes text, uint32_t code,
                          uint32_t retry_after_ms) {
  client->client->refuse({tag.session, tag.tag}, {.text = view(text), .code = code, .retry_after_ms = retry_after_ms});
}

onehop_send_status onehop_client_renew(onehop_client* client, onehop_bytes token) {
  return static_cast<onehop_send_status>(client->client->renew(view(token)));
}

onehop_cause onehop_client_close(onehop_client* client, uint64_t deadline_ms, onehop_code* code) {
  const Ending ending = client->client->close(deadline_ms);
  if (code != nullptr) *code = static_cast<onehop_code>(ending.code);
  return static_cast<onehop_cause>(ending.cause);
}

onehop_cause onehop_client_detach(onehop_client* client, uint64_t deadline_ms, onehop_session** session) {
  Ending ending;
  auto saved = client->client->detach(deadline_ms, &ending);
  if (session != nullptr) *session = saved ? new onehop_session{std::move(*saved)} : nullptr;
  return static_cast<onehop_cause>(ending.cause);
}

onehop_session* onehop_session_make(onehop_bytes name, uint64_t number, onehop_bytes token, uint32_t attempt) {
  return new onehop_session{{std::string(view(name)), number, std::string(view(token)), attempt}};
}

onehop_bytes onehop_session_name(const onehop_session* session) {
  return bytes(session->saved.name);
}

uint64_t onehop_session_number(const onehop_session* session) {
  return session->saved.session;
}

onehop_bytes onehop_session_token(const onehop_session* session) {
  return bytes(session->saved.token);
}

uint32_t onehop_session_attempt(const onehop_session* session) {
  return session->saved.attempt;
}

void onehop_session_free(onehop_session* session) {
  delete session;
}
