// PendingAnswer, and the handles that embedders get: see the headers.
#include "server/pending_answer.h"

#include <utility>

#include "onehop/hooks.h"
#include "server/shard_host.h"

namespace onehop {

AuthenticateAnswer::AuthenticateAnswer(std::shared_ptr<server::PendingAnswer> pending) : pending_(std::move(pending)) {}

void AuthenticateAnswer::accept(std::string_view principal, uint64_t permissions, uint64_t expires_in_ms) const {
  server::HookVerdict verdict;
  verdict.decided = verdict.accepted = true;
  verdict.principal = principal;
  verdict.permissions = permissions;
  verdict.expires_in_ms = expires_in_ms;
  if (pending_ != nullptr) pending_->give(std::move(verdict));
}

void AuthenticateAnswer::refuse(Code code, std::string_view text, uint32_t retry_after_ms) const {
  server::HookVerdict verdict;
  verdict.decided = true;
  verdict.code = code;
  verdict.text = text;
  verdict.retry_after_ms = retry_after_ms;
  if (pending_ != nullptr) pending_->give(std::move(verdict));
}

AuthorizeAnswer::AuthorizeAnswer(std::shared_ptr<server::PendingAnswer> pending) : pending_(std::move(pending)) {}

void AuthorizeAnswer::allow() const {
  server::HookVerdict verdict;
  verdict.decided = verdict.accepted = true;
  if (pending_ != nullptr) pending_->give(std::move(verdict));
}

void AuthorizeAnswer::deny() const {
  server::HookVerdict verdict;
  verdict.decided = true;
  if (pending_ != nullptr) pending_->give(std::move(verdict));
}

namespace server {

void AnswerBox::post(core::Ticket ticket, HookVerdict verdict) {
  const std::lock_guard lock(mutex_);
  if (mailbox_ == nullptr) return;
  mailbox_->post(Inquiry{[ticket, given = std::move(verdict)](ShardHost& host) { host.take_verdict(ticket, given); }});
}

void AnswerBox::close() {
  const std::lock_guard lock(mutex_);
  mailbox_ = nullptr;
}

void PendingAnswer::give(HookVerdict verdict) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(given_, true)) return;
    if (!awaited_) {
      at_once_ = std::move(verdict);
      return;
    }
  }
  box_->post(ticket_, std::move(verdict));
}

std::optional<HookVerdict> PendingAnswer::take_or_wait() {
  const std::lock_guard lock(mutex_);
  awaited_ = true;
  return std::move(at_once_);
}

}  // namespace server
}  // namespace onehop
