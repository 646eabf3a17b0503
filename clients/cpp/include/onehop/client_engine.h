// The client without input and output: bytes and time in, bytes and events out. It owns everything the protocol asks of
// a client; a host gives it a connection and a clock. LoopClient and Client (threaded) are such hosts, the tests
// another.
//
// What it promises about messages:
//  - Each accepted message gets exactly one on_outcome().
//  - While the broker lives and the session's expiry is not exceeded, broken connections are not noticed: the
//    session is resumed, what the broker has not got is sent again, outcomes that were decided meanwhile are told, and
//    verdicts that may have been lost are repeated. Each confirmed message arrives once and in order.
//  - Messages to one destination are sent in the order they were accepted, also through PAUSE and QUEUE_FULL: the
//    client waits as long as it was told, and repeats what was refused before it goes on. That holds from session to
//    session as well. After BROKER_BUSY and RATE_LIMITED it repeats likewise, but what was under way behind the refused
//    message may have arrived before: the broker has no gate there. Different destinations do not wait for each other.
//  - Where the owners of names may still be on their way back (the broker has just started, or this client has come to
//    another one than before), a message to a name that nobody owns waits, for SendOptions::unknown_patience_ms, with
//    all that follow it to the same name. None of these overtakes another, and other destinations go on.
//  - When the broker announces that it goes (a goodbye with a grace), what is accepted from then on waits, and so does
//    what the broker refuses for it (SHUTTING_DOWN). What is under way is finished: outcomes are awaited, deliveries
//    handed out and acknowledged, unless their ttl runs out before. Then, or at the end of the grace, the client says
//    goodbye, and comes back at the time it was told, with what waits. Where the broker only wants the connection to
//    end (USE_ANOTHER_SERVER), the session goes on with the next.
//  - Nothing is dropped: what the end of a session leaves unknown is reported as such, or repeated on request.
//  - on_message() is called once for each delivery, in the order of the sender.
//
// What it promises about topics: a subscription is remembered until unsubscribe(). It outlives a broken connection with
// its session, and in each new session the client subscribes again. The same holds for serve() and unserve().
//
// What it promises about requests (SendOptions::wants_reply): the reply is told by on_reply(), once, before the outcome
// or after it. If the outcome is kReplied, there is either on_reply() or on_no_reply().
//
// One thread at a time. Every call that takes `now_ms` may report events before it returns; `now_ms` is of a clock that
// never goes back. Events may call send(), acknowledge(), acknowledge_up_to(), refuse(), flush(), ping(), renew(),
// subscribe(), unsubscribe(), serve(), unserve(), close() and detach(), nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "onehop/client_events.h"
#include "onehop/client_types.h"
#include "onehop/export.h"
#include "onehop/topics.h"

namespace onehop::client {

// What the host is to do about the connection.
enum class Link : uint8_t {
  // There is to be none: close it if there is one.
  kNone,
  // There is to be one: begin it if there is none for the current link_number().
  kWanted,
  // Everything is said: write what is left, shut the sending side down, read to the end.
  kFinishing,
};

// A client without input and output.
class ONEHOP_EXPORT ClientEngine {
 public:
  // `seed`: for the jitter of backoff; any value, best unpredictable. That `options.name` may be asked for is
  // the caller's to check; the broker would refuse it.
  ClientEngine(ClientOptions options, ClientEvents& events, uint64_t seed);
  ~ClientEngine();
  ClientEngine(const ClientEngine&) = delete;
  ClientEngine& operator=(const ClientEngine&) = delete;

  // Begins: from now on link() says what is wanted.
  void start(uint64_t now_ms);

  // Sends `payload` to the client named `to`, or to the topic or the service, as `options.destination` says. Before the
  // session is open, messages wait. If accepted, `ticket`, where given, is its number: rising, from 1, the same through
  // repeats and sessions.
  SendStatus send(std::string_view to, std::string_view payload, const SendOptions& options,
                  uint64_t* ticket = nullptr);

  // As send(), for callers that bound what they have given themselves: never answers kWouldBlock. `body` is made by
  // encode(), which does not write SendOptions::unknown_patience_ms into it. Larger than the broker takes is found out
  // later: the outcome is kRejected, kTooLarge.
  SendStatus send_encoded(std::string_view body, uint32_t unknown_patience_ms = kUnknownPatienceMs,
                          uint64_t* ticket = nullptr);
  // As send_encoded(), but answers kWouldBlock, and on_room() follows, where as much is in flight as may be and nothing
  // of the same destination waits yet. It costs less, because the library need not keep the message apart.
  SendStatus try_send_encoded(std::string_view body, uint32_t unknown_patience_ms = kUnknownPatienceMs,
                              uint64_t* ticket = nullptr);
  // Any thread. An empty answer means kInvalid.
  static std::string encode(std::string_view to, std::string_view payload, const SendOptions& options);

