// See the header.
#include "client/requests.h"

namespace onehop::client {
namespace {

void tell(const RequestCompletion& done, const RequestResult& result) {
  if (done) done(result);
}

}  // namespace

void Requests::on_outcome(const SendResult& result, RequestCompletion done) {
  const auto early = early_.extract(result.ticket);
  if (!early.empty()) return tell(done, {result, true, std::move(early.mapped())});
  if (result.outcome != Outcome::kReplied) return tell(done, {.sent = result});
  waiting_.try_emplace(result.ticket, Waiting{result, std::move(done)});
}

void Requests::on_reply(uint64_t ticket, const Message& reply) {
  const auto waiting = waiting_.extract(ticket);
  if (waiting.empty()) {
    early_.try_emplace(ticket, reply);
  } else {
    tell(waiting.mapped().done, {waiting.mapped().sent, true, OwnedMessage(reply)});
  }
}

void Requests::on_no_reply(uint64_t ticket) {
  const auto waiting = waiting_.extract(ticket);
  if (!waiting.empty()) tell(waiting.mapped().done, {.sent = waiting.mapped().sent});
}

}  // namespace onehop::client
