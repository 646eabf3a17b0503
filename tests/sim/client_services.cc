// Client: what it does with services.
#include "sim/client.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {

void Client::change_service() {
  if (!world_.oracle.session_of(connection_).uses_topics) return;
  const uint32_t service = random_.below(ServiceOracle::kServed);
  const std::string& name = ServiceOracle::services()[service];
  const bool serves = random_.chance(world_.scenario.serves_permille);
  if (serves) {
    v1::Subscribe& subscribe = *out_.mutable_subscribe();
    subscribe.Clear();
    subscribe.set_service(name);
    subscribe.set_ref(world_.oracle.services().subscribes(connection_, service));
  } else {
    v1::Unsubscribe& unsubscribe = *out_.mutable_unsubscribe();
    unsubscribe.Clear();
    unsubscribe.set_service(name);
    unsubscribe.set_ref(world_.oracle.services().unsubscribes(connection_, service));
  }
  append_frame(outbox_, out_);
  if (world_.verbose) {
    std::printf("             connection %u %s %s\n", connection_, serves ? "serves" : "does not serve any more",
                name.c_str());
  }
}

void Client::send_to_services(uint32_t count, uint32_t size) {
  services_paused_until_us_.resize(ServiceOracle::kServed);
  const uint32_t service = random_.below(ServiceOracle::kServed);
  for (uint32_t i = 0; i < count && world_.messages_left != 0; ++i) {
    if (obeys_pause_ && services_paused_until_us_[service] > world_.now_us()) return;
    send_to_service(service, random_.chance(600) ? size : pick_size());
  }
}

void Client::send_to_service(uint32_t service, uint32_t size) {
  v1::Message& message = *out_.mutable_message();
  message.Clear();
  message.set_service(ServiceOracle::services()[service]);
  SentMessage sent;
  sent.service = service;
  if (random_.chance(800)) sent.id = ++memory_.last_id;
  if (sent.id != 0 && may_confirm(size)) {
    sent.confirmed = true;
    message.set_confirm(v1::CONFIRM_DELIVERED);
  }
  add_ttl(message, sent);
  if (random_.chance(world_.scenario.retry_permille)) {
    message.set_retry_attempted(true);
    sent.retries = sent.confirmed && world_.oracle.session_of(connection_).uses_topics;
  }
  mark_request(message, sent);
  --world_.messages_left;
  send_message(message, sent, size);
}

void Client::take_service_flow(const v1::Flow& flow) {
  const std::vector<std::string>& all = ServiceOracle::services();
  uint32_t service = 0;
  while (service < ServiceOracle::kServed && all[service] != flow.service()) ++service;
  if (service == ServiceOracle::kServed) return world_.oracle.fail(connection_, "a Flow for a service nobody serves");
  const Link::Mark mark = world_.network.mark(connection_, parsed_);
  world_.oracle.services().flow(connection_, service, flow, mark.at_us, mark.unblocked);
  services_paused_until_us_.resize(ServiceOracle::kServed);
  const bool pauses = flow.state() == v1::STATE_PAUSE;
  services_paused_until_us_[service] = pauses ? world_.now_us() + flow.retry_after_ms() * 1000ull : 0;
}

}  // namespace onehop::sim
