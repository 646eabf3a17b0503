// FakeBroker: see the header.
#include "fake_host.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "core/base/name_hash.h"

namespace onehop::core::test {

FakeHost::FakeHost(FakeBroker& broker, const ShardConfig& config)
    : shard(config, *this), broker_(broker), index_(config.index) {}

FakeLink& FakeHost::live(HostLink link) {
  FakeLink& found = broker_.links.at(link.value);
  EXPECT_FALSE(found.closed) << "link " << link.value << " is named after its end";
  EXPECT_EQ(found.shard, index_) << "link " << link.value << " is named by another shard";
  return found;
}

size_t FakeHost::write(HostLink link, std::span<const Iov> pieces) {
  EXPECT_TRUE(flushing_) << "write outside flush";
  FakeLink& to = live(link);
  EXPECT_FALSE(to.blocked) << "write before on_writable";
  size_t room = to.failed ? 0 : std::min(to.write_capacity, to.write_at_once_max);
  size_t taken = 0;
  size_t offered = 0;
  for (const Iov& piece : pieces) {
    EXPECT_NE(piece.size, 0u);
    const size_t part = std::min(piece.size, room);
    to.outbound.append(piece.data, part);
    taken += part;
    room -= part;
    offered += piece.size;
  }
  if (to.write_capacity != SIZE_MAX) to.write_capacity -= taken;
  to.blocked = taken < offered;
  return taken;
}

void FakeHost::set_reading(HostLink link, bool reading) {
  EXPECT_NE(live(link).reading, reading);
  EXPECT_FALSE(live(link).told) << "a link that failed is named";
  live(link).reading = reading;
}

void FakeHost::close(HostLink link, CloseHow how) {
  EXPECT_TRUE(flushing_) << "close outside flush";
  FakeLink& closing = live(link);
  closing.how = how;
  closing.closed = true;
}

void FakeHost::hand_over(HostLink link, ShardIndex home, Bytes unread, Instant connect_deadline) {
  EXPECT_TRUE(flushing_) << "hand-over outside flush";
  live(link).id = {};
  broker_.handed_over_.push_back({link.value, home, std::string(unread), connect_deadline});
}

void FakeHost::post(ShardIndex to, Parcel parcel) {
  EXPECT_TRUE(flushing_) << "post outside flush";
  broker_.parcels_.push_back({index_, to, std::move(parcel)});
  broker_.posted_ = true;
}

void FakeHost::give_back(ShardIndex to, Parcel parcel) {
  EXPECT_EQ(parcel.size(), 0u);
  broker_.credits_.push_back({index_, to, std::move(parcel)});
}

Answered FakeHost::ask(Ticket ticket, const Question& question, Answer& answer) {
  if (question.kind == Question::Kind::kSend) {
    live(question.link);
    broker_.asked_to_send.push_back(
        {index_, ticket, std::string(question.name), {}, false, std::string(question.sender), question.session});
    answer = broker_.may_send;
    return broker_.answer_to_send_later ? Answered::kLater : Answered::kNow;
  }
  if (question.kind == Question::Kind::kPublish || question.kind == Question::Kind::kSubscribe ||
      question.kind == Question::Kind::kWatch) {
    if (question.link.value != 0) live(question.link);
    broker_.asked_about_topics.push_back(
        {index_, ticket, std::string(question.name), {}, false, std::string(question.sender), question.session});
    const auto found = broker_.topics_not_allowed.find(std::string(question.name));
    answer.accepted = true;
    if (found != broker_.topics_not_allowed.end()) answer = found->second;
    return broker_.answer_about_topics_later ? Answered::kLater : Answered::kNow;
  }
  if (question.kind == Question::Kind::kRenew) {
    live(question.link);
    broker_.asked_to_renew.push_back(
        {index_, ticket, std::string(question.name), std::string(question.token), false, {}, question.session});
    answer = broker_.may_renew;
    return broker_.answer_to_renew_later ? Answered::kLater : Answered::kNow;
  }
  if (question.kind == Question::Kind::kStay) {
    if (question.link.value != 0) live(question.link);
    broker_.asked_to_stay.push_back({index_, ticket, std::string(question.name), {}, false, {}, question.session});
    const auto found = broker_.may_not_stay.find(std::string(question.name));
    answer.accepted = true;
    if (found != broker_.may_not_stay.end()) answer = found->second;
    return Answered::kNow;
  }
  broker_.asked.push_back(
      {index_, ticket, std::string(question.name), std::string(question.token), question.take_over});
  answer = broker_.verdict;
  return broker_.answer_later ? Answered::kLater : Answered::kNow;
}

void FakeHost::note(const Event& event) {
  if (event.link.value != 0) live(event.link);
  broker_.notes.push_back({event.kind, event.link.value, std::string(event.name), event.session,
                           static_cast<v1::Code>(event.code), std::string(event.text)});
}

uint64_t FakeHost::end_arrivals() {
  ++broker_.arrivals_ended;
  return broker_.transport_bytes_left;
}

void FakeHost::random(std::span<char> out) {
  for (char& byte : out) {
    broker_.random_ = broker_.random_ * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<char>(broker_.random_ >> 56);
  }
}

FakeBroker::FakeBroker(ShardIndex shards, const Limits& limits, bool asks_permission, bool asks_who_stays)
    : ledger(limits.memory_bytes_max, shards) {
  links.emplace_back().closed = true;  // Number 0 means no link.
  ShardConfig config;
  config.count = shards;
  config.limits = limits;
  config.started = now;
  config.ledger = &ledger;
  config.asks_permission = asks_permission;
  config.asks_who_stays = asks_who_stays;
  config.first_session = 1'000;
  config.unix_ms_at_zero = 1'700'000'000'000;
  config.hash_key.fill(7);
  config.token_key.fill(9);
  for (config.index = 0; config.index < shards; ++config.index) {
    hosts_.push_back(std::make_unique<FakeHost>(*this, config));
  }
}

size_t FakeBroker::open_link(ShardIndex shard) {
  const size_t number = links.size();
  FakeLink& link = links.emplace_back();
  link.shard = shard;
  link.connect_deadline = now + kConnectDeadlineMs;
  link.id = this->shard(shard).on_link({HostLink{number}, link.connect_deadline, {}}, now);
  settle();
  return number;
}

void FakeBroker::settle() {
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t index = 0; index < hosts_.size(); ++index) moved = step(static_cast<ShardIndex>(index)) || moved;
    moved = std::exchange(posted_, false) || moved;
  }
}

