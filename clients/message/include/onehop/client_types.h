// What the client library and its caller tell each other: options, messages, and what became of them.
//
// Every string_view and span that the library hands out is valid during the call that hands it out, no longer. Every
// one handed in is copied before the call returns. Sizes are in bytes, times in milliseconds unless a name says
// otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "onehop/codes.h"
#include "onehop/export.h"

namespace onehop::client {

// Shared with the broker: see codes.h.
using onehop::Code;
using onehop::Outcome;
using onehop::Reason;
using onehop::to_string;

// What a sender wants to know about a message.
enum class Confirm : uint8_t {
  // The fast path: only whether the broker admits it for the recipient. At most once, nothing kept once it is handed to
  // the recipient's connection.
  kRefusals = 0,
  // What became of it: the recipient's program took it, refused it, its time ran out, or the recipient went for good.
  kDelivered = 1,
};

// One entry of a message's headers; carried opaquely. `key` is UTF-8.
struct Header {
  std::string_view key;
  std::string_view value;
};

// What the name that a message is sent to belongs to. A client, a topic and a service of the same name have nothing to
// do with each other.
enum class Destination : uint8_t {
  // One client.
  kClient = 0,
  // Every session that has subscribed to the topic: see topics.h. With Confirm::kRefusals the outcome is kAdmitted, or
  // kRejected with kNobodyThere. With Confirm::kDelivered there is one outcome for all subscribers:
  // kDelivered, kPartial, or what became of it for the first if nobody was reached.
  kTopic = 1,
  // One of the clients that serve the service, which the broker picks for each message. The outcome is that of a
  // message to a client, or kRejected with kNobodyThere if nobody serves it. No order is promised between messages.
  kService = 2,
};

// A patience without an end.
inline constexpr uint32_t kForever = UINT32_MAX;
// SendOptions::unknown_patience_ms, by default.
inline constexpr uint32_t kUnknownPatienceMs = 10'000;

// What may be said about a message besides its destination and payload.
struct SendOptions {
  Destination destination = Destination::kClient;
  Confirm confirm = Confirm::kDelivered;
  // At most 64, keys and values together at most 8 KiB with 8 bytes of overhead each.
  std::span<const Header> headers = {};
  // How long it may take until the recipient acknowledges it, from the broker's taking it on; then it is kExpired. 0:
  // the broker's ceiling (SessionInfo::ttl_ms_max), to which longer ones are cut. Waiting inside the library does not
  // count, and a repeat after QUEUE_FULL starts it anew.
  uint32_t ttl_ms = 0;
  // The id and from_session of the message that this one answers; 0: it answers none. With in_reply_to_session, it is
  // taken only while that very session owns the name, else rejected with kStaleSession.
  uint64_t in_reply_to = 0;
  uint64_t in_reply_to_session = 0;
  // How long it may wait inside the library for its recipient to come back, counted from when the broker first said
  // that nobody owns the name: then it is rejected with kUnknownClient. Only where waiting may help: in the time after
  // its start for which a broker expects clients of the one before (onehopd: start_grace_ms), and for 10 seconds after
  // this client came back and could not resume its session (ClientOptions::names_may_come_ms: longer). Otherwise, and
  // with 0, it is rejected at once. kForever: waits as long as the client lives.
  uint32_t unknown_patience_ms = kUnknownPatienceMs;
  // To a service: if the client that got it ends before it acknowledges, another one gets it, marked `redelivered`. So
  // it may be done twice. False: it is kLost then, with `attempted`.
  bool retry_attempted = false;
  // It is a request: its outcome is kReplied, or why there is no reply, and `ttl_ms` covers the reply as well. Only to
  // a client or a service, with Confirm::kDelivered. Client::request() and LoopClient::request() set it.
  bool wants_reply = false;
};

// Whether send() accepted a message.
enum class SendStatus : uint8_t {
  // Accepted: its outcome will be reported.
  kAccepted,
  // Not accepted: a limit is reached, of this destination or of all. on_room() follows when trying again makes sense.
  kWouldBlock,
  // Not accepted: larger than the broker takes (SessionInfo::frame_bytes_max, which counts everything of the message).
  kTooLarge,
  // Not accepted: the destination is empty or not UTF-8, or the headers are over their limits or not UTF-8.
  kInvalid,
  // Not accepted: the client is closing or has ended.
  kClosed,
  // Only from SendFuture::get() on the client's own thread, which would wait for itself. The message is accepted.
  kWouldDeadlock,
  // Not accepted: this process is a copy that fork() made. The client belongs to the process that started it.
  kForked,
};
// "a limit is reached".
ONEHOP_EXPORT std::string_view to_string(SendStatus status);

// How waiting for a client has ended.
enum class WaitStatus : uint8_t {
  // What was waited for has happened.
  kDone,
  // The time is up.
  kTimeUp,
  // The client has ended, so that it cannot happen any more.
  kEnded,
  // Refused at once: the client's own thread would wait for itself.
  kWouldDeadlock,
  // Refused at once: this process is a copy that fork() made.
  kForked,
};
// "the time is up".
ONEHOP_EXPORT std::string_view to_string(WaitStatus status);

// What became of a message, and why.
struct SendResult {
  // What send() returned for the message.
  uint64_t ticket = 0;
  // The id of its last attempt on the wire, rising within a session; 0 if it was never written.
  uint64_t id = 0;
  Outcome outcome = Outcome::kNotSent;
  // With kRejected and kLost always, with kNotSent if it had been refused before: the broker's reason. With kPartial
  // why the first of the subscribers missed it.
  Reason reason = Reason::kNone;
  // With kRejected: after this time trying again may make sense; 0: the broker did not say.
  uint32_t retry_after_ms = 0;
  // With kExpired and kLost: whether it was ever written to a connection of the recipient. If not, repeating it is
  // safe.
  bool attempted = false;
  // Of a message to a topic with Confirm::kDelivered: how many subscribers acknowledged it, and how many did not.
  // `missed` may be set with any outcome but kDelivered.
  uint32_t reached = 0;
  uint32_t missed = 0;
  // With kRefusedByRecipient: what the recipient said.
  uint32_t code = 0;
  std::string text = {};
  // Only from Client's futures and completions: if it is neither kAccepted nor kWouldDeadlock, the message was not
  // accepted, and the outcome is kNotSent.
  SendStatus status = SendStatus::kAccepted;
};

// What a client has met with so far, in all its sessions.
struct SendCounts {
  // How often the broker asked to pause a destination.
  uint64_t pauses = 0;
  // Refusals that waiting cures (the recipient's queue was full, the broker busy or about to go), each followed by a
  // repeat.
  uint64_t repeats = 0;
  // Sessions that were resumed on another connection.
  uint64_t resumes = 0;
  // Exceptions that came out of the program's handlers and completions: see ClientEvents::on_exception().
  uint64_t exceptions = 0;
};

// Names a delivery that wants an acknowledgement. No other delivery ever has the same tag. A tag can be used as long as
// its session lasts.
struct DeliveryTag {
  // The receiving client's own session.
  uint64_t session = 0;
  uint64_t tag = 0;

