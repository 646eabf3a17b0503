// What a client writes in one session, in order, and keeps until it knows what became of it. The bytes that go to the
// socket are also the copy that is kept: a message is written once, and repeated from here if it is refused.
//
//   | released | kept: written, fate unknown | not yet written |
//              begin                         sent              end
//
// Invariant: begin <= sent <= end, as positions in the stream of the session. `begin` is the first message whose fate
// is unknown, or `sent` if there is none before it. Message ids are consecutive, so a record is found by its id.
#pragma once

#include <deque>
#include <memory>
#include <span>

#include "client/message_codec.h"
#include "core/bytes.h"

namespace onehop::client {

class SendLog {
 public:
  // One message. Its body stays where it is until the record is popped and released.
  struct Record {
    // 0: taken, its fate is known.
    uint64_t ticket;
    uint64_t begin;
    const char* body;
    uint32_t body_size;
    uint8_t head_size;
    bool maybe_repeated;

    core::Bytes body_bytes() const { return {body, body_size}; }
    uint64_t end() const { return begin + head_size + body_size; }
  };

  // Room for `size` bytes, in one piece, at the end.
  char* append(size_t size);
  // Appends a message with the next id and room for its body; returns where the body goes.
  char* append_message(uint64_t ticket, size_t body_size, bool maybe_repeated);

  // The id that the next message gets.
  uint64_t next_id() const { return first_id_ + records_.size(); }
  // The id of front().
  uint64_t first_id() const { return first_id_; }
  size_t messages() const { return records_.size(); }
  // The record of an id; nullptr if it is none of those kept.
  Record* find(uint64_t id);
  const Record& front() const { return records_.front(); }
  // Calls visit(id, record) for each that is kept, in order.
  template <typename Visit>
  void for_each(Visit visit) const {
    uint64_t id = first_id_;
    for (const Record& record : records_) visit(id++, record);
  }
  // Forgets front(). Its bytes stay until release().
  void pop_front();
  void release();

  // What is not yet written, as far as `pieces` reach. Returns how many it filled.
  size_t gather(std::span<std::string_view> pieces) const;
  // `size` bytes of it were written.
  void on_written(size_t size) { sent_ += size; }

  uint64_t sent() const { return sent_; }
  uint64_t unsent_bytes() const { return end_ - sent_; }
  // All bytes kept for messages of unknown fate, written or not.
  uint64_t kept_bytes() const { return end_ - begin(); }

 private:
  struct Chunk {
    std::unique_ptr<char[]> data;
    size_t capacity;
    size_t size;
    uint64_t begin;

    uint64_t end() const { return begin + size; }
  };

  uint64_t begin() const { return records_.empty() ? end_ : records_.front().begin; }

  std::deque<Chunk> chunks_;
  std::deque<Record> records_;
  uint64_t first_id_ = 1;
  uint64_t sent_ = 0;
  uint64_t end_ = 0;
};

static_assert(sizeof(SendLog::Record) <= 32, "there is one for each message in flight");

}  // namespace onehop::client
