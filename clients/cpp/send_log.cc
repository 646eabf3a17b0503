// See the header.
#include "client/send_log.h"

#include <algorithm>
#include <cassert>

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
    chunks_.push_back({std::unique_ptr<char[]>(new char[capacity]), capacity, 0, end_});
  }
  Chunk& chunk = chunks_.back();
  char* at = chunk.data.get() + chunk.size;
  chunk.size += size;
  end_ += size;
  return at;
}

char* SendLog::append_message(uint64_t ticket, size_t body_size, bool maybe_repeated) {
  const uint64_t id = next_id();
  const FrameSize size(id, body_size);
  const uint64_t begin = end_;
  char* body = write_message_head(append(size.head_bytes + body_size), id, size);
  records_.push_back(
      {ticket, begin, body, static_cast<uint32_t>(body_size), static_cast<uint8_t>(size.head_bytes), maybe_repeated});
  return body;
}

SendLog::Record* SendLog::find(uint64_t id) {
  return id < first_id_ || id >= next_id() ? nullptr : &records_[id - first_id_];
}

void SendLog::pop_front() {
  records_.pop_front();
  ++first_id_;
}

void SendLog::release() {
  const uint64_t needed = std::min(sent_, begin());
  while (!chunks_.empty() && chunks_.front().end() <= needed) chunks_.pop_front();
}

size_t SendLog::gather(std::span<std::string_view> pieces) const {
  size_t filled = 0;
  for (const Chunk& chunk : chunks_) {
    if (filled == pieces.size()) break;
    if (chunk.end() <= sent_) continue;
    const size_t skip = chunk.begin < sent_ ? static_cast<size_t>(sent_ - chunk.begin) : 0;
    pieces[filled++] = {chunk.data.get() + skip, chunk.size - skip};
  }
  return filled;
}

}  // namespace onehop::client
