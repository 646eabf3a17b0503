// The limits of core. Limits are configuration: a host sets them when it makes a shard, and may change most of them
// later (ShardInputs::set_limits). The constants below them are tunables of the implementation, each with its reason.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace onehop::core {

struct Limits {
  // The largest frame a client may send, as its length-prefix value. 16 KiB to 64 MiB.
  uint32_t frame_bytes_max = 1 << 20;
  // What may be queued for one client: what its socket has not taken yet and what waits behind that in its backlog. At
  // least 4 × frame_bytes_max.
  uint32_t queue_bytes_max = 4 << 20;
  // What all shards of the process may hold together: see memory_ledger.h.
  uint64_t memory_bytes_max = uint64_t{1} << 30;
  // What one client may send: so many a second, and so many at once; 0: no limit, and as many as in one second.
  uint32_t messages_per_second = 0;
  uint32_t messages_burst = 0;
  uint64_t bytes_per_second = 0;
  uint64_t bytes_burst = 0;
  // After about so long a connection is told to connect anew; 0: never.
  uint32_t connection_age_ms_max = 0;
  // A client's keepalive is clamped to this range; 0 in Connect means the default.
  uint32_t keepalive_ms_default = 30'000;
  uint32_t keepalive_ms_min = 1'000;
  uint32_t keepalive_ms_max = 600'000;
  // A frame begun must be finished within this time.
  uint32_t frame_deadline_ms = 30'000;
  // A connection that has refused bytes takes none for so long while its queue is over the high mark: SLOW_CONSUMER.
  uint32_t slow_consumer_ms = 10'000;
  // How long PAUSE holds if no RESUME comes, and when a refused sender may try again; each sender's is jittered.
  uint32_t pause_lease_ms = 1'000;
  // How many senders one recipient tells to pause at a time; others are refused without having been told.
  uint32_t senders_max = 1'024;
  // The ceiling of a message's ttl.
  uint32_t ttl_ms_max = 3'600'000;
  // Open confirmed messages of one sender, with the outcomes whose receipts it has not acknowledged; and the sum of the
  // frames of the open ones.
  uint32_t send_window = 4'096;
  uint32_t send_window_bytes = 8 << 20;
  // Deliveries that one recipient may leave unsettled: by count, for recipients that ask for none, and by bytes.
  uint32_t receive_window_default = 1'024;
  uint32_t receive_window_max = 65'535;  // No more: a session keeps 16 bits.
  uint32_t receive_window_bytes = 4 << 20;
  // A recipient that settles nothing for so long while its window is full: SLOW_CONSUMER.
  uint32_t ack_timeout_ms = 300'000;
  // How long a session may outlive its connection, for clients that ask.
  uint32_t session_expiry_ms_max = 86'400'000;
  // For so long after the start, clients of an earlier broker may still be on their way back: UNKNOWN_CLIENT comes with
  // the time to try again. 0: it never does.
  uint32_t start_grace_ms = 0;
  // Sessions one shard holds; the next Connect is answered SERVER_BUSY.
  uint32_t sessions_max = 4'000'000;

  // How many names may wait to be told to one watcher; beyond that it gets new snapshots. At least 4.
  uint32_t presence_names_max = 1'024;

  // The send window's bytes in force: the largest frame fits into it.
  uint32_t send_bytes_max() const { return std::max(send_window_bytes, frame_bytes_max); }
  // Over the high mark senders are told to pause, below the low mark to resume.
  uint32_t high_mark() const { return queue_bytes_max / 4 * 3; }
  uint32_t low_mark() const { return queue_bytes_max / 4; }
};

