// What the program holds of a local client.
#pragma once

#include <memory>
#include <string>

#include "onehop/local_client.h"
#include "server/local_clients.h"

namespace onehop::server {

// A client of the shard whose local clients these are, as Broker::attach().
std::unique_ptr<LocalClient> attach(LocalClients& locals, const LocalClientOptions& options, LocalClientEvents& events,
                                    std::string& error);

}  // namespace onehop::server
