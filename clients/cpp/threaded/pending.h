// What the client's thread has taken from the outbox and the engine has not got yet, in order.
//
// The engine takes a message as long as there is room for it in flight. What there is no room for stays here, where it
// costs nothing more: nothing else could be sent before it either. But an unconfirmed message does not wait for the
// window of the confirmed ones, and the end of the client waits for nothing: where one of these is behind, the engine
// gets all.
#pragma once

#include <deque>
#include <utility>

#include "client/threaded/batch.h"

namespace onehop::client {

class Pending {
 public:
  // An empty batch, to be filled and added.
  Batch spare() { return std::exchange(spare_, {}); }
  void give_back(Batch spare) { spare_ = std::move(spare); }
  void add(Batch batch) {
    if (batch.has_unconfirmed || batch.end) must_pass_ = true;
    batches_.push_back(std::move(batch));
  }
  bool is_empty() const { return batches_.empty(); }
  // Whether nothing may wait here.
  bool must_pass() const { return must_pass_; }

  Batch& front() { return batches_.front(); }
  // The first message of the front that is still to be given; nullptr: all were.
  OpenSend* next() { return next_ == front().sends.size() ? nullptr : &front().sends[next_]; }
  std::string_view body(const OpenSend& send) { return {front().bodies.data() + offset_, send.body_bytes}; }
  void given(uint32_t body_bytes) {
    ++next_;
    offset_ += body_bytes;
  }
  // The front is done with.
  void pop() {
    spare_ = std::move(batches_.front());
    spare_.clear();
    batches_.pop_front();
    next_ = offset_ = 0;
    if (batches_.empty()) must_pass_ = false;
  }

 private:
  std::deque<Batch> batches_;
  Batch spare_;
  size_t next_ = 0;
  size_t offset_ = 0;
  bool must_pass_ = false;
};

}  // namespace onehop::client