// The first frame of a connection, and every control frame of a client, is at most this long (wire.md).
inline constexpr uint32_t kControlFrameBytesMax = 16 << 10;
// A recipient's own frame_bytes_max is at least this.
inline constexpr uint32_t kFrameBytesMaxFloor = 16 << 10;
// From the accept to a complete Connect; the host stamps the absolute deadline on the link.
inline constexpr uint32_t kConnectDeadlineMs = 5'000;
// How long the host may take to say whether a message may be sent, or whether new credentials are good. Then the
// message, or the renewal, is refused.
inline constexpr uint32_t kVerdictDeadlineMs = 5'000;
// From the decision to end a connection to the last byte of its goodbye; also how long the host discards after it.
inline constexpr uint32_t kClosingDeadlineMs = 5'000;
// Receipts and flow waiting for one client's socket beyond which that client is not read.
inline constexpr size_t kUnsentControlBytesMax = 64 << 10;
// Output of one connection that is worth a write before the end of the loop's iteration: what a socket buffer takes.
inline constexpr size_t kEarlyFlushBytes = 64 << 10;
// One read (ADR 10): with half of it large messages cost twice as much; with twice, a sender of tiny ones holds its
// shard longer, for nothing.
inline constexpr size_t kReceiveBytes = 128 << 10;
// Bodies from this size on are referenced where they were received instead of copied (ADR 3).
inline constexpr size_t kReferenceBytesMin = 4 << 10;
// What waits in a session's backlog goes to its connection's queue in portions of about this size: enough for a socket,
// little enough not to hold everything twice.
inline constexpr size_t kPumpBytes = 256 << 10;
// A recipient's words in a refusal are cut at this length.
inline constexpr size_t kRefusalTextBytesMax = 256;
// RESUMEs one recipient sends per flush, so that a thousand paused senders do not all fire at once.
inline constexpr uint32_t kResumesPerFlush = 64;
// One message parcel between two shards, and how many of them an ordered pair has: enough to keep both busy, few enough
// that what waits between shards is bounded well below one client's queue.
inline constexpr uint32_t kParcelBytes = 64 << 10;
inline constexpr uint32_t kParcelsPerPair = 8;
// A body that is larger travels beside the parcel in a block of its own, so that any frame fits.
inline constexpr uint32_t kInlineBodyBytesMax = 16 << 10;
// What a connection and a session take though nothing is queued, sent or open, with the host's part of them: about what
// is measured of idle clients.
inline constexpr uint64_t kLinkMemoryBytes = 384;
inline constexpr uint64_t kSessionMemoryBytes = 256;
// Takeovers of one name within a second that are let through; the next is refused.
inline constexpr uint32_t kTakeoversPerSecond = 2;
// What a resume costs its session, as time: a millisecond for each 32 deliveries that it looks at, and one for each 4
// KiB of them. A resume is refused while the session is more than a second behind. So a client that resumes all the
// time takes a small, fixed part of its shard, and a link that flaps or a process that restarts does not notice.
inline constexpr uint64_t kResumedDeliveriesPerMs = 32;
inline constexpr uint64_t kResumedBytesPerMs = 4 << 10;
inline constexpr uint64_t kResumesAheadMs = 1'000;
// Topics and wildcard filters that one session may subscribe to; and how many of its subscriptions may wait at a time
// until other shards know of them.
inline constexpr uint32_t kSubscriptionsMax = 1'024;
// What waits for an instance of a service that is away for longer goes to another one.
inline constexpr uint32_t kInstanceAwayMs = 1'000;
// An instance's work is told to other shards at most so late.
inline constexpr uint32_t kInstanceWorkMs = 10;
// Names and prefixes that one session may watch. A program has a few questions about who is there, and each one that
// matches a change is told of it.
inline constexpr uint32_t kWatchesMax = 64;
// Whose name another connection asks for must be heard within this time, or its connection ends.
inline constexpr uint32_t kContestMs = 3'000;
// A recipient that holds no more than this is served while memory is short (memory_ledger.h).
inline constexpr uint64_t kModestBytesMax = 64 << 10;
// A client that sends more control frames than this in one read is read in small portions until it sends fewer, so that
// other clients get their turn in between. Normal clients send far fewer.
inline constexpr uint32_t kManyControlFrames = 256;
inline constexpr size_t kChattyReceiveBytes = 4 << 10;
// A parcel is full when the bodies beside its records take this many bytes.
inline constexpr size_t kAttachedBytesMax = 1 << 20;
inline constexpr uint32_t kProtocolVersion = 1;

// Bits of Connect.features and Connected.features.
inline constexpr uint64_t kFeatureOrderedRefusals = 1;
inline constexpr uint64_t kFeatureRenewal = 2;
inline constexpr uint64_t kFeatureTopics = 4;
inline constexpr uint64_t kFeaturePresence = 8;
inline constexpr uint64_t kFeatureReplies = 16;
inline constexpr uint64_t kFeaturesServed =
    kFeatureOrderedRefusals | kFeatureRenewal | kFeatureTopics | kFeaturePresence | kFeatureReplies;

}  // namespace onehop::core
