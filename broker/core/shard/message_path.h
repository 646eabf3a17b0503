// MessagePath: the path of a message to its recipient's queue. It begins in the bytes of the sender's connection, in a
// call of a local client, or in another shard's parcel. Every refusal at admission is decided here.
//
//   decode   frames are found in the bytes of a link
//   submit   checks id and send window for the session; from here on the source of the message does not matter
//   route    which shard is the recipient's home
//   admit    there: deliver or refuse
//   deliver  into the queue of the recipient's connection, or into its backlog
//
// All of it is one file, so that it inlines (ADR 10).
#pragma once

#include <cstdint>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/crossing/parcel.h"
#include "core/session/session.h"
#include "core/shard/permissions.h"
#include "core/shard/seam.h"
#include "core/wire/control_frames.h"
#include "core/wire/delivery.h"
#include "core/wire/frame_decoder.h"
#include "core/wire/routed_message.h"

namespace onehop::core {

struct ShardParts;

class MessagePath {
 public:
  explicit MessagePath(ShardParts& shard) : shard_(shard) {}
  MessagePath(const MessagePath&) = delete;
  MessagePath& operator=(const MessagePath&) = delete;

  // What a link has received, and what it had received before and not decoded.
  void decode(LinkId id, Link& link, Input in);
  // Takes a message of an open link that does not wait (Link::waits). See ShardInputs::submit.
  Submitted submit(LinkId id, Link& link, const ScannedMessage& scanned, Bytes body);
  // Out of another shard's parcel: the message in front of `rest`, and those right behind it.
  void take_message(const Parcel& parcel, Bytes& rest);
  // A message for a subscriber of its topic or an instance of its service, as admit() admits it. But nobody is told to
  // pause, and there is no gate. Returns why there is no room for it, or nothing if it was delivered.
  v1::Reason deliver_copy(const RoutedMessage& message, SessionId id, Session& recipient);

 private:
  struct Submission {
    Submitted result = Submitted::kTaken;
    Farewell farewell{};  // Only with kEnds.
  };

  // Whether a message is to go the way of messages to clients.
  enum class Way : uint8_t {
    kGoesOn,
    kDone,
    kWaits,
  };

  // What the handling of a frame may ask of the decode loop.
  enum class Handled : uint8_t {
    kDone,
    kWaits,  // Put it back; the link waits.
  };

  // These take the parts as an argument, so that the compiler keeps the reference in a register along the path.
  static void decode_frames(ShardParts& shard, LinkId id, Link& link, Input in);
  static void note_partial(ShardParts& shard, LinkId id, Link& link, bool got_frame);
  static Handled handle_frame(ShardParts& shard, LinkId id, Link& link, const FrameView& frame);
  static Handled handle_message(ShardParts& shard, LinkId id, Link& link, Session& session, const FrameView& frame,
                                Bytes body);
  // kWaits: there is no credit for the home of the destination, or the host has not said whether it may be sent.
  static Submission submit(ShardParts& shard, SessionId id, Session& session, RoutedMessage& message);
  static Submission ends(v1::Code code, Bytes text) { return {Submitted::kEnds, {code, text, 0}}; }
  static void wait(ShardParts& shard, LinkId id, Link& link, const Session& session);
  static bool within_send_window(ShardParts& shard, const Sending& sending, size_t frame_bytes);
  static bool route(ShardParts& shard, Sending& sending, RoutedMessage& message);
  // Out of line, because most messages do not come here.
  [[gnu::noinline]] static Way look_closer(ShardParts& shard, Sending& sending, RoutedMessage& message);
  [[gnu::noinline]] static Permissions::Verdict look_up(ShardParts& shard, Sending& sending,
                                                        const RoutedMessage& message);
  static Permissions::Verdict may_send(ShardParts& shard, Sending& sending, const RoutedMessage& message);
  static void admit(ShardParts& shard, const RoutedMessage& message, SessionId destination, Session* recipient);
  static void refuse_unknown(ShardParts& shard, const RoutedMessage& message);
  static bool admit_under_pressure(ShardParts& shard, const RoutedMessage& message, SessionId id, Session& recipient,
                                   size_t queued_bytes);
  static void deliver(ShardParts& shard, const RoutedMessage& message, Delivery& delivery, SessionId id,
                      Session& recipient, Link* link);

  ShardParts& shard_;
  // The message being routed. Every member is set for each message; clearing a new one first took as long as a third of
  // the routing.
  RoutedMessage message_;
};

}  // namespace onehop::core
