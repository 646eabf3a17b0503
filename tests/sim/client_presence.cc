// Client: whom it watches.
#include "sim/client.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {

bool Client::uses_presence() const {
  return world_.scenario.watch_permille != 0 && world_.oracle.session_of(connection_).uses_presence;
}

void Client::change_watch() {
  constexpr size_t kWatchesAtOnce = 8;
  PresenceOracle& oracle = world_.oracle.presence();
  const uint32_t pattern = random_.below(static_cast<uint32_t>(PresenceOracle::patterns().size()));
  const std::vector<uint64_t> refs = oracle.refs_of(world_.oracle.session_of(connection_).index);
  v1::Watch& watch = *out_.mutable_watch();
  watch.Clear();
  const bool is_new = refs.empty() || (refs.size() < kWatchesAtOnce && random_.chance(600));
  if (!is_new) watch.set_ref(refs[random_.below(static_cast<uint32_t>(refs.size()))]);
  if (!is_new && random_.chance(600)) {
    watch.set_stop(true);
    oracle.stops(connection_, watch.ref());
  } else {
    const PresenceOracle::Pattern& wanted = PresenceOracle::patterns()[pattern];
    if (wanted.is_prefix) {
      watch.set_prefix(wanted.text);
    } else {
      watch.set_name(wanted.text);
    }
    if (is_new) {
      watch.set_ref(oracle.watches(connection_, pattern));
    } else {
      oracle.replaces(connection_, watch.ref(), pattern);
    }
  }
  append_frame(outbox_, out_);
  if (!world_.verbose) return;
  std::printf("             connection %u watch %llu: %s\n", connection_, static_cast<unsigned long long>(watch.ref()),
              watch.stop() ? "stop" : PresenceOracle::patterns()[pattern].text.c_str());
}

}  // namespace onehop::sim
