// The answer of a hook of the embedder's on its way to the shard that waits for it. It may be given at once, or later
// from any thread, or never, and the shard may be gone by then.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/ids.h"
#include "onehop/codes.h"
#include "reactor/mailbox.h"
#include "server/shard_mail.h"

namespace onehop::server {

// What a hook has said.
struct HookVerdict {
  bool decided = false;  // If not, the hook cannot say.
  bool accepted = false;
  std::string principal;
  uint64_t permissions = 0;
  uint64_t expires_in_ms = 0;  // 0: the credentials do not end.
  // Of a connection that is refused.
  Code code = Code::kNone;
  std::string text;
  uint32_t retry_after_ms = 0;
};

// Where answers that come later are put. ANY THREAD.
class AnswerBox {
 public:
  // `mailbox` must be there until close().
  explicit AnswerBox(reactor::Mailbox<ShardMail>& mailbox) : mailbox_(&mailbox) {}
  void post(core::Ticket ticket, HookVerdict verdict);
  // What is posted from now on goes nowhere.
  void close();

 private:
  std::mutex mutex_;
  reactor::Mailbox<ShardMail>* mailbox_;
};

// Shared by all copies of an answer handle. ANY THREAD, but where it says otherwise.
class PendingAnswer {
 public:
  PendingAnswer(std::shared_ptr<AnswerBox> box, core::Ticket ticket) : box_(std::move(box)), ticket_(ticket) {}
  PendingAnswer(const PendingAnswer&) = delete;
  PendingAnswer& operator=(const PendingAnswer&) = delete;
  // The last handle is gone.
  ~PendingAnswer() { give({}); }

  // Only the first counts.
  void give(HookVerdict verdict);
  // On the shard's thread, when the hook has returned: its answer, if it is there. If not, it will go to the box.
  std::optional<HookVerdict> take_or_wait();

 private:
  const std::shared_ptr<AnswerBox> box_;
  const core::Ticket ticket_;
  std::mutex mutex_;
  bool given_ = false;
  bool awaited_ = false;  // The hook has returned.
  std::optional<HookVerdict> at_once_;
};

}  // namespace onehop::server
