// See the header.
#include "fake_broker_seen.h"

#include <cstdio>

namespace onehop::test {
namespace {

constexpr uint64_t kSlotNs = 100'000'000;

std::string headers_of(const v1::Message& message) {
  std::string text;
  for (const v1::Header& header : message.headers()) text += header.key() + "=" + header.value() + ";";
  return text;
}

std::string hexadecimal(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(c));
    text += two;
  }
  return text;
}

}  // namespace

void Seen::note(const v1::Message& message, uint64_t received_ns) {
  const std::string& payload = message.payload();
  const std::string tail = payload.size() > kStampBytes ? payload.substr(kStampBytes) : "";
  if (messages_++ == 0) {
    first_ns_ = received_ns;
    tail_ = tail;
    headers_ = headers_of(message);
  }
  same_tail_ += tail == tail_;
  same_headers_ += headers_of(message) == headers_;
  const auto slot = static_cast<size_t>((received_ns - first_ns_) / kSlotNs);
  if (slot >= by_slot_.size()) by_slot_.resize(slot + 1);
  ++by_slot_[slot];
}

std::string Seen::to_json() const {
  std::string slots;
  for (const uint64_t count : by_slot_) slots += (slots.empty() ? "" : ", ") + std::to_string(count);
  return "{\"messages\": " + std::to_string(messages_) + ", \"by_slot\": [" + slots +
         "], \"same_tail\": " + std::to_string(same_tail_) + ", \"tail\": \"" + hexadecimal(tail_) +
         "\", \"same_headers\": " + std::to_string(same_headers_) + ", \"headers\": \"" + hexadecimal(headers_) +
         "\", \"frozen_s\": " + std::to_string(static_cast<double>(frozen_ns_) * 1e-9) + "}\n";
}

}  // namespace onehop::test