  // Whether an acknowledgement is wanted at all.
  explicit operator bool() const { return tag != 0; }
  friend bool operator==(const DeliveryTag&, const DeliveryTag&) = default;
};

// Why a delivery is refused, in the recipient's own words; the sender is told kRejected, kRefusedByRecipient, and this.
struct Refusal {
  // At most 256 bytes arrive; UTF-8.
  std::string_view text = {};
  uint32_t code = 0;
  uint32_t retry_after_ms = 0;
};

// A message that has arrived.
struct Message {
  // The sender's name, as the broker wrote it.
  std::string_view from;
  // The topic or the service that it was sent to; both empty: it was sent to this client.
  std::string_view topic;
  std::string_view service;
  // Of a topic's message: how many messages of topics this session has missed since the one before, because there was
  // no room for them at the broker.
  uint32_t skipped = 0;
  // The sender's number for it; 0: the sender gave none.
  uint64_t id = 0;
  // The sender's session, with an id; (from_session, id) is unique.
  uint64_t from_session = 0;
  uint64_t in_reply_to = 0;
  uint64_t in_reply_to_session = 0;
  // For acknowledging it; false where no acknowledgement is wanted.
  DeliveryTag tag;
  // The broker says that this delivery may have been seen before: it was written to an earlier connection of this
  // session. The client itself hands no message out twice, so that only an earlier process can have seen it.
  bool redelivered = false;
  // How long its sender lets it wait; 0: as long as the broker allows (SessionInfo::ttl_ms_max).
  uint32_t ttl_ms = 0;
  // With `redelivered`: what is left of its ttl.
  uint32_t ttl_left_ms = 0;
  // The sender says that it does not know whether an earlier attempt arrived.
  bool maybe_repeated = false;
  // It is a request: its sender waits for a reply. See reply_to().
  bool wants_reply = false;
  std::span<const Header> headers;
  std::string_view payload;
};

// What the broker said about the session that it opened.
struct SessionInfo {
  std::string_view name = {};
  std::string_view server = {};
  uint64_t session = 0;
  uint32_t keepalive_ms = 0;
  // The largest frame the client may send.
  uint32_t frame_bytes_max = 0;
  // Confirmed messages without an outcome that the broker takes from this client, and the sum of their frames. The
  // library keeps to it.
  uint32_t send_window = 0;
  uint32_t send_window_bytes = 0;
  uint32_t session_expiry_ms = 0;
  uint32_t ttl_ms_max = 0;
  // Whether this is the session from before, on another connection.
  bool resumed = false;
  // Whether order is kept through refusals (the feature ORDERED_REFUSALS).
  bool ordered_refusals = false;
  // Whether the broker serves subscriptions to topics (the feature TOPICS).
  bool may_subscribe = false;
  // Whether the broker takes new credentials on an open connection (the feature RENEWAL).
  bool may_renew = false;
  // For how much longer the credentials hold; then the connection ends, unless they are renewed. 0: they do not end.
  uint32_t credentials_expire_in_ms = 0;
};

// A session that another process can go on with: ClientOptions::resume. Whoever has it is the client; keep it secret.
struct SavedSession {
  std::string name;
  uint64_t session = 0;
  // Opaque bytes.
  std::string token;
  // How often it has been connected; a resume must have a higher number.
  uint32_t attempt = 0;
};

// Why a connection, or the client, ended.
struct Ending {
  enum class Cause : uint8_t {
    // The caller closed it.
    kClosed,
    // No connection came about.
    kConnectFailed,
    // The broker said goodbye; `code` and `text` are its.
    kGoodbye,
    // The connection ended without a goodbye.
    kConnectionLost,
    // Nothing was heard from the broker for 1.5 keepalives, or no answer to the connect in time.
    kSilence,
    // What came is not the protocol: not a onehop broker, or one that is out of order.
    kBadBytes,
    // Client::close() and detach() only: the call was refused, because the client's own thread would wait for itself.
    // The client has not ended.
    kWouldDeadlock,
    // Client::close() and detach() only: the call was refused, because this process is a copy that fork() made. The
    // client goes on in the process that started it.
    kForked,
  };
  Cause cause = Cause::kClosed;
  Code code = Code::kNone;
  // For people; one line. With kConnectFailed all of it: "cannot connect to tcp://…: Connection refused".
  std::string text = {};
  // When to come back, as the broker said; 0: not told.
  uint32_t retry_after_ms = 0;
  // With kUseAnotherServer: where to go, as the broker wrote it.
  std::string use_server = {};
};

// One line for people: "the broker said goodbye NAME_IN_USE: …".
ONEHOP_EXPORT std::string describe(const Ending& ending);

// What to do if the name is already connected.
enum class OnConflict : uint8_t { kReject, kTakeOver };

// Who acknowledges deliveries.
enum class AckMode : uint8_t {
  // The client, each when on_message() has returned, unless it was refused in there. If on_message() throws, the
  // client refuses the delivery with the text kHandlerFailedText, so that the sender learns of it.
  kAuto,
  // The program, with acknowledge() and refuse(), in any order, until the session ends. What it never acknowledges
  // fills its receive window: then nothing more arrives.
  kManual,
};

// What the sender is told (kRejected, kRefusedByRecipient) if the recipient's on_message() threw.
inline constexpr std::string_view kHandlerFailedText = "the recipient's message handler failed";

// How a client connects, what it asks the broker for, and how much it holds.
struct ClientOptions {
  // The name to own: 1 to 255 bytes of visible ASCII without " ' \ ` * > # + ? , and not beginning with $ or ~. Empty:
  // the broker makes one, another for each session.
  std::string name = {};
  // What the program is, for the broker's log. Empty: "onehop-cpp/" and the library's version.
  std::string software = {};
  // Credentials, opaque bytes of at most kTokenBytesMax; empty: none.
  std::string token = {};
  // Gives the credentials instead of `token`, for a program whose credentials end. It is asked before each connection,
  // and once more when a fifth of the time is left for which the broker said that they hold: then they are renewed
  // while the connection goes on, and on_renewed() tells the result. If they end all the same, the client connects
  // again with what the source gives then. If they are refused as bad (BAD_CREDENTIALS), the source is asked once more,
  // and the client tries again if it gives others. It is called on the client's thread and must be quick. If it throws,
  // the latest token is used.
  std::function<std::string()> token_source = {};
  OnConflict on_conflict = OnConflict::kReject;
  // After this silence either side pings; after 1.5 times as long the connection is dead. 0: the broker's default. The
  // broker clamps it.
  uint32_t keepalive_ms = 0;
  // The largest frame to receive, at least 16 KiB; senders of larger ones are refused with kTooLarge. 0: the broker's.
  uint32_t frame_bytes_max = 0;
  // How long the broker keeps the session when a connection breaks: what was sent to the client meanwhile, and the
  // outcomes of what it sent. 0: the session ends with its connection. The broker clamps it.
  uint32_t session_expiry_ms = 60'000;
  // How many deliveries may be unacknowledged at the same time. 0: the broker's default.
  uint32_t receive_window = 0;
  AckMode ack = AckMode::kAuto;
  // A session to go on with, of an earlier process; its name counts, not `name`. If the broker does not know it any
  // more, a new one begins under that name.
  std::optional<SavedSession> resume = {};
  // From the beginning of a connection attempt to the broker's answer.
  uint32_t connect_timeout_ms = 10'000;

