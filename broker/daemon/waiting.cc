// See the header.
#include "daemon/waiting.h"

#include <algorithm>
#include <vector>

namespace onehop::daemon {
namespace {

constexpr size_t kNamesMax = 3;

std::string counted(uint64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

Waiting waiting_for(const ClientPage& page) {
  std::vector<const ClientInfo*> clients;
  Waiting waiting;
  for (const ClientInfo& client : page.clients) {
    if (!client.connected) continue;
    clients.push_back(&client);
    waiting.unacknowledged += client.unacknowledged;
  }
  waiting.clients = clients.size() + (page.found - page.clients.size());
  std::stable_sort(clients.begin(), clients.end(),
                   [](const ClientInfo* a, const ClientInfo* b) { return a->unacknowledged > b->unacknowledged; });
  if (clients.size() > kNamesMax) clients.resize(kNamesMax);
  std::string& text = waiting.text;
  text = waiting.clients == 0 ? "waits for the last connections to close" : "waits for ";
  for (const ClientInfo* client : clients) text += (client == clients.front() ? "" : ", ") + client->name;
  const uint64_t more = waiting.clients - clients.size();
  if (more != 0) text += " and " + std::to_string(more) + " more";
  const bool all_counted = page.found == page.clients.size();
  text += all_counted ? "; " : "; at least ";
  text += counted(waiting.unacknowledged, "message") + (waiting.unacknowledged == 1 ? " is" : " are");
  text += " unacknowledged; a second signal does not wait";
  return waiting;
}

}  // namespace onehop::daemon
