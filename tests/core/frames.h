// Frames as a client writes them, by protobuf itself, so that what the broker makes of them is checked by another hand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onehop/v1/onehop.pb.h"

namespace onehop::core::test {

// A length prefix and the frame behind it.
inline std::string delimited(const std::string& frame) {
  std::string out;
  uint64_t length = frame.size();
  for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
  out.push_back(static_cast<char>(length));
  return out + frame;
}

inline std::string wire(const v1::Frame& frame) {
  return delimited(frame.SerializeAsString());
}

// A frame of one length-delimited field; the number is below 16.
inline std::string raw_frame(int number, const std::string& body) {
  const std::string with_length = delimited(body);
  return delimited(std::string(1, static_cast<char>(number << 3 | 2)) + with_length);
}

inline v1::Frame connect_frame(const std::string& name) {
  v1::Frame frame;
  frame.mutable_connect()->set_name(name);
  frame.mutable_connect()->set_protocol_version(1);
  return frame;
}

// A Connect that takes the name from whoever has it.
inline v1::Frame take_over_frame(const std::string& name) {
  v1::Frame frame = connect_frame(name);
  frame.mutable_connect()->set_on_conflict(v1::ON_CONFLICT_TAKE_OVER);
  return frame;
}

// A Connect of a client that uses the gate.
inline v1::Frame ordered_connect_frame(const std::string& name) {
  v1::Frame frame = connect_frame(name);
  frame.mutable_connect()->set_features(1);
  return frame;
}

inline v1::Frame message_frame(const std::string& client, uint64_t id, const std::string& payload) {
  v1::Frame frame;
  frame.mutable_message()->set_client(client);
  frame.mutable_message()->set_id(id);
  frame.mutable_message()->set_payload(payload);
  return frame;
}

inline v1::Frame flow_frame(const std::string& client, v1::State state) {
  v1::Frame frame;
  frame.mutable_flow()->set_client(client);
  frame.mutable_flow()->set_state(state);
  return frame;
}

inline v1::Frame ping_frame(uint64_t nonce) {
  v1::Frame frame;
  frame.mutable_ping()->set_nonce(nonce);
  return frame;
}

// A Connect of a client that may renew its credentials.
inline v1::Frame renewing_connect_frame(const std::string& name) {
  v1::Frame frame = connect_frame(name);
  frame.mutable_connect()->set_features(2);
  return frame;
}

inline v1::Frame renew_frame(const std::string& token) {
  v1::Frame frame;
  frame.mutable_renew()->set_token(token);
  return frame;
}

inline v1::Frame goodbye_frame(v1::Code code) {
  v1::Frame frame;
  frame.mutable_goodbye()->set_code(code);
  return frame;
}

// The ids of receipts with this reason, in the order told.
inline std::vector<uint64_t> refused_ids(const std::vector<v1::Frame>& frames, v1::Reason reason) {
  std::vector<uint64_t> ids;
  for (const v1::Frame& frame : frames) {
    for (const v1::Receipt& receipt : frame.receipts().items()) {
      if (receipt.reason() != reason) continue;
      for (uint64_t id = receipt.first_id(); id <= receipt.last_id(); ++id) ids.push_back(id);
    }
  }
  return ids;
}

inline std::vector<v1::Frame> frames_of(const std::vector<v1::Frame>& frames, v1::Frame::KindCase kind) {
  std::vector<v1::Frame> some;
  for (const v1::Frame& frame : frames) {
    if (frame.kind_case() == kind) some.push_back(frame);
  }
  return some;
}

// The payloads of the messages among them.
inline std::vector<std::string> payloads(const std::vector<v1::Frame>& frames) {
  std::vector<std::string> texts;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kMessage)) texts.push_back(frame.message().payload());
  return texts;
}

}  // namespace onehop::core::test
