// What a client writes on one connection, in order, and the messages of its session whose fate is not known. The bytes
// that go to the socket are also the copy that is kept: a message is written once, and repeated from here.
//
//   chunks:   | released | written, with messages that are kept | not yet written |
//                                                               sent              end
//
// Messages settle in any order. A few that stay open for long must not keep the chunks they are in: when less than half
// of what the chunks hold is kept, the messages of the first chunk are set apart, each in memory of its own, and the
// chunk is released. A message is set apart at most once for each connection.
//
// Invariants:
//  - Records are in the order of their ids. Those that are apart come before those that are in chunks.
//  - After tidy(): records <= 2 * messages + kHolesMax; capacity of the chunks <= 2 * what they keep, and what is not
//    yet written, + kSparseBytesMax + one chunk. What is apart is exactly what was kept and moved out.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>

#include "core/base/bytes.h"
#include "message/message_codec.h"

namespace onehop::client {

class SendLog {
 public:
  // One message.
  struct Record {
    uint64_t id;
    // 0: taken, its fate is known.
    uint64_t ticket;
    // Where its frame begins in the stream, unless it is apart.
    uint64_t begin;
    // nullptr: dropped.
    const char* body;
    uint32_t body_size;
    // How long it may wait for its recipient to come.
    uint32_t patience_ms;
    uint8_t head_size;
    bool confirmed;
    bool maybe_repeated;
    bool apart;
    // Of one that is apart: whether it was written as a whole.
    bool apart_written;

    core::Bytes body_bytes() const { return {body, body_size}; }
    uint64_t size() const { return uint64_t{head_size} + body_size; }
    uint64_t end() const { return begin + size(); }
    // As the broker counts it.
    uint64_t frame_bytes() const { return FrameSize(id, body_size).frame_bytes; }
  };

  // What is kept of a message beside its bytes.
  struct Traits {
    uint32_t patience_ms;
    bool confirmed;
    bool maybe_repeated;
  };

  static constexpr size_t kHolesMax = 64;
  static constexpr size_t kSparseBytesMax = 256 << 10;

  // Room for `size` bytes, in one piece, at the end of the stream.
  char* append(size_t size);
  // Appends a message with the next id and room for its body; returns where the body goes.
  char* append_message(uint64_t ticket, size_t body_size, const Traits& traits);

  // The id that the next message gets. Ids up to `last_id` are not given any more.
  uint64_t next_id() const { return next_id_; }
  void skip_ids(uint64_t last_id) { next_id_ = std::max(next_id_, last_id + 1); }

  // The messages whose fate is not known; the confirmed ones among them, and the sum of their frames.
  size_t messages() const { return messages_; }
  size_t confirmed() const { return confirmed_; }
  uint64_t confirmed_bytes() const { return confirmed_bytes_; }
  // What all of them were on the stream.
  uint64_t kept_bytes() const { return kept_bytes_; }

  // The records, taken ones among them, by their places. A place is good until tidy(), a reference as well.
  size_t size() const { return records_.size(); }
  Record& operator[](size_t place) { return records_[place]; }
  // The place of the first record whose id is not below `id`.
  size_t place_from(uint64_t id) const;
  bool was_written(const Record& record) const { return record.apart ? record.apart_written : record.end() <= sent_; }

  // The fate of a message is known: it counts no more. Returns its ticket. Its body stays until drop().
  uint64_t take(Record& record);
  void drop(Record& record);
  // Closes the holes that taken records have left, and gives memory back.
  void tidy();

  // Begins an empty stream for another connection; what is kept is kept apart.
  void restart();
  // Writes the messages from this id on once more, under their ids. All must be apart.
  void write_again_from(uint64_t id);
  // Forgets all messages. Ids begin anew.
  void forget_messages();

  // What is not yet written, as far as `pieces` reach. Returns how many it filled.
  size_t gather(std::span<std::string_view> pieces) const;
  // `size` bytes of it were written.
  void on_written(size_t size) { sent_ += size; }
  uint64_t unsent_bytes() const { return end_ - sent_; }
  // The memory of the chunks, and of what is apart.
  uint64_t chunk_capacity() const { return chunk_capacity_; }
  size_t messages_apart() const { return apart_.size(); }

 private:
  struct Chunk {
    std::unique_ptr<char[]> data;
    size_t capacity;
    size_t size;
    uint64_t begin;
    // The records whose body is here.
    size_t bodies;

    uint64_t end() const { return begin + size; }
  };

  Chunk& chunk_at(uint64_t position);
  void set_apart(Record& record);
  void write_again(Record& record);
  void close_holes();
  void release();
  void set_first_chunk_apart();

  std::deque<Chunk> chunks_;
  std::deque<Record> records_;
  std::unordered_map<uint64_t, std::unique_ptr<char[]>> apart_;
  uint64_t next_id_ = 1;
  uint64_t sent_ = 0;
  uint64_t end_ = 0;
  size_t messages_ = 0;
  size_t confirmed_ = 0;
  uint64_t confirmed_bytes_ = 0;
  uint64_t kept_bytes_ = 0;
  // The capacity of all chunks, and the bytes of the messages in them that are not dropped.
  uint64_t chunk_capacity_ = 0;
  uint64_t chunk_bytes_ = 0;
};

static_assert(sizeof(SendLog::Record) <= 48, "there is one for each message in flight");

}  // namespace onehop::client
