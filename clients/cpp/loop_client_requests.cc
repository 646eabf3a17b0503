// What a client on the caller's loop does for services and requests.
#include <utility>

#include "client/loop_client_impl.h"
#include "client/request_events.h"

namespace onehop::client {

SendStatus LoopClient::serve(std::string_view service) {
  return impl_->use_engine([&] { return impl_->engine().serve(service); });
}

SendStatus LoopClient::unserve(std::string_view service) {
  return impl_->use_engine([&] { return impl_->engine().unserve(service); });
}

SendStatus LoopClient::request(std::string_view to, std::string_view payload, SendOptions options,
                               RequestCompletion done) {
  options.wants_reply = true;
  options.confirm = Confirm::kDelivered;
  uint64_t ticket = 0;
  const SendStatus status = send(to, payload, options, &ticket);
  if (status == SendStatus::kAccepted) events_->add(ticket, std::move(done));
  return status;
}

}  // namespace onehop::client
