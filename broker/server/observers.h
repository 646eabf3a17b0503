// Tells the embedder which clients have come and gone. A shard's thread only.
//
// Invariant: whoever was told of by on_connect, and not yet by on_disconnect, is in `here_`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "core/shard/seam.h"
#include "onehop/hooks.h"
#include "server/handlers.h"
#include "server/hook_desk.h"

namespace onehop::server {

class Observers {
 public:
  // `handlers` outlives this.
  Observers(core::ShardIndex shard, Handlers& handlers) : shard_(shard), handlers_(handlers) {}

  bool wanted() const { return handlers_.hooks().on_connect || handlers_.hooks().on_disconnect; }
  // If wanted.
  void note(const core::Event& event, std::string_view peer, const HookDesk::Identity& identity) {
    using Kind = core::Event::Kind;
    const bool resumed = event.kind == Kind::kSessionResumed;
    if (resumed || event.kind == Kind::kSessionOpened) {
      here_[event.session] = {std::string(peer), resumed};
      const auto& on_connect = handlers_.hooks().on_connect;
      const ConnectedClient client = told(event, here_[event.session], identity);
      if (on_connect) handlers_.call(Handler::kOnConnect, [&] { on_connect(client); });
      return;
    }
    // The end of a connection is noted, then that of its session, if that ends as well.
    const bool ends = event.kind == Kind::kConnectionEnded || event.kind == Kind::kSessionDetached ||
                      event.kind == Kind::kSessionEnded || event.kind == Kind::kTakenOver;
    const auto found = ends ? here_.find(event.session) : here_.end();
    if (found == here_.end()) return;
    const Here here = std::move(found->second);
    here_.erase(found);
    const auto& on_disconnect = handlers_.hooks().on_disconnect;
    const ConnectedClient client = told(event, here, identity);
    if (!on_disconnect) return;
    handlers_.call(Handler::kOnDisconnect, [&] { on_disconnect(client, static_cast<Code>(event.code), event.text); });
  }

 private:
  struct Here {
    std::string peer;  // The kernel does not know it any more when the connection has gone.
    bool resumed = false;
  };

  ConnectedClient told(const core::Event& event, const Here& here, const HookDesk::Identity& identity) const {
    return {event.name, identity.text(), identity.permissions, here.peer, event.session, shard_, here.resumed};
  }

  const core::ShardIndex shard_;
  Handlers& handlers_;
  absl::flat_hash_map<uint64_t, Here> here_;  // By session.
};

}  // namespace onehop::server
