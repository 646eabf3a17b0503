// The onehop codec, written from docs/wire.md alone and without the broker's own: a frame is a varint length and one
// field of onehop.v1.Frame.
#include "figures_codec.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace onehop::bench {
namespace {

enum FrameKind : uint32_t {
  kConnect = 1,
  kConnected = 2,
  kMessage = 3,
  kAck = 4,
  kReceipts = 5,
  kPing = 7,
  kPong = 8,
  kGoodbye = 9
};

constexpr char tag(uint32_t field, uint32_t type) {
  return static_cast<char>(field << 3 | type);
}
constexpr uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2;

[[noreturn]] void broken(const char* what) {
  std::fprintf(stderr, "the system under measurement sent %s\n", what);
  std::exit(1);
}

char* write_field(char* out, uint32_t field, Bytes bytes) {
  *out++ = tag(field, kBytes);
  out = core::write_varint(out, bytes.size());
  std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

std::string field_of(uint32_t field, Bytes bytes) {
  std::string out(bytes.size() + 1 + core::kVarintBytesMax, '\0');
  out.resize(static_cast<size_t>(write_field(out.data(), field, bytes) - out.data()));
  return out;
}

std::string number_field_of(uint32_t field, uint64_t value) {
  std::string out(1 + core::kVarintBytesMax, '\0');
  out[0] = tag(field, kVarint);
  out.resize(static_cast<size_t>(core::write_varint(out.data() + 1, value) - out.data()));
  return out;
}

std::string frame_of(uint32_t kind, Bytes body) {
  const std::string frame = field_of(kind, body);
  std::string out(core::kVarintBytesMax, '\0');
  out.resize(static_cast<size_t>(core::write_varint(out.data(), frame.size()) - out.data()));
  return out + frame;
}

// Takes the fields off the front of a protobuf message.
class Fields {
 public:
  explicit Fields(Bytes message) : in_(message.data()), end_(message.data() + message.size()) {}

  bool next() {
    if (in_ == end_) return false;
    const uint64_t key = varint();
    number = static_cast<uint32_t>(key >> 3);
    bytes = {};
    value = 0;
    switch (key & 7) {
      case kVarint:
        value = varint();
        break;
      case kFixed64:
        value = core::read_fixed64(take(8).data());
        break;
      case kBytes:
        bytes = take(varint());
        break;
      default:
        broken("a field of unknown type");
    }
    return true;
  }

  uint32_t number = 0;
  uint64_t value = 0;
  Bytes bytes;

 private:
  uint64_t varint() {
    uint64_t result;
    in_ = core::read_varint(in_, end_, core::kVarintBytesMax, result);
    if (in_ == nullptr) broken("a varint that does not end");
    return result;
  }
  Bytes take(uint64_t size) {
    if (size > static_cast<uint64_t>(end_ - in_)) broken("a length past the end");
    in_ += size;
    return {in_ - size, size};
  }

  const char* in_;
  const char* end_;
};

class OnehopCodec final : public Codec {
 public:
  explicit OnehopCodec(bool greets) : greets_(greets) {}

  std::string greeting(const std::string& name, uint32_t keepalive_ms) const override {
    if (!greets_) return {};
    std::string connect = field_of(1, name) + number_field_of(2, 1);
    if (keepalive_ms != 0) connect += number_field_of(4, keepalive_ms);
    return frame_of(kConnect, connect);
  }

  size_t message_bytes_max(size_t payload_bytes) const override { return payload_bytes + kNameBytesMax + 32; }

  char* write_message(char* out, Bytes to, uint64_t id, bool confirmed, Bytes payload) const override {
    size_t body = 2 + to.size() + 1 + core::varint_size(payload.size()) + payload.size();
    if (id != 0) body += 1 + core::varint_size(id);
    if (confirmed) body += 2;
    out = core::write_varint(out, 1 + core::varint_size(body) + body);
    *out++ = tag(kMessage, kBytes);
    out = core::write_varint(out, body);
    out = write_field(out, 1, to);
    if (id != 0) {
      *out++ = tag(5, kVarint);
      out = core::write_varint(out, id);
    }
    if (confirmed) {
      *out++ = tag(6, kVarint);
      *out++ = 1;
    }
    return write_field(out, 15, payload);
  }

  char* write_ack(char* out, uint64_t tags_up_to, uint64_t receipts_up_to) const override {
    std::string ack;
    if (tags_up_to != 0) ack += number_field_of(1, tags_up_to);
    if (receipts_up_to != 0) ack += number_field_of(3, receipts_up_to);
    const std::string frame = frame_of(kAck, ack);
    return std::copy(frame.begin(), frame.end(), out);
  }

  size_t read(Bytes in, Inbox& inbox) const override {
    const char* at = in.data();
    const char* const end = in.data() + in.size();
    for (;;) {
      uint64_t size;
      const char* frame = core::read_varint(at, end, core::kVarintBytesMax, size);
      if (frame == nullptr || static_cast<uint64_t>(end - frame) < size) return static_cast<size_t>(at - in.data());
      read_frame({frame, size}, inbox);
      at = frame + size;
    }
  }

 private:
  static void read_frame(Bytes frame, Inbox& inbox) {
    Fields field(frame);
    if (!field.next()) broken("an empty frame");
    switch (field.number) {
      case kMessage:
        return read_message(field.bytes, inbox);
      case kReceipts:
        return read_receipts(field.bytes, inbox);
      case kConnected:
        return inbox.on_greeted();
      case kPing:  // A pong says the same.
        return inbox.on_reply(frame_of(kPong, field.bytes));
      case kGoodbye:
        return read_goodbye(field.bytes);
      default:
        broken("a frame that no benchmark expects");
    }
  }

  static void read_message(Bytes message, Inbox& inbox) {
    uint64_t tag = 0;
    Fields field(message);
    while (field.next()) {
      if (field.number == 7) tag = field.value;
      if (field.number == 15) return inbox.on_message(field.bytes, tag);
    }
    broken("a message without payload");
  }

  [[noreturn]] static void read_goodbye(Bytes goodbye) {
    std::string what = "a goodbye: ";
    for (Fields field(goodbye); field.next();) {
      if (field.number == 2) what += field.bytes;
    }
    broken(what.c_str());
  }

  static void read_receipts(Bytes receipts, Inbox& inbox) {
    constexpr uint64_t kDelivered = 1, kRejected = 3, kUnknownClient = 1;
    uint64_t seq = 0;
    Fields items(receipts);
    while (items.next()) {
      if (items.number == 2) seq = items.value;
      if (items.number != 1) continue;
      uint64_t first = 0, last = 0, outcome = 0, reason = 0;
      for (Fields field(items.bytes); field.next();) {
        if (field.number == 1) first = field.value;
        if (field.number == 2) last = field.value;
        if (field.number == 3) outcome = field.value;
        if (field.number == 4) reason = field.value;
      }
      const bool delivered = outcome == kDelivered;
      if (!delivered && (outcome != kRejected || reason != kUnknownClient)) broken("an unexpected outcome");
      inbox.on_told(first, last, delivered);
    }
    inbox.on_receipts(seq);
  }

  const bool greets_;
};

}  // namespace

std::unique_ptr<Codec> onehop_codec(bool greets) {
  return std::make_unique<OnehopCodec>(greets);
}

}  // namespace onehop::bench
