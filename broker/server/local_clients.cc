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
  made_.insert(link);
  return link;
}

void LocalClients::take(const std::shared_ptr<LocalLink>& link) {
  {
    const std::lock_guard lock(made_mutex_);
    if (made_.erase(link) != 0 && !link->is_over()) links_.insert(link);
  }
  if (!link->is_over()) note(*link);
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
  const LocalHost::Running running(this);
  turning_.swap(news_);
  for (LocalLink* link : turning_) {
    link->has_news = false;
    link->turn();
    set_due(*link, link->is_over() ? core::Instant::never() : link->due());
    if (shard_.flush_wanted()) flush_();
  }
  const bool some_ended =
      std::any_of(turning_.begin(), turning_.end(), [](LocalLink* link) { return link->is_over(); });
  if (some_ended) std::erase_if(news_, [](LocalLink* link) { return link->is_over(); });
  // The last, because it may be the end of the link.
  for (LocalLink* link : turning_) {
    if (link->is_over()) links_.erase(link->shared_from_this());
  }
  turning_.clear();
}

void LocalClients::set_due(LocalLink& link, core::Instant at) {
  if (link.due_at == at) return;
  if (link.due_at != core::Instant::never()) due_.erase({link.due_at, &link});
  link.due_at = at;
  if (at != core::Instant::never()) due_.insert({at, &link});
}

core::Instant LocalClients::due() {
  if (due_.empty()) return core::Instant::never();
  const core::Instant now = now_();
  for (auto next = due_.begin(); next != due_.end() && next->first <= now; ++next) note(*next->second);
  return due_.begin()->first;
}

void LocalClients::end_all() {
  std::vector<std::shared_ptr<LocalLink>> links(links_.begin(), links_.end());
  {
    const std::lock_guard lock(made_mutex_);
    ended_ = true;
    links.insert(links.end(), made_.begin(), made_.end());
    made_.clear();
  }
  links_.clear();
  news_.clear();
  due_.clear();
  for (const std::shared_ptr<LocalLink>& link : links) link->cut();
}

}  // namespace onehop::server
