// ScrambledTransport: see the header.
#include "scrambled_transport.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace onehop::transport {
namespace {

constexpr size_t kHeadBytes = 3;
constexpr size_t kPayloadBytesMax = 1'021;

std::string four_bytes(uint32_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
uint32_t read_four(core::Bytes bytes) {
  uint32_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

char ScrambledTransport::Key::next() {
  state = state * 1'664'525 + 1'013'904'223;
  return static_cast<char>(state >> 24);
}

ScrambledTransport::ScrambledTransport(Side side, uint32_t seed) : side_(side), seed_(seed) {
  held_open_.append(std::string(100, 'k'));
  if (side == Side::kClient) output_.append(std::string(kClientHello) + four_bytes(seed));
}

size_t ScrambledTransport::odd(size_t most) const {
  sizes_ = sizes_ * 1'103'515'245 + 12'345;
  return std::min<size_t>(most, (sizes_ >> 16) % 509 | 1);
}

void ScrambledTransport::take_input(core::Bytes bytes) {
  assert(stream_.empty());
  if (!error_.empty() || ended_) return;  // What comes behind the end is nothing to us.
  input_.append(bytes);
  while (error_.empty() && !ended_ && (opened_ ? take_record() : take_hello())) {
  }
}

void ScrambledTransport::end_input() {
  if (error_.empty() && !ended_) break_off("the connection ended without a record that says so");
}

bool ScrambledTransport::take_hello() {
  const core::Bytes bytes = input_.front();
  const core::Bytes expected = side_ == Side::kClient ? kServerHello : peer_seed_ == 0 ? kClientHello : kReady;
  const bool is_ready = expected == kReady;
  const core::Bytes begun = bytes.substr(0, expected.size());
  if (!expected.starts_with(begun)) {
    break_off("the peer does not scramble");
    return false;
  }
  const size_t size = expected.size() + (is_ready ? 0 : sizeof(uint32_t));
  if (bytes.size() < size) return false;
  if (!is_ready) peer_seed_ = read_four(bytes.substr(expected.size())) | 1;
  input_.pop(size);
  if (is_ready) {
    open(peer_seed_, seed_ | 1);
  } else if (side_ == Side::kClient) {
    output_.append(kReady);
    open(seed_ | 1, peer_seed_);
  } else {
    output_.append(std::string(kServerHello) + four_bytes(seed_));
  }
  return true;
}

void ScrambledTransport::open(uint32_t client_seed, uint32_t server_seed) {
  opened_ = true;
  const Key from_client{client_seed * 31 + server_seed}, from_server{server_seed * 31 + client_seed + 1};
  key_in_ = side_ == Side::kClient ? from_server : from_client;
  key_out_ = side_ == Side::kClient ? from_client : from_server;
}

bool ScrambledTransport::take_record() {
  const core::Bytes bytes = input_.front();
  if (bytes.size() < kHeadBytes) return false;
  const auto type = static_cast<Type>(bytes[0]);
  uint16_t length;
  std::memcpy(&length, bytes.data() + 1, sizeof length);
  if (length > kPayloadBytesMax || type < Type::kData || type > Type::kAlert) {
    break_off("a record has a head that is none");
    return false;
  }
  if (bytes.size() < kHeadBytes + length + 1u) return false;
  std::string payload(bytes.substr(kHeadBytes, length));
  char sum = 0;
  for (char& byte : payload) sum = static_cast<char>(sum + (byte = static_cast<char>(byte ^ key_in_.next())));
  const char check = static_cast<char>(bytes[kHeadBytes + length] ^ key_in_.next());
  input_.pop(kHeadBytes + length + 1u);
  if (check != sum) {
    break_off("a record was changed on its way");
    return false;
  }
  if (type == Type::kData) stream_.append(payload);
  if (type == Type::kEnd) ended_ = true;
  if (type == Type::kAlert) error_ = "the peer sent an alert";
  return true;
}

size_t ScrambledTransport::read(std::span<char> into) {
  const core::Bytes taken = stream_.front().substr(0, odd(into.size()));
  std::copy(taken.begin(), taken.end(), into.begin());
  stream_.pop(taken.size());
  return taken.size();
}

size_t ScrambledTransport::write(std::span<const core::Iov> pieces) {
  size_t taken = 0;
  if (!opened_ || !error_.empty()) return 0;
  for (const core::Iov& piece : pieces) {
    for (core::Bytes rest(piece.data, piece.size); !rest.empty();) {
      if (output_.size() >= kOutputBytesMax) return taken;
      const size_t size = odd(rest.size());
      put_record(Type::kData, rest.substr(0, size));
      rest.remove_prefix(size);
      taken += size;
    }
  }
  return taken;
}

void ScrambledTransport::put_record(Type type, core::Bytes payload) {
  const auto length = static_cast<uint16_t>(payload.size());
  std::string record{static_cast<char>(type)};
  record.append(reinterpret_cast<const char*>(&length), sizeof length);
  char sum = 0;
  for (const char byte : payload) {
    record.push_back(static_cast<char>(byte ^ key_out_.next()));
    sum = static_cast<char>(sum + byte);
  }
  record.push_back(static_cast<char>(sum ^ key_out_.next()));
  output_.append(record);
}

void ScrambledTransport::end() {
  if (opened_ && error_.empty()) put_record(Type::kEnd, {});
}

core::Bytes ScrambledTransport::output() const {
  return output_.front().substr(0, odd(output_.size()));
}

void ScrambledTransport::output_written(size_t size) {
  output_.pop(size);
}

Transport::State ScrambledTransport::state() const {
  if (!stream_.empty()) return State::kOpen;
  if (!error_.empty()) return State::kBroken;
  if (ended_) return State::kEnded;
  return opened_ ? State::kOpen : State::kHandshake;
}

void ScrambledTransport::break_off(core::Bytes why) {
  error_ = why;
  input_.pop(input_.size());
  if (opened_) {
    put_record(Type::kAlert, kAlert);
  } else {
    output_.append(kAlert);
  }
}

}  // namespace onehop::transport
