// A local client without threads: all that lies between a program's calls and events and the seam of a shard.
//
// What the program sends goes to ShardInputs::submit. What the shard writes lies in the inbox until the host calls
// deliver(), because the shard must not be called while it writes. What the program says about deliveries is gathered,
// and told by say(), a frame for many.
//
// Everything is called on the shard's thread. begin(), send(), submit(), deliver() and say() call into the shard, so
// they are not to be called from within one of its calls; events come from deliver() and end() only.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/shard/seam.h"
#include "core/wire/message_scan.h"
#include "local/departure.h"
#include "local/inbox.h"
#include "local/pauses.h"
#include "local/room.h"
#include "local/send_window.h"
#include "message/receiver.h"
#include "onehop/local_client.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::local {

// How many bytes of messages a client may submit between two flushes. Only a flush empties the recipients' queues and
// tells the client of pauses, so with more than this a pause would come too late.
inline constexpr size_t kUnflushedBytesMax = 128 << 10;

class Endpoint {
 public:
  // `shard` and `events` outlive this.
  Endpoint(core::ShardInputs& shard, LocalClientOptions options, LocalClientEvents& events);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // `option: why`, or nothing. ANY THREAD.
  static std::string what_is_wrong_with(const LocalClientOptions& options);

  // Begins the link, which `host` names.
  void begin(core::HostLink host, core::Instant now);

  // A message with an id that is above all before. kAccepted: the shard has it, or its outcome is on its way.
  client::SendStatus send(uint64_t id, core::Bytes to, core::Bytes payload, const client::SendOptions& options,
                          core::Instant now);
  // The same of one that append_message() has written. It does not look at pauses: it was sent before they were known.
  client::SendStatus submit(uint64_t id, core::Bytes body, core::Instant now);
  // Writes a message as submit() takes it behind `out`. False, and nothing is written: it breaks a rule. ANY THREAD.
  static bool append_message(uint64_t id, core::Bytes to, core::Bytes payload, const client::SendOptions& options,
                             std::string& out);

  // Of the frame around a message of this size.
  static size_t frame_bytes(size_t body_bytes) { return 1 + core::varint_size(body_bytes) + body_bytes; }

  void acknowledge(client::DeliveryTag tag) { receiver_.take(tag); }
  void acknowledge_up_to(client::DeliveryTag tag) { receiver_.take_up_to(tag); }
  void refuse(client::DeliveryTag tag, const client::Refusal& refusal) { receiver_.refuse(tag, refusal); }
  void set_reading(bool reading) { reading_ = reading; }
  // The program sends no more. The session ends when everything has its outcome, at the latest at `deadline`.
  void close(core::Instant deadline) { departure_.begin(deadline); }
  // No event is told from now on.
  void mute();
  // The session ends now.
  void abandon(core::Instant now);

  // As core::Host, of this link.
  size_t write(std::span<const core::Iov> pieces) {
    delivered_all_ = false;
    return inbox_.take(pieces);
  }
  void set_link_reading(bool reading) { link_reading_ = reading; }
  void link_closed() { link_closed_ = true; }

  // After a flush: hands out what has come. True if a message was not taken (kWouldBlock) since the last true, and the
  // reason for it is gone.
  bool deliver(core::Instant now);
  // Whether the link has ended, and all that came through it has been handed out.
  bool is_over() const { return link_closed_ && delivered_all_; }
  // Then: tells the program what became of its messages, and that this is the end. Also if the host goes before that.
  void end();
  // Tells the shard what the program has said. `all_sent`: nothing of the program's waits to be submitted.
  void say(bool all_sent, core::Instant now);
  // When deliver() and say() are due again, if nothing comes in between.
  core::Instant due() const;

  // Whether there is more to do after the next flush: more may be submitted, or it has ended its link itself.
  bool waits_for_turn() const { return waits_for_flush() || link_closed_; }
  // Tells the program of something that the host knows.
  void tell_room();
  void tell_outcome(const client::SendResult& result);
  // Whether the program may send: neither it nor the broker has begun to end this.
  bool accepts() const { return !departure_.begun() && !link_closed_ && state_ != State::kEnded; }
  const Pauses& pauses() const { return pauses_; }
  // Changes with the pauses.
  uint64_t pauses_version() const { return pauses_version_; }

 private:
  enum class State : uint8_t {
    kConnecting,
    kOpen,
    kLeft,   // It has said goodbye.
    kEnded,  // The program has been told.
  };

  client::SendStatus submit(const core::ScannedMessage& scanned, core::Bytes body, core::Instant now);
  bool waits_for_flush() const { return unflushed_bytes_ >= kUnflushedBytesMax; }
  // Whether the shard takes messages of this client.
  bool submits() const { return state_ == State::kOpen && link_reading_ && !waits_for_flush(); }
  void take_frame(core::Bytes frame, core::Instant now);
  void take_connected(core::Bytes body);
  void take_message(core::Bytes body, core::Instant now);
  void take_receipts(core::Bytes body);
  void take_flow(core::Bytes body, core::Instant now);
  void take_pong(core::Bytes body);
  void take_goodbye(core::Bytes body);
  bool may_say() const;
  void tell_verdicts(core::Instant now);
  void write_to_shard(const v1::Frame& frame, core::Instant now);
  void leave(core::Instant now);
  void cut_off(core::Instant now);
  template <typename Event>
  bool tell(Event event);

  core::ShardInputs& shard_;
  const LocalClientOptions options_;
  LocalClientEvents* events_;
  core::LinkId link_;
  State state_ = State::kConnecting;
  bool reading_ = true;
  bool link_reading_ = true;
  bool link_closed_ = false;
  bool delivered_all_ = false;
  Inbox inbox_;

  // As a sender.
  SendWindow window_;
  Pauses pauses_;
  uint64_t pauses_version_ = 0;
  Room room_;
  size_t unflushed_bytes_ = 0;
  uint64_t frame_bytes_max_ = 0;
  uint64_t receipts_seen_ = 0;
  uint64_t receipts_acknowledged_ = 0;
  std::vector<char> body_;  // Scratch of send().

  // As a recipient.
  client::Receiver receiver_;
  uint32_t ttl_ms_max_ = 0;
  std::vector<client::Header> headers_;
  v1::Frame frame_;  // Scratch of what is told and read.
  std::optional<uint64_t> pong_owed_;

  Departure departure_;
  uint32_t keepalive_ms_ = 0;
  core::Instant heard_at_;  // When the shard last heard of this client.
};

}  // namespace onehop::local
