// What a run provoked, counted: a simulator that stops provoking something has stopped testing it, and says so.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace onehop::sim {

enum class Provoked : uint8_t {
  kMessage,
  kDelivered,
  kSentToItself,
  kWithoutId,
  kPause,
  kPauseIgnored,
  kResume,
  kQueueFull,
  kGateRefused,
  kGateOpened,
  kRepeated,
  kTooManySessions,
  kEvicted,
  kContestLost,
  kAwayFull,
  kUnknownClient,
  kTooLarge,
  kBrokerBusy,
  kUnsupported,
  kStaleSession,
  kTakeover,
  kTakeoverDamped,
  kNameInUse,
  kMadeName,
  kSlowConsumer,
  kKeepaliveTimeout,
  kConnectTimeout,
  kFrameDeadline,
  kPong,
  kBrokerPing,
  kCreditStall,
  kReadingStopped,
  kHandOver,
  kHandOverPipelined,
  kAskAcceptedLate,
  kAskRefusedLate,
  kAskRefused,
  kAnswerTooLate,
  kCutToBroker,
  kCutToClient,
  kReset,
  kHalfClose,
  kHalfCloseAnswered,
  kVanished,
  kClosedAtOnce,
  kGoodbye,
  kGoodbyeOther,
  kProtocolError,
  kFrameTooLarge,
  kGarbage,
  kShuttingDown,
  kPartialWrite,
  kByteRead,
  kLost,
  kConfirmed,
  kOutcome,
  kTaken,
  kRefusedByRecipient,
  kExpiredAttempted,
  kExpiredNotAttempted,
  kLostAttempted,
  kLostNotAttempted,
  kRedelivered,
  kRepeatedAfterResume,
  kReceiptsRepeated,
  kReceiveWindowFull,
  kSendWindowFull,
  kQuotaExceeded,
  kAckTimeout,
  kStaleAck,
  kDetached,
  kResumed,
  kResumedWithElder,
  kRestarted,
  kAttemptTooLow,
  kTokenWrong,
  kTokenTooLate,
  kSessionExpired,
  kTakeoverAway,
  kGateRefusedConfirmed,
  kAnnounced,
  kDrainAnswered,
  kRateLimited,
  kMemoryRefused,
  kMemoryEnded,
  kAged,
  kCredentialsExpired,
  kRenewed,
  kRenewalRefused,
  kRenewedTooEarly,
  kRevoked,
  kRevokedAway,
  kPolicyUnsure,
  kSubscribed,
  kUnsubscribed,
  kTopicMessage,
  kTopicDelivered,
  kNobodyThere,
  kSkipped,
  kPartial,
  kReachedMany,
  kWatched,
  kWatchReplaced,
  kWatchStopped,
  kSnapshot,
  kSnapshotAfterResume,
  kSnapshotAfterOverflow,
  kToldThere,
  kToldDown,
  kPictureChecked,
  kCount,
};

inline constexpr size_t kProvoked = static_cast<size_t>(Provoked::kCount);

class Coverage {
 public:
  void add(Provoked what) { ++counts_[static_cast<size_t>(what)]; }
  void add(const Coverage& other);
  uint64_t of(Provoked what) const { return counts_[static_cast<size_t>(what)]; }

 private:
  std::array<uint64_t, kProvoked> counts_{};
};

const char* name_of(Provoked what);

}  // namespace onehop::sim
