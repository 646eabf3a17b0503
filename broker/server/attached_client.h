// What the program holds of a local client.
#pragma once

#include <memory>

#include "onehop/local_client.h"
#include "server/local_link.h"

namespace onehop::server {

std::unique_ptr<LocalClient> attached(std::shared_ptr<LocalLink> link);

}  // namespace onehop::server