void FakeBroker::advance(uint64_t ms) {
  const Instant end = now + ms;
  settle();
  for (;;) {
    Instant next = end;
    for (const auto& host : hosts_) next = std::min(next, host->due);
    now = std::max(next, now);
    for (const auto& host : hosts_) {
      if (host->due <= now) host->due = Instant::never();
    }
    settle();
    if (now >= end) return;
  }
}

// One iteration of a shard's loop: what has arrived, then flush, then the timers. True if there was anything to do.
bool FakeBroker::step(ShardIndex index) {
  FakeHost& host = *hosts_[index];
  bool moved = step_crossings(index);
  moved = step_links(index) || moved;
  do {
    do {
      host.flushing_ = true;
      host.shard.flush(now);
      host.flushing_ = false;
      ++flushes;
    } while (host.shard.flush_wanted());
    host.due = host.shard.on_tick(now);
  } while (host.shard.flush_wanted());
  return moved;
}

bool FakeBroker::step_crossings(ShardIndex index) {
  bool moved = false;
  for (size_t left = handed_over_.size(); left != 0; --left) {
    HandedOver arriving = std::move(handed_over_.front());
    handed_over_.pop_front();
    if (arriving.home != index) {
      handed_over_.push_back(std::move(arriving));
      continue;
    }
    moved = true;
    FakeLink& link = links[arriving.link];
    link.shard = index;
    link.connect_deadline = arriving.connect_deadline;
    const std::vector<char> unread(arriving.unread.begin(), arriving.unread.end());
    link.id = shard(index).on_link(
        {HostLink{arriving.link}, arriving.connect_deadline, Bytes(unread.data(), unread.size())}, now);
  }
  const auto carry = [this, index, &moved](std::deque<Crossing>& crossings, bool are_credits) {
    for (size_t left = crossings.size(); left != 0; --left) {
      Crossing crossing = std::move(crossings.front());
      crossings.pop_front();
      const auto& held = are_credits ? held_credits : held_parcels;
      if (crossing.to != index || held.contains({crossing.from, crossing.to})) {
        crossings.push_back(std::move(crossing));
      } else if (moved = true; are_credits) {
        shard(index).on_credit(crossing.from, std::move(crossing.parcel), now);
      } else {
        shard(index).on_parcel(crossing.from, std::move(crossing.parcel), now);
      }
    }
  };
  carry(parcels_, false);
  carry(credits_, true);
  return moved;
}

bool FakeBroker::step_links(ShardIndex index) {
  bool moved = false;
  for (FakeLink& link : links) {
    if (link.shard != index || link.closed || link.id == LinkId{}) continue;
    if (link.failed) {
      link.told = true;
      shard(index).on_link_failed(link.id, now);
      link.closed = moved = true;
      continue;
    }
    if (link.blocked && link.write_capacity != 0) {
      link.blocked = false;
      moved = true;
      shard(index).on_writable(link.id, now);
    }
    moved = deliver_bytes(link) || moved;
    if (link.stream_ended && link.reading && link.inbound.empty()) {
      link.stream_ended = false;
      moved = true;
      shard(index).on_end_of_stream(link.id, now);
    }
  }
  return moved;
}

