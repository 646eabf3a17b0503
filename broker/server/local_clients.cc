// LocalClients: see the header.
#include "server/local_clients.h"

#include <algorithm>
#include <utility>

namespace onehop::server {
std::shared_ptr<LocalLink> LocalClients::make(LocalClientOptions options, LocalClientEvents& events) {
  auto link =
      std::make_shared<LocalLink>(static_cast<LocalHost&>(*this), shard_, frame_bytes_max_, std::move(options), events);
  const std::lock_guard lock(made_mutex_);
  if (ended_) return nullptr;
  made_.push_back(link);
  return link;
}

void LocalClients::take(const std::shared_ptr<LocalLink>& link) {
  if (link->is_over()) return;
  if (!std::exchange(link->listed, true)) {
    const std::lock_guard lock(made_mutex_);
    std::erase(made_, link);
    links_.push_back(link);
  }
  note(*link);
}

void LocalClients::note(LocalLink& link) {
  if (!std::exchange(link.has_news, true)) news_.push_back(&link);
}

size_t LocalClients::write(core::HostLink host_link, std::span<const core::Iov> pieces) {
  LocalLink& link = link_of(host_link);
  note(link);
  return link.endpoint().write(pieces);
}

void LocalClients::set_reading(core::HostLink host_link, bool reading) {
  LocalLink& link = link_of(host_link);
  note(link);
  link.endpoint().set_link_reading(reading);
}

void LocalClients::close(core::HostLink host_link) {
  LocalLink& link = link_of(host_link);
  note(link);
  link.endpoint().link_closed();
}

void LocalClients::run() {
  const Running running(this);
  turning_.swap(news_);
  for (LocalLink* link : turning_) {
    link->has_news = false;
    link->turn();
  }
  const bool some_ended =
      std::any_of(turning_.begin(), turning_.end(), [](LocalLink* link) { return link->is_over(); });
  turning_.clear();
  if (!some_ended) return;
  std::erase_if(news_, [](LocalLink* link) { return link->is_over(); });
  std::erase_if(links_, [](const std::shared_ptr<LocalLink>& link) { return link->is_over(); });
}

core::Instant LocalClients::due() {
  core::Instant due = core::Instant::never();
  for (const std::shared_ptr<LocalLink>& link : links_) {
    const core::Instant at = link->due();
    if (at <= now_()) note(*link);
    due = std::min(due, at);
  }
  return due;
}

void LocalClients::end_all() {
  std::vector<std::shared_ptr<LocalLink>> links;
  {
    const std::lock_guard lock(made_mutex_);
    ended_ = true;
    links.swap(made_);
  }
  links.insert(links.end(), links_.begin(), links_.end());
  links_.clear();
  news_.clear();
  for (const std::shared_ptr<LocalLink>& link : links) {
    link->endpoint().link_closed();
    link->end();
  }
}

}  // namespace onehop::server