  // Says that the program has taken a delivery, or all up to it that have no verdict yet; in any order. Verdicts are
  // good through broken connections, as long as the session is. For a tag that already has a verdict, or is of an
  // earlier session, these do nothing.
  void acknowledge(DeliveryTag tag);
  void acknowledge_up_to(DeliveryTag tag);
  void refuse(DeliveryTag tag, const Refusal& refusal);

  // The session as it is, for another process to go on with; nothing where there is none: before the first is open, and
  // after it was taken over or ended. Good until the next connection attempt of this client, so that it is best taken
  // after detach().
  std::optional<SavedSession> saved_session() const;

  // Messages accepted and without an outcome so far.
  uint64_t unsettled() const;
  SendCounts counts() const;

  // Calls `done`, once, when everything accepted so far has its outcome; at once if that is so already.
  void flush(std::function<void()> done);

  // Asks for an on_pong(), if the session is open; returns its nonce, or 0.
  uint64_t ping();

  // New credentials, opaque bytes, of the same principal. On an open connection they are renewed, and on_renewed()
  // tells the result; those given before the answer to the ones before replace each other. Without a connection, or if
  // it breaks before the answer, they are shown with the next one, unless ClientOptions::token_source gives others.
  // kAccepted; kTooLarge: over kTokenBytesMax; kClosed: the client has ended, or is saying goodbye.
  SendStatus renew(std::string_view token);

  // Subscribes to the topics that `filter` matches (topics.h), or ends that. on_subscribed() or on_unsubscribed() tells
  // the answer, never from within the call. A later call for the same filter replaces the one before, whose answer is
  // then not told. While there is no connection, calls wait for the next one. If the broker is too busy, the client
  // asks again after the time that the broker says. kAccepted; kInvalid: it is no filter; kClosed: the client has
  // ended, or is ending.
  SendStatus subscribe(std::string_view filter, const SubscribeOptions& options = {});
  SendStatus unsubscribe(std::string_view filter);
  // Serves the service, beside whoever else does, or ends that: everything as for subscribe(), with on_serving() and
  // on_unserved(). kInvalid: it is no name (what_is_wrong_with_name()).
  SendStatus serve(std::string_view service);
  SendStatus unserve(std::string_view service);

  // Accepts no more messages; when each has its outcome, and replies that are on their way have come, says goodbye and
  // ends. The session ends with it: what others have sent and this client has not acknowledged is lost.
  void close();
  // Accepts no more messages, writes the verdicts that were given, and ends without a goodbye: the session stays, as
  // long as its expiry says, for whoever resumes it. What has no outcome is kUnknown or kNotSent.
  void detach();
  // Ends now: what was sent is kUnknown, what was not is kNotSent. Not from an event, nor from
  // ClientOptions::token_source.
  void abort(const Ending& ending, uint64_t now_ms);

  // The host's side. Which connection is wanted; link_number() changes whenever a new one is.
  Link link() const;
  uint64_t link_number() const;
  // The wanted connection is established; has failed or ended, `text` says how.
  void on_link_up(uint64_t now_ms);
  void on_link_down(std::string_view text, uint64_t now_ms);
  void on_bytes(std::string_view bytes, uint64_t now_ms);
  // Whether the host reads at the moment: while it does not, silence is no sign of death. Initially, and on each new
  // connection, it reads.
  void set_reading(bool reading, uint64_t now_ms);
  // Fills `pieces` with what is to be written next, in order; returns how many it filled. Valid until any other call.
  // To be called before sleeping, once for all that happened, and until it returns 0 or the connection takes no more.
  size_t output(std::span<std::string_view> pieces, uint64_t now_ms);
  // The connection took the first `size` bytes of it.
  void on_written(size_t size, uint64_t now_ms);
  // Runs what is due.
  void on_tick(uint64_t now_ms);
  // When on_tick() is due; UINT64_MAX: never. May change with every call.
  uint64_t deadline() const;

 private:
  class ONEHOP_HIDDEN Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace onehop::client
