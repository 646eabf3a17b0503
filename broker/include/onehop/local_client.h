// A client in the broker's own process: a name, messages and outcomes by function calls, without a socket.
//
// A local client keeps the contract of every other client (docs/delivery.md). It owns its name, and loses it to a
// takeover; it has a window of deliveries and one of messages; a full queue pauses those who send to it; it is told one
// outcome for each confirmed message. It has no connection that could break, so it has nothing to resume: its session
// ends when the client is closed, kicked or taken over, when its name was refused, or when the broker ends. A client
// that takes nothing for so long that others suffer is ended like any other (SLOW_CONSUMER).
//
// Threads. The client lives on one shard: the home of its name (home()). Its events are called on that shard's thread,
// one at a time, never from within another call. An event must be quick: as long as it runs, the shard serves nobody.
// Every method may be called by any thread, also several at once. What a call costs depends on where it is made:
//   - within an event of a local client of the same shard, send() gives the message to the shard at once. That is the
//     cheap way, for answers;
//   - anywhere else the message is copied into a batch that the shard takes a moment later. Waking the shard costs a
//     few microseconds, so a batch of many messages costs little for each, and a single message costs the most.
//
// In a child that fork() made, a local client is of no use: its calls do nothing, send() answers kForked, and the
// destructor returns at once.
//
// No exception leaves the library. What an event throws is contained and told to on_exception().
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include "onehop/client_types.h"
#include "onehop/export.h"

namespace onehop {

// What a local client is called, and how much it takes.
struct LocalClientOptions {
  // The name to own, by the rule of client::ClientOptions::name. Empty: the broker makes one.
  std::string name = {};
  // What the program is, for lists of clients and logs: UTF-8 of at most 1 KiB.
  std::string software = "local";
  // Credentials, opaque bytes of at most 14 KiB; empty: none. A local client cannot renew them: if they end, it ends.
  std::string token = {};
  client::OnConflict on_conflict = client::OnConflict::kReject;
  // The largest message to receive, as its frame takes it, at least 16 KiB; senders of larger ones are refused with
  // kTooLarge. 0: the broker's.
  uint32_t frame_bytes_max = 0;
  // How many deliveries may be unacknowledged at the same time. 0: the broker's default.
  uint32_t receive_window = 0;
  client::AckMode ack = client::AckMode::kAuto;
  // How many bytes of messages that were sent outside of events may wait for the shard. A message is accepted as long
  // as fewer wait, so one may exceed the limit; from then on send() answers kWouldBlock.
  uint32_t batch_bytes_max = 256 << 10;
};

class LocalClient;

// The program implements it, and keeps it alive until the client is destroyed.
class ONEHOP_EXPORT LocalClientEvents {
 public:
  // Called by Broker::attach() itself, before any other event: this is the client, which the events may use from now
  // on. It belongs to whoever called attach().
  virtual void on_attached(LocalClient& client) { (void)client; }
  // A message has arrived. `message` is valid during the call. With AckMode::kAuto it is acknowledged when the call has
  // returned, or refused if the call throws.
  virtual void on_message(const client::Message& message) = 0;
  // What became of a message: once for each one with Confirm::kDelivered; for any other only if it is refused, or is
  // kNotSent. When the client ends, a message that the shard has not taken is kNotSent, and a message with
  // Confirm::kDelivered that has no outcome yet is kUnknown. Unlike client::Client, a local client does not repeat what
  // the broker refuses for want of room: the outcome is kRejected, and result.retry_after_ms says when to try again.
  virtual void on_outcome(const client::SendResult& result) { (void)result; }
  // The session is open. Messages may be sent before it; then they wait in the batch.
  virtual void on_open(const client::SessionInfo& session) { (void)session; }
  // A send() answered kWouldBlock since the last on_room(), and trying again makes sense now.
  virtual void on_room() {}
  // The client has ended. No event follows. Called on the shard's thread; but if the client still was there when the
  // broker stopped, on the thread that stopped the broker.
  virtual void on_ended(const client::Ending& ending) { (void)ending; }
  // Another event has thrown this. on_exception() itself must not throw.
  virtual void on_exception(const std::exception_ptr& exception) noexcept { (void)exception; }

 protected:
  ~LocalClientEvents() = default;
};

// Made by Broker::attach(). It may outlive its broker: then it has ended.
class ONEHOP_EXPORT LocalClient {
 public:
  // Ends the client at once and without events; close() it first to learn what became of its messages. Waits for an
  // event of this client that runs on another thread. So two events on different shards must not destroy each other's
  // client at the same time.
  virtual ~LocalClient() = default;

  // Sends `payload` to the client named `to`, or to the topic, as `options.destination` says. Both are copied before it
  // returns. If accepted, `ticket`, where given, is the message's number, as in on_outcome(): rising for each sending
  // thread, from 1.
  //
  // kWouldBlock: the destination is paused, or the batch or a window is full; on_room() follows. Events get the same
  // answer when they have sent 128 KiB in one turn of the shard, because the shard writes only after they return.
  // SendOptions::unknown_patience_ms does not hold here: nothing waits for names.
  virtual client::SendStatus send(std::string_view to, std::string_view payload,
                                  const client::SendOptions& options = {}, uint64_t* ticket = nullptr) = 0;

  // With AckMode::kManual: says that the program has taken a delivery, or all up to it that have no verdict yet, or
  // that it refuses one; in any order. For a tag that already has a verdict these do nothing.
  virtual void acknowledge(client::DeliveryTag tag) = 0;
  virtual void acknowledge_up_to(client::DeliveryTag tag) = 0;
  virtual void refuse(client::DeliveryTag tag, const client::Refusal& refusal) = 0;

  // Whether messages are handed out, which is so from the beginning. While they are not, they wait in the broker, which
  // then pauses those who send them, and refuses more. What the broker tells the client waits with them: outcomes, too.
  virtual void set_reading(bool reading) = 0;

  // Accepts no more messages. When each has its outcome, says goodbye and ends with on_ended(). If that takes longer
  // than `deadline_ms` milliseconds (0: no limit), it ends all the same. Returns at once.
  virtual void close(uint64_t deadline_ms) = 0;

  // The shard where the client lives, from 0 to Broker::shards() - 1.
  virtual unsigned home() const = 0;
};

}  // namespace onehop