bool FakeBroker::deliver_bytes(FakeLink& link) {
  if (!link.reading || link.inbound.empty()) return false;
  const std::span<char> space = shard(link.shard).receive_space(link.id);
  const size_t size = std::min(space.size(), link.inbound.size());
  std::copy_n(link.inbound.begin(), size, space.begin());
  link.inbound.erase(0, size);
  shard(link.shard).on_received(link.id, size, now);
  return true;
}

std::string FakeBroker::name_on(ShardIndex shard, const std::string& beginning) const {
  HashKey key;
  key.fill(7);
  for (int i = 0;; ++i) {
    std::string name = beginning + std::to_string(i);
    if (home_shard(name_hash(name, key), static_cast<ShardIndex>(hosts_.size())) == shard) return name;
  }
}

void FakeBroker::answer(const Asked& question, const Answer& answer) {
  shard(question.shard).on_answer(question.ticket, answer, now);
  settle();
}

void FakeBroker::stop() {
  for (const auto& host : hosts_) host->shard.stop(now);
  settle();
}

std::vector<Noted> FakeBroker::notes_of(size_t link, std::initializer_list<Event::Kind> kinds) const {
  std::vector<Noted> found;
  for (const Noted& noted : notes) {
    if (noted.link == link && std::find(kinds.begin(), kinds.end(), noted.kind) != kinds.end()) found.push_back(noted);
  }
  return found;
}

FakeClient::FakeClient(FakeBroker& broker, const v1::Frame& connect, ShardIndex shard) : FakeClient(broker, shard) {
  send(connect);
  connected_ = read_one().connected();
  EXPECT_NE(connected_.session(), 0u) << "not connected";
}

std::vector<v1::Frame> FakeClient::connect(const v1::Frame& connect) {
  send(connect);
  std::vector<v1::Frame> frames = read();
  EXPECT_TRUE(!frames.empty() && frames[0].has_connected()) << "not connected";
  if (frames.empty()) return frames;
  connected_ = frames[0].connected();
  frames.erase(frames.begin());
  return frames;
}

void FakeClient::send_bytes(const std::string& bytes) {
  link().inbound += bytes;
  broker_->settle();
}

void FakeClient::end_stream() {
  link().stream_ended = true;
  broker_->settle();
}

void FakeClient::reset() {
  link().failed = true;
  broker_->settle();
}

void FakeClient::take(size_t bytes) {
  set_room(bytes);
  broker_->settle();
}

std::vector<v1::Frame> FakeClient::read() {
  std::vector<v1::Frame> frames;
  const std::string& bytes = link().outbound;
  while (parsed_ < bytes.size()) {
    uint64_t length = 0;
    size_t at = parsed_;
    for (unsigned shift = 0; at < bytes.size(); shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes[at++]);
      length |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) break;
    }
    if (bytes.size() - at < length) {
      ADD_FAILURE() << "the bytes end within a frame";
      break;
    }
    frames.emplace_back();
    EXPECT_TRUE(frames.back().ParseFromArray(bytes.data() + at, static_cast<int>(length)));
    parsed_ = at + length;
  }
  return frames;
}

v1::Frame FakeClient::read_one() {
  std::vector<v1::Frame> frames = read();
  EXPECT_EQ(frames.size(), 1u);
  return frames.empty() ? v1::Frame() : frames.front();
}

std::vector<v1::Frame> expect_ended(FakeBroker& broker, FakeClient& client, v1::Code code) {
  std::vector<v1::Frame> frames = client.read();
  EXPECT_FALSE(frames.empty());
  if (frames.empty()) return frames;
  EXPECT_EQ(frames.back().goodbye().code(), code) << frames.back().goodbye().text();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(client.link().how, CloseHow::kGraceful);
  const auto notes = broker.notes_of(client.number(), {Event::Kind::kConnectRefused, Event::Kind::kConnectionEnded});
  const bool was_open = client.connected().session() != 0;
  EXPECT_EQ(notes.size(), 1u);
  for (const Noted& noted : notes) {
    EXPECT_EQ(noted.kind, was_open ? Event::Kind::kConnectionEnded : Event::Kind::kConnectRefused);
    EXPECT_EQ(noted.code, code);
    EXPECT_EQ(noted.text, frames.back().goodbye().text());
  }
  frames.pop_back();
  return frames;
}

}  // namespace onehop::core::test
