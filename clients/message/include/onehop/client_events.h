// What a client tells its owner. ClientEngine and LoopClient have the same events.
#pragma once

#include <cstdint>
#include <exception>
#include <string_view>

#include "onehop/client_types.h"
#include "onehop/export.h"

namespace onehop::client {

// The owner implements it, and keeps it alive longer than the client. Events are called on the client's thread, never
// from within send(). The client's header says what an event may call; it must not destroy the client that it comes
// from.
//
// An event that throws does no harm: the client catches the exception, counts it (SendCounts::exceptions), tells
// on_exception() and goes on. Its own work for the event is done: an outcome is told once, whatever becomes of the
// call. Where on_message() throws and AckMode::kAuto is set, the delivery is refused with kHandlerFailedText.
class ONEHOP_EXPORT ClientEvents {
 public:
  // A message has arrived. With AckMode::kAuto it is acknowledged when this returns, unless it was refused in here.
  virtual void on_message(const Message& message) = 0;
  // What became of a message that send() accepted; once for each. `to`: the name of the client, the topic or the
  // service.
  virtual void on_outcome(std::string_view to, const SendResult& result) = 0;
  // The client has ended. Every message has its outcome, and no event follows.
  virtual void on_ended(const Ending& ending) = 0;

  // The session is open. Called for each new connection: `session.resumed` says whether it is the session from before.
  virtual void on_open(const SessionInfo& session) { (void)session; }
  // The connection ended, or could not be made. The client tries again after `retry_in_ms`.
  virtual void on_down(const Ending& ending, uint64_t retry_in_ms) { (void)ending, (void)retry_in_ms; }
  // A send() returned kWouldBlock since the last on_room(), and trying again makes sense now.
  virtual void on_room() {}
  // The answer to the ping() that returned this nonce, or to a later one. The nonce may belong to a ping that the
  // client sent by itself.
  virtual void on_pong(uint64_t nonce) { (void)nonce; }
  // The answer to renewed credentials, of renew() or of ClientOptions::token_source. kNone: they hold, for
  // `expires_in_ms` more milliseconds; 0: they do not end. Otherwise those from before hold until their end, and
  // `reason` says why: kNotAuthorized (they are not good, or another principal's), kBrokerBusy or kRateLimited (they
  // cannot be checked now), kUnsupported (the broker serves no renewals: they are shown with the next connection).
  virtual void on_renewed(Reason reason, uint32_t expires_in_ms) { (void)reason, (void)expires_in_ms; }
  // The answer to subscribe(). kNone: the subscription holds, and what is sent to the topic from now on arrives. Told
  // again in each later session, in which the client has restored it: what was sent in between is missed. Otherwise it
  // does not hold: kNotAuthorized (the client may not), kBrokerBusy (the session has as many as it may have),
  // kUnsupported (the broker serves no topics). One that has never held is forgotten then. Any other is asked for again
  // in the next session.
  virtual void on_subscribed(std::string_view filter, Reason reason) { (void)filter, (void)reason; }
  // The answer to unsubscribe(): only what the broker had admitted before may still arrive.
  virtual void on_unsubscribed(std::string_view filter) { (void)filter; }
  // The same for serve(): the client gets messages to the service from now on, or does not, and why. For unserve():
  // only what the broker had admitted for this client before may still arrive.
  virtual void on_serving(std::string_view service, Reason reason) { (void)service, (void)reason; }
  virtual void on_unserved(std::string_view service) { (void)service; }
  // The reply to the request with this ticket (SendOptions::wants_reply), instead of on_message() and acknowledged like
  // that: once, before on_outcome() of the request or after it. Unless this is overridden, on_message() gets it. What
  // else answers the request is an ordinary message.
  virtual void on_reply(uint64_t ticket, const Message& reply) { (void)ticket, on_message(reply); }
  // The outcome of this request was kReplied, and the reply does not come any more: the session has ended, or its ttl.
  virtual void on_no_reply(uint64_t ticket) { (void)ticket; }
  // An event, the callback of flush(), or the token source threw this. What on_exception() throws itself is only
  // counted.
  virtual void on_exception(const std::exception_ptr& exception) { (void)exception; }

 protected:
  ~ClientEvents() = default;
};

}  // namespace onehop::client
