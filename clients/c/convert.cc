// See the header.
#include "c/convert.h"

#include <algorithm>

namespace onehop::c_api {
namespace {

using client::AckMode;
using client::Code;
using client::Confirm;
using client::Ending;
using client::OnConflict;
using client::Outcome;
using client::Reason;
using client::SendStatus;
using client::WaitStatus;

template <typename There, typename Here>
constexpr bool same(There there, Here here) {
  return static_cast<int>(there) == static_cast<int>(here);
}
// The last of each; between the first and the last they have no gaps.
static_assert(same(SendStatus::kForked, ONEHOP_SEND_FORKED) && same(SendStatus::kClosed, ONEHOP_SEND_CLOSED));
static_assert(same(WaitStatus::kForked, ONEHOP_WAIT_FORKED) && same(WaitStatus::kEnded, ONEHOP_WAIT_ENDED));
static_assert(same(Outcome::kResponderLost, ONEHOP_OUTCOME_RESPONDER_LOST) &&
              same(Outcome::kReplied, ONEHOP_OUTCOME_REPLIED) && same(Outcome::kPartial, ONEHOP_OUTCOME_PARTIAL) &&
              same(Outcome::kNotSent, ONEHOP_OUTCOME_NOT_SENT) && same(Outcome::kLost, ONEHOP_OUTCOME_LOST));
static_assert(same(Reason::kNobodyThere, ONEHOP_REASON_NOBODY_THERE) &&
              same(Reason::kTooLarge, ONEHOP_REASON_TOO_LARGE));
static_assert(same(Ending::Cause::kForked, ONEHOP_CAUSE_FORKED) && same(Ending::Cause::kSilence, ONEHOP_CAUSE_SILENCE));
static_assert(same(Code::kAdministrative, ONEHOP_CODE_ADMINISTRATIVE) &&
              same(Code::kFrameTooLarge, ONEHOP_CODE_FRAME_TOO_LARGE));
static_assert(same(Confirm::kDelivered, ONEHOP_CONFIRM_DELIVERED));
static_assert(same(OnConflict::kTakeOver, ONEHOP_ON_CONFLICT_TAKE_OVER));
static_assert(same(AckMode::kManual, ONEHOP_ACK_MANUAL));
static_assert(client::kForever == ONEHOP_FOREVER);

// Whether a number that a program put there is one of an enum that begins with 0.
template <typename Enum>
bool is_one_of(Enum value, Enum last) {
  return static_cast<unsigned>(value) <= static_cast<unsigned>(last);
}

const char* what_is_wrong_with(const onehop_options& given) {
  if (!is_one_of(given.on_conflict, ONEHOP_ON_CONFLICT_TAKE_OVER)) return "on_conflict is none of onehop_on_conflict";
  if (!is_one_of(given.ack, ONEHOP_ACK_MANUAL)) return "ack is none of onehop_ack_mode";
  return nullptr;
}

client::ClientOptions to_client_options(const onehop_options& given) {
  client::ClientOptions options;
  options.name = view(given.name);
  options.software = view(given.software);
  options.token = view(given.token);
  options.on_conflict = static_cast<OnConflict>(given.on_conflict);
  options.ack = static_cast<AckMode>(given.ack);
  if (given.resume != nullptr) options.resume = given.resume->saved;
  options.keepalive_ms = given.keepalive_ms;
  options.frame_bytes_max = given.frame_bytes_max;
  options.session_expiry_ms = given.session_expiry_ms;
  options.receive_window = given.receive_window;
  options.connect_timeout_ms = given.connect_timeout_ms;
  options.name_patience_ms = given.name_patience_ms;
  options.names_may_come_ms = given.names_may_come_ms;
  options.backoff_ms_min = given.backoff_ms_min;
  options.backoff_ms_max = given.backoff_ms_max;
  options.reconnect = given.reconnect != 0;
  options.patient_at_start = given.patient_at_start != 0;
  options.repeat_unknown = given.repeat_unknown != 0;
  options.in_flight_bytes_max = given.in_flight_bytes_max;
  options.in_flight_messages_max = given.in_flight_messages_max;
  options.unsent_bytes_max = given.unsent_bytes_max;
  options.tls_ca_file = view(given.tls_ca_file);
  options.tls_certificate_file = view(given.tls_certificate_file);
  options.tls_key_file = view(given.tls_key_file);
  options.tls_server_name = view(given.tls_server_name);
  options.tls_insecure = given.tls_insecure != 0;
  if (given.token_source != nullptr) {
    options.token_source = [source = given.token_source, user = given.token_user] {
      return std::string(view(source(user)));
    };
  }
  return options;
}

}  // namespace

void hand_out(const std::string& error, char* wanted, size_t size) {
  if (wanted == nullptr || size == 0) return;
  const size_t copied = std::min(error.size(), size - 1);
  std::copy_n(error.data(), copied, wanted);
  wanted[copied] = '\0';
}

bool to_send_options(const onehop_send_options* given, client::SendOptions& out, std::vector<client::Header>& headers) {
  onehop_send_options known;
  onehop_send_options_init(&known, sizeof known);
  if (!take_over(given, known) || !is_one_of(known.confirm, ONEHOP_CONFIRM_DELIVERED)) return false;
  if (known.header_count != 0 && known.headers == nullptr) return false;
  headers.reserve(known.header_count);
  for (size_t i = 0; i != known.header_count; ++i) {
    headers.push_back({view(known.headers[i].key), view(known.headers[i].value)});
  }
  out.confirm = static_cast<Confirm>(known.confirm);
  out.headers = headers;
  out.ttl_ms = known.ttl_ms;
  out.in_reply_to = known.in_reply_to;
  out.in_reply_to_session = known.in_reply_to_session;
  out.unknown_patience_ms = known.unknown_patience_ms;
  return true;
}

std::optional<StartOptions> to_start_options(const onehop_options* given, std::string& error) {
  onehop_options known;
  onehop_options_init(&known, sizeof known);
  const char* wrong = take_over(given, known) ? what_is_wrong_with(known) : "onehop_options_init() was not called";
  if (wrong != nullptr) {
    error = wrong;
    return std::nullopt;
  }
  return StartOptions{to_client_options(known),
                      {.destination_bytes_max = known.destination_bytes_max, .total_bytes_max = known.total_bytes_max}};
}

onehop_message to_message(const client::Message& message, std::vector<onehop_header>& headers) {
  headers.clear();
  for (const client::Header& header : message.headers) headers.push_back({bytes(header.key), bytes(header.value)});
  return {.size = sizeof(onehop_message),
          .from = bytes(message.from),
          .payload = bytes(message.payload),
          .headers = headers.data(),
          .header_count = headers.size(),
          .id = message.id,
          .from_session = message.from_session,
          .in_reply_to = message.in_reply_to,
          .in_reply_to_session = message.in_reply_to_session,
          .tag = {message.tag.session, message.tag.tag},
          .ttl_ms = message.ttl_ms,
          .ttl_left_ms = message.ttl_left_ms,
          .redelivered = message.redelivered,
          .maybe_repeated = message.maybe_repeated};
}

onehop_result to_result(const client::SendResult& result) {
  onehop_result out{};
  out.size = sizeof out;
  out.ticket = result.ticket;
  out.id = result.id;
  out.outcome = static_cast<onehop_outcome>(result.outcome);
  out.reason = static_cast<onehop_reason>(result.reason);
  out.retry_after_ms = result.retry_after_ms;
  out.attempted = result.attempted;
  out.code = result.code;
  const size_t text_size = std::min<size_t>(result.text.size(), ONEHOP_TEXT_BYTES_MAX);
  std::copy_n(result.text.data(), text_size, out.text);
  out.text_size = static_cast<uint32_t>(text_size);
  return out;
}

onehop_session_info to_session_info(const client::SessionInfo& session) {
  return {.size = sizeof(onehop_session_info),
          .name = bytes(session.name),
          .server = bytes(session.server),
          .session = session.session,
          .keepalive_ms = session.keepalive_ms,
          .frame_bytes_max = session.frame_bytes_max,
          .send_window = session.send_window,
          .send_window_bytes = session.send_window_bytes,
          .session_expiry_ms = session.session_expiry_ms,
          .ttl_ms_max = session.ttl_ms_max,
          .resumed = session.resumed,
          .ordered_refusals = session.ordered_refusals,
          .may_renew = session.may_renew,
          .credentials_expire_in_ms = session.credentials_expire_in_ms};
}

onehop_ending to_ending(const client::Ending& ending) {
  return {.size = sizeof(onehop_ending),
          .cause = static_cast<onehop_cause>(ending.cause),
          .code = static_cast<onehop_code>(ending.code),
          .text = bytes(ending.text),
          .use_server = bytes(ending.use_server),
          .retry_after_ms = ending.retry_after_ms};
}

}  // namespace onehop::c_api
