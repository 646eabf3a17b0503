// See the header.
#include "client/send_log.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace onehop::client {
namespace {

// Chunks grow from what a lone message needs to what one write takes.
constexpr size_t kChunkBytesMin = 2 << 10;
constexpr size_t kChunkBytesMax = 64 << 10;

}  // namespace

char* SendLog::append(size_t size) {
  if (chunks_.empty() || chunks_.back().capacity - chunks_.back().size < size) {
    const size_t grown = chunks_.empty() ? kChunkBytesMin : std::min(2 * chunks_.back().capacity, kChunkBytesMax);
    const size_t capacity = std::max(grown, size);
    chunks_.push_back({std::unique_ptr<char[]>(new char[capacity]), capacity, 0, end_, 0});
    chunk_capacity_ += capacity;
  }
  Chunk& chunk = chunks_.back();
  char* at = chunk.data.get() + chunk.size;
  chunk.size += size;
  end_ += size;
  return at;
}

char* SendLog::append_message(uint64_t ticket, size_t body_size, const Traits& traits) {
  const uint64_t id = next_id_++;
  const FrameSize size(id, body_size);
  const uint64_t begin = end_;
  char* body = write_message_head(append(size.head_bytes + body_size), id, size);
  const Record& record = records_.emplace_back(Record{id, ticket, begin, body, static_cast<uint32_t>(body_size),
                                                      traits.patience_ms, static_cast<uint8_t>(size.head_bytes),
                                                      traits.confirmed, traits.maybe_repeated, false, false});
  ++chunks_.back().bodies;
  chunk_bytes_ += record.size();
  ++messages_;
  kept_bytes_ += record.size();
  if (traits.confirmed) {
    ++confirmed_;
    confirmed_bytes_ += size.frame_bytes;
  }
  return body;
}

size_t SendLog::place_from(uint64_t id) const {
  // Most fates are those of the oldest.
  if (records_.empty() || records_.front().id >= id) return 0;
  const auto found = std::lower_bound(records_.begin(), records_.end(), id,
                                      [](const Record& record, uint64_t wanted) { return record.id < wanted; });
  return static_cast<size_t>(found - records_.begin());
}

uint64_t SendLog::take(Record& record) {
  assert(record.ticket != 0);
  --messages_;
  kept_bytes_ -= record.size();
  if (record.confirmed) {
    --confirmed_;
    confirmed_bytes_ -= record.frame_bytes();
  }
  return std::exchange(record.ticket, 0);
}

void SendLog::drop(Record& record) {
  assert(record.ticket == 0 && record.body != nullptr);
  record.body = nullptr;
  if (record.apart) {
    apart_.erase(record.id);
  } else {
    --chunk_at(record.begin).bodies;
    chunk_bytes_ -= record.size();
  }
}

SendLog::Chunk& SendLog::chunk_at(uint64_t position) {
  if (position < chunks_.front().end()) return chunks_.front();
  const auto behind = std::upper_bound(chunks_.begin(), chunks_.end(), position,
                                       [](uint64_t wanted, const Chunk& chunk) { return wanted < chunk.begin; });
  return *(behind - 1);
}

void SendLog::tidy() {
  while (!records_.empty() && records_.front().body == nullptr) records_.pop_front();
  if (records_.size() > 2 * messages_ + kHolesMax) close_holes();
  release();
  while (chunk_capacity_ > 2 * (chunk_bytes_ + unsent_bytes()) + kSparseBytesMax && chunks_.front().end() <= sent_) {
    set_first_chunk_apart();
    release();
  }
}

void SendLog::close_holes() {
  std::erase_if(records_, [](const Record& record) { return record.body == nullptr; });
}

void SendLog::release() {
  while (!chunks_.empty() && chunks_.front().bodies == 0 && chunks_.front().end() <= sent_) {
    chunk_capacity_ -= chunks_.front().capacity;
    chunks_.pop_front();
  }
}

void SendLog::set_first_chunk_apart() {
  const auto first =
      std::partition_point(records_.begin(), records_.end(), [](const Record& record) { return record.apart; });
  const uint64_t end = chunks_.front().end();
  for (auto record = first; record != records_.end() && record->begin < end; ++record) set_apart(*record);
}

void SendLog::set_apart(Record& record) {
  if (record.apart) return;
  record.apart_written = was_written(record);
  record.apart = true;
  if (record.body == nullptr) return;
  --chunk_at(record.begin).bodies;
  chunk_bytes_ -= record.size();
  std::unique_ptr<char[]> body(new char[record.body_size]);
  std::copy_n(record.body, record.body_size, body.get());
  record.body = body.get();
  apart_.emplace(record.id, std::move(body));
}

void SendLog::restart() {
  close_holes();
  for (Record& record : records_) set_apart(record);
  chunks_.clear();
  chunk_capacity_ = 0;
  sent_ = end_ = 0;
}

void SendLog::write_again_from(uint64_t id) {
  close_holes();
  for (size_t place = place_from(id); place != records_.size(); ++place) write_again(records_[place]);
}

void SendLog::write_again(Record& record) {
  assert(record.apart && record.body != nullptr);
  const FrameSize size(record.id, record.body_size);
  record.begin = end_;
  char* body = write_message_head(append(size.head_bytes + record.body_size), record.id, size);
  std::copy_n(record.body, record.body_size, body);
  record.body = body;
  record.apart = false;
  apart_.erase(record.id);
  ++chunks_.back().bodies;
  chunk_bytes_ += record.size();
}

void SendLog::forget_messages() {
  records_.clear();
  apart_.clear();
  for (Chunk& chunk : chunks_) chunk.bodies = 0;
  next_id_ = 1;
  messages_ = confirmed_ = 0;
  confirmed_bytes_ = kept_bytes_ = chunk_bytes_ = 0;
  release();
}

size_t SendLog::gather(std::span<std::string_view> pieces) const {
  size_t filled = 0;
  // What is not yet written is at the end.
  auto chunk = chunks_.end();
  while (chunk != chunks_.begin() && (chunk - 1)->end() > sent_) --chunk;
  for (; chunk != chunks_.end() && filled != pieces.size(); ++chunk) {
    const size_t skip = chunk->begin < sent_ ? static_cast<size_t>(sent_ - chunk->begin) : 0;
    pieces[filled++] = {chunk->data.get() + skip, chunk->size - skip};
  }
  return filled;
}

}  // namespace onehop::client
