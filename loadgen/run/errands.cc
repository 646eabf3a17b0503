// See the header.
#include "loadgen/run/errands.h"

#include "loadgen/run/client.h"

namespace onehop::loadgen {

void Errands::flush_all(uint64_t now_ns) {
  while (!to_flush_.empty()) {
    flushing_.swap(to_flush_);
    for (Client* client : flushing_) client->flush(now_ns);
    flushing_.clear();
  }
}

void Errands::tick_all(uint64_t now_ns) {
  std::vector<Client*> to_tick;
  to_tick.swap(to_tick_);
  for (Client* client : to_tick) {
    if (client->tick(now_ns)) to_tick_.push_back(client);
  }
}

void Errands::forget_gone() {
  const auto is_gone = [](const Client* client) { return client->is_gone(); };
  std::erase_if(to_tick_, is_gone);
  std::erase_if(to_flush_, is_gone);
}

}  // namespace onehop::loadgen