  // TLS: only for servers that begin with tls://. All files are PEM. They are looked at for each connection, so that a
  // certificate that was renewed is used from the next connection on.
  // The authorities that are believed; empty: those of the system.
  std::string tls_ca_file = {};
  // The client's own certificate, with those between it and its root, and its key, not encrypted. Both or neither.
  std::string tls_certificate_file = {};
  std::string tls_key_file = {};
  // The name or the address that the broker's certificate must be for; empty: the host of the server's address.
  std::string tls_server_name = {};
  // INSECURE: believes whoever answers. For trials only: anybody on the way can read and change everything.
  bool tls_insecure = false;

  // Whether to connect again by itself, also when the first attempt fails or somebody else answers than a broker (a
  // balancer in HTTP, say). Never after SESSION_TAKEN_OVER, nor after a goodbye that says that trying again is of no
  // use (PROTOCOL_ERROR, BAD_CREDENTIALS unless `token_source` gives others …), nor where another server is named
  // (Ending::use_server): whether to go there is the program's decision.
  bool reconnect = true;
  // How long to go on trying while the broker answers NAME_IN_USE, with `reconnect`: from the first such answer, not
  // more than once in a second; on_down() tells of each. The name may be held by a connection that is dead, this
  // client's own from before it lost power, say: the broker asks its owner at once, and ends it after 3 seconds of
  // silence, so that less than about 5 seconds cures nothing. 0: gives up at once; kForever: never.
  uint32_t name_patience_ms = 10'000;
  // Whether messages to names that nobody owns may wait (SendOptions::unknown_patience_ms) also before this client has
  // ever lost a session, where the broker has just started. False is for programs that ask who is there now.
  bool patient_at_start = true;
  // For this time after a session begins, the client assumes that the owner of any name may still connect, whatever the
  // broker says of its start. Until then messages to names that nobody owns wait in order, as
  // SendOptions::unknown_patience_ms says. The first message to a name costs one round trip before the next ones flow.
  // 0: as the broker says.
  uint32_t names_may_come_ms = 0;
  // The wait before an attempt: doubled with each that fails, from the first to the second value, then a random part of
  // its upper half. The broker's retry_after_ms is kept to if it is longer; the time of a goodbye that was announced
  // (with a grace) is kept to as it is, counted from that goodbye.
  uint32_t backoff_ms_min = 100;
  uint32_t backoff_ms_max = 30'000;
  // Messages of an old session may have no outcome when it ends: the broker was replaced, the session expired, or it
  // had no expiry. False: they are reported as kUnknown. True: they are repeated in the new session, in order, marked
  // maybe_repeated.
  bool repeat_unknown = false;

  // Limits of what the library holds. It accepts a message as long as it holds less than each limit, so one message may
  // exceed a limit. The first two limit messages that are sent and have no outcome. The broker's send window limits
  // confirmed ones as well.
  uint32_t in_flight_bytes_max = 8 << 20;
  uint32_t in_flight_messages_max = 16'384;
  // Handed to the connection and not yet taken by its socket. Small, because such messages cannot be held back when the
  // broker asks for a pause.
  uint32_t unsent_bytes_max = 256 << 10;
  // Held back for one destination that is paused, has refused, is not back yet, or waits for the session to open; and
  // held back for all destinations together. Each message counts as 64 bytes more than its size.
  uint32_t waiting_bytes_max = 1 << 20;
  uint32_t waiting_bytes_total_max = 64 << 20;
};

// The most that a token may have.
inline constexpr uint32_t kTokenBytesMax = 14 << 10;

// Checks a name by the rule above. Returns nullptr if it may be asked for, else what is wrong with it.
ONEHOP_EXPORT const char* what_is_wrong_with_name(std::string_view name);

}  // namespace onehop::client
