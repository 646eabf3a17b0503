// Network: see the header.
#include "sim/network.h"

#include <algorithm>

#include "sim/world.h"

namespace onehop::sim {

uint32_t Network::connect(uint32_t client) {
  const uint32_t number = world_.oracle.begin_connection(client);
  Link& link = *links_.emplace_back(std::make_unique<Link>());
  link.number = number;
  link.client = client;
  link.to_broker.set_capacity(world_.scenario.to_broker_bytes);
  link.to_client.set_capacity(world_.scenario.to_client_bytes);
  link.connect_deadline = world_.now() + world_.scenario.connect_deadline_ms;
  const uint32_t split = world_.random.below(20);
  link.split = split < 12 ? Split::kAll : split < 17 ? Split::kSome : split < 19 ? Split::kFew : Split::kByte;
  const uint32_t shard = world_.random.below(world_.scenario.shards);
  link.shard = static_cast<core::ShardIndex>(shard);
  world_.arrive(number, {}, world_.delay_us(500));
  return number;
}

size_t Network::send(uint32_t number, core::Bytes bytes) {
  Link& link = *links_[number];
  if (link.broker_ended || link.failed) return bytes.size();  // Into the void.
  const size_t size = std::min(bytes.size(), link.to_broker.room());
  link.to_broker.append(bytes.substr(0, size));
  link.write_waits = size < bytes.size();
  if (size != 0) tell_host_readable(link);
  return size;
}

void Network::consume(uint32_t number, size_t size) {
  Link& link = *links_[number];
  link.to_client.consume(size);
  if (link.blocked && link.owned && size != 0) world_.ready(link.shard, Ready::Kind::kWritable, number);
}

void Network::half_close(uint32_t number) {
  Link& link = *links_[number];
  link.client_sends = false;
  world_.oracle.connection(number).half_closed = true;
  tell_host_readable(link);
}

void Network::leave(uint32_t number, bool orderly) {
  Link& link = *links_[number];
  if (!orderly) return cut(number);
  link.client_gone = true;
  link.client_sends = false;
  world_.oracle.connection(number).cut = true;
  world_.oracle.connection(number).half_closed = true;
  link.to_client.consume(link.to_client.size());
  tell_host_readable(link);
  if (link.blocked && link.owned) world_.ready(link.shard, Ready::Kind::kWritable, number);
}

void Network::cut(uint32_t number) {
  Link& link = *links_[number];
  world_.oracle.connection(number).cut = true;
  world_.coverage.add(Provoked::kReset);
  const size_t to_broker_left = world_.random.below(link.to_broker.size() + 1);
  link.to_broker.truncate(to_broker_left);
  const size_t to_client_left = world_.random.below(link.to_client.size() + 1);
  link.to_client.truncate(to_client_left);
  link.cut = true;
  link.client_sends = false;
  link.broker_ended = true;
  // Some of what had been sent is read first, or the failure is seen at once.
  const bool read_first = world_.random.chance(500);
  if (read_first && !link.to_broker.empty()) tell_host_readable(link);
  link.failed = true;
  if (link.owned) world_.ready(link.shard, Ready::Kind::kFailed, number);
  tell_client(link);
}

void Network::abandon(uint32_t number, bool swallows) {
  Link& link = *links_[number];
  link.abandoned = true;
  link.swallows = swallows;
  if (swallows && link.blocked && link.owned) world_.ready(link.shard, Ready::Kind::kWritable, number);
  world_.oracle.connection(number).cut = true;
}

Link::Mark Network::mark(uint32_t number, uint64_t offset) {
  std::deque<Link::Mark>& marks = links_[number]->marks;
  while (marks.size() > 1 && marks.front().end < offset) marks.pop_front();
  return marks.empty() ? Link::Mark{} : marks.front();
}

size_t Network::write(Link& link, std::span<const core::Iov> pieces) {
  if (link.failed) return 0;
  size_t offered = 0;
  for (const core::Iov& piece : pieces) offered += piece.size;
  const bool void_behind = link.client_gone || link.swallows;
  size_t room = std::min(offered, void_behind ? offered : link.to_client.room());
  if (room != 0 && world_.random.chance(world_.scenario.short_write_permille)) room = world_.random.below(room + 1);
  const bool was_blocked = link.blocked;
  size_t taken = 0;
  for (const core::Iov& piece : pieces) {
    const size_t size = std::min(piece.size, room - taken);
    if (size == 0 && piece.size != 0) break;
    if (!void_behind) link.to_client.append({piece.data, size});
    taken += size;
  }
  const uint64_t now_us = world_.now_us();
  if (taken != 0) {
    world_.oracle.connection(link.number).last_taken_us = now_us;
    // What is written in one go with bytes that had waited may have waited as well.
    const bool follows = !link.marks.empty() && link.marks.back().at_us == now_us && !link.marks.back().unblocked;
    link.marks.push_back({link.to_client.written(), now_us, !was_blocked && !follows});
    tell_client(link);
  }
  link.blocked = taken < offered;
  if (link.blocked) {
    world_.coverage.add(Provoked::kPartialWrite);
    if (void_behind || link.to_client.room() != 0) world_.ready(link.shard, Ready::Kind::kWritable, link.number);
  }
  if (link.client_gone && taken != 0) {
    // The peer answers what comes after its end with a reset.
    link.failed = true;
    world_.ready(link.shard, Ready::Kind::kFailed, link.number);
  }
  return taken;
}

size_t Network::read_size(const Link& link) {
  const size_t there = link.to_broker.size();
  // Bytes one by one where it matters, at the beginning; megabytes one by one only cost time.
  Split split = link.split;
  if (split == Split::kByte && link.to_broker.read() > 600) split = Split::kSome;
  switch (split) {
    case Split::kAll:
      return there;
    case Split::kSome:
      return std::min<size_t>(there, world_.random.between(1, 8 << 10));
    case Split::kFew:
      return std::min<size_t>(there, world_.random.between(1, 400));
    case Split::kByte:
      world_.coverage.add(Provoked::kByteRead);
      return 1;
  }
  return there;
}

void Network::has_read(Link& link, size_t size) {
  link.to_broker.consume(size);
  Connection& connection = world_.oracle.connection(link.number);
  connection.last_given_us = world_.now_us();
  const bool had_verdict = connection.read_bytes >= connection.verdict_end;
  connection.read_bytes = link.to_broker.read();
  if (!had_verdict && connection.read_bytes >= connection.verdict_end) connection.heard_us = world_.now_us();
  if (link.write_waits) tell_client(link);
}

void Network::close(Link& link, core::CloseHow how) {
  link.owned = false;
  link.broker_ended = true;
  if (how == core::CloseHow::kAtOnce) {
    world_.coverage.add(Provoked::kClosedAtOnce);
    const size_t left = world_.random.below(link.to_client.size() + 1);
    link.to_client.truncate(left);
    link.cut = true;
  }
  link.to_broker.consume(link.to_broker.size());
  tell_client(link);
}

bool Network::quiet() const {
  for (const auto& link : links_) {
    if (link->owned && !link->client_gone && !link->abandoned && (!link->to_client.empty() || !link->to_broker.empty()))
      return false;
  }
  return true;
}

void Network::tell_host_readable(Link& link) {
  if (!link.owned || !link.reading || link.read_ready) return;
  link.read_ready = true;
  world_.ready(link.shard, Ready::Kind::kReadable, link.number);
}

void Network::tell_client(const Link& link) {
  world_.poke(link.client, link.number);
}

}  // namespace onehop::sim
