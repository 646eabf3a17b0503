// Bugs planted on purpose, for the simulator to find. In the broker ONEHOP_PLANTED(kBug) is false and leaves no trace;
// in the copy of core that tests/sim builds it is true for the one bug that the test has switched on.
#pragma once

#ifdef ONEHOP_PLANTED_BUGS

namespace onehop::core {

// One thread and one run at a time: the switch is plain.
enum class Planted {
  kNone,
  kEpochNotChecked,
  kGateOpenedByResume,
  kGateNotClosed,
  kGateOutlivesOpening,
  kRefusalToldTwice,
  kRefusalForgotten,
  kReceiptToNewcomer,
  kPongWithoutBarrier,
  kControlForgotten,
  kPauseEachMessage,
  kPauseAtLowMark,
  kCreditLost,
  kParcelsReversed,
  kHandOverDropsPipelined,
  kPartialWriteRepeated,
  kGoodbyeWithinFrame,
  kDestinationStale,
  kBlockReused,
  kOwnLimitIgnored,
  kTakeoverNotDamped,
  kDeadTooEarly,
  kFailureForgotten,
  kSessionNumberReused,
  kWaitForgotten,
  kQueueUnbounded,
  kSlowConsumerForgotten,
  kResumeForgotten,
  kOutcomeToldTwice,
  kReceiptsNotRepeated,
  kReceivedUpToIgnored,
  kNotRedelivered,
  kRedeliveredBackwards,
  kExpiredStays,
  kStaleAckTaken,
  kRefusalLast,
  kAttemptNotCompared,
  kNeverExpires,
  kLostNotTold,
  kLastIdForgotten,
  kRepeatNotSkipped,
  kSlotFreedAtExpiry,
  kElderKeepsSession,
  kGateLostOnDetach,
  kSlotKept,
  kTokenNotCompared,
  kAttemptedForgotten,
  kTtlStandsWhileAway,
  kSendWindowIgnored,
  kVerdictsInConnectLost,
  kGoodbyeFirst,
  kGoodbyeDetaches,
  kFatesMerged,
  kReceiveWindowIgnored,
  kUnconfirmedOvertakes,
  kExpiryOutlivesResume,
  kAckTimeoutForgotten,
  kDrainAdmits,
  kDrainForgetsAway,
  kDrainKeepsLost,
  kDrainIgnoresAcks,
  kDrainGoodbyeEndsLink,
  kRateIgnored,
  kRefusedTakesRate,
  kMemoryKept,
  kWrongOneEnded,
  kCount,
};

inline Planted planted_bug = Planted::kNone;

}  // namespace onehop::core

#define ONEHOP_PLANTED(bug) (::onehop::core::planted_bug == ::onehop::core::Planted::bug)

#else

#define ONEHOP_PLANTED(bug) false

#endif
