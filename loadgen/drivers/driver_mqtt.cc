// MQTT 3.1.1 with clean sessions. The name of a client is its client id and the topic that it subscribes to. Where
// senders want outcomes, messages have QoS 1. A PUBACK then says that the broker took the message, but not whether
// anybody was subscribed.
//
// Packet ids go round: message n has the packet id (n - 1) mod 65535 + 1. A message may be sent while its packet id is
// free. That is the case while fewer than 65535 ids lie between the oldest message that is not acknowledged and the new
// one.
#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "loadgen/drivers/driver.h"
#include "loadgen/drivers/lines.h"
#include "loadgen/drivers/told_range.h"

namespace onehop::loadgen {
namespace {

constexpr uint32_t kPacketIds = 65'535;
constexpr size_t kLengthBytesMax = 4;  // The most bytes that the length of a packet takes.
// The largest message with the longest topic fits. A longer packet ends the connection.
constexpr uint64_t kPacketBytesMax = (64 << 20) + (64 << 10) + 16;

enum PacketType : uint8_t {
  kConnect = 0x10,
  kConnectAck = 0x20,
  kPublish = 0x30,
  kPublishAck = 0x40,
  kSubscribe = 0x82,
  kSubscribeAck = 0x90,
  kPing = 0xC0,
  kPong = 0xD0,
  kDisconnect = 0xE0,
};

char* write_16(char* out, size_t value) {
  *out++ = static_cast<char>(value >> 8);
  *out++ = static_cast<char>(value);
  return out;
}

uint32_t read_16(Bytes in) {
  return static_cast<uint32_t>(static_cast<uint8_t>(in[0]) << 8 | static_cast<uint8_t>(in[1]));
}

char* write_string(char* out, Bytes text) {
  return write_text(write_16(out, text.size()), text);
}

char* write_head(char* out, unsigned type, size_t size) {
  *out++ = static_cast<char>(type);
  return core::write_varint(out, size);
}

// Whether a broker may send a packet of this type and size.
bool is_possible(unsigned type, uint64_t size) {
  switch (type) {
    case kConnectAck:
    case kPublishAck:
      return size == 2;
    case kSubscribeAck:
      return size == 3;
    case kPong:
      return size == 0;
    default:
      return (type & 0xF0) == kPublish && size <= kPacketBytesMax;
  }
}

std::string refusal(uint32_t code) {
  switch (code) {
    case 1:
      return "unacceptable protocol version";
    case 2:
      return "identifier rejected";
    case 3:
      return "server unavailable";
    case 4:
      return "bad user name or password";
    case 5:
      return "not authorized";
    default:
      return "code " + std::to_string(code);
  }
}

class MqttPeer final : public Peer {
 public:
  MqttPeer(PeerOptions options, const DriverOptions& driver)
      : name_(std::move(options.name)),
        receives_(options.receives),
        qos_(driver.confirm == Confirm::kTaken ? 1 : 0),
        // The worker sends something at half of the keepalive, so rounding up does no harm.
        keepalive_s_(std::min(driver.keepalive_ms / 1000 + (driver.keepalive_ms % 1000 != 0 ? 1 : 0), 65'535U)) {}

  void open(Output& out) override {
    char* end = out.reserve(2 * name_.size() + 64);
    end = write_head(end, kConnect, 12 + name_.size());
    end = write_string(end, "MQTT");
    *end++ = 4;     // The version, which is 3.1.1.
    *end++ = 0x02;  // Clean session.
    end = write_16(end, keepalive_s_);
    end = write_string(end, name_);
    if (receives_) {
      end = write_head(end, kSubscribe, 5 + name_.size());
      end = write_16(end, kSubscribePacket);
      end = write_string(end, name_);
      *end++ = static_cast<char>(qos_);
    }
    out.commit(end);
  }

  bool may_send() const override { return qos_ == 0 || next_id_ - first_unacknowledged_ < kPacketIds; }

  void write_message(Output& out, const Outgoing& message, Bytes payload) override {
    const size_t size = 2 + message.to.size() + 2 * qos_ + payload.size();
    char* end = out.reserve(1 + kLengthBytesMax + size);
    end = write_head(end, kPublish | qos_ << 1, size);
    end = write_string(end, message.to);
    if (qos_ == 1) end = write_16(end, packet_of(message.id));
    out.commit(write_text(end, payload));
    next_id_ = message.id + 1;
  }

  size_t read(Bytes in, Inbox& inbox, Output& out) override {
    size_t taken = 0;
    while (!ended_) {
      const size_t size = read_one(in.substr(taken), inbox, out);
      if (size == 0) break;
      taken += size;
    }
    told_.tell(inbox);
    return ended_ ? in.size() : taken;
  }

  void write_keepalive(Output& out) override { write_empty(out, kPing); }
  void leave(Output& out) override { write_empty(out, kDisconnect); }

 private:
  static constexpr uint32_t kSubscribePacket = 1;

  static uint32_t packet_of(uint64_t id) { return static_cast<uint32_t>((id - 1) % kPacketIds) + 1; }

  static void write_empty(Output& out, PacketType type) { out.commit(write_head(out.reserve(2), type, 0)); }

  // How many bytes the packet at the front of `in` takes, or 0 if it is not complete.
  size_t read_one(Bytes in, Inbox& inbox, Output& out) {
    if (in.size() < 2) return 0;
    uint64_t size = 0;
    const char* end_of_in = in.data() + in.size();
    const char* body = core::read_varint(in.data() + 1, end_of_in, kLengthBytesMax, size);
    if (body == nullptr) return in.size() <= kLengthBytesMax ? 0 : end(inbox, "not MQTT: the length of a packet");
    const unsigned type = static_cast<uint8_t>(in[0]);
    if (!is_possible(type, size)) return end_at_packet(type, size, inbox);
    if (static_cast<uint64_t>(end_of_in - body) < size) return 0;
    on_packet(type, {body, static_cast<size_t>(size)}, inbox, out);
    return static_cast<size_t>(body - in.data()) + static_cast<size_t>(size);
  }

  void on_packet(unsigned type, Bytes body, Inbox& inbox, Output& out) {
    if (type == kConnectAck && !connected_) {
      on_connect_ack(static_cast<uint8_t>(body[1]), inbox);
    } else if (type == kSubscribeAck && connected_ && !ready_ && read_16(body) == kSubscribePacket) {
      on_subscribe_ack(static_cast<uint8_t>(body[2]), inbox);
    } else if ((type & 0xF0) == kPublish && ready_) {
      on_publish(type, body, inbox, out);
    } else if (type == kPublishAck) {
      on_publish_ack(read_16(body), inbox);
    } else if (type != kPong) {
      end_at_packet(type, body.size(), inbox);
    }
  }

  void on_connect_ack(unsigned code, Inbox& inbox) {
    if (code != 0) {
      end(inbox, "the MQTT broker refuses the connection: " + refusal(code));
      return;
    }
    connected_ = true;
    if (!receives_) become_ready(inbox);
  }

  void on_subscribe_ack(unsigned granted, Inbox& inbox) {
    if (granted == 0x80) {
      end(inbox, "the MQTT broker refuses the subscription");
    } else if (granted != qos_) {
      end(inbox, "the MQTT broker grants QoS " + std::to_string(granted) + " and not " + std::to_string(qos_));
    } else {
      become_ready(inbox);
    }
  }

  void become_ready(Inbox& inbox) {
    ready_ = true;
    inbox.on_ready({});  // The protocol does not tell the name of the server.
  }

  void on_publish(unsigned type, Bytes body, Inbox& inbox, Output& out) {
    const unsigned qos = type >> 1 & 3;
    const size_t packet_at = body.size() < 2 ? 2 : 2 + read_16(body);
    const size_t payload_at = packet_at + 2 * qos;
    if (qos > qos_ || body.size() < payload_at || (qos == 1 && read_16(body.substr(packet_at)) == 0)) {
      end(inbox, "not MQTT: a message of QoS " + std::to_string(qos) + " in " + std::to_string(body.size()) + " bytes");
      return;
    }
    inbox.on_message(body.substr(payload_at), {});
    if (qos == 0) return;
    char* ack = write_head(out.reserve(4), kPublishAck, 2);
    out.commit(write_text(ack, body.substr(packet_at, 2)));
  }

  void on_publish_ack(uint32_t packet, Inbox& inbox) {
    const uint64_t id = first_unacknowledged_ + (packet + kPacketIds - packet_of(first_unacknowledged_)) % kPacketIds;
    if (packet == 0 || qos_ == 0 || id >= next_id_ || (!early_.empty() && early_[packet])) {
      end(inbox, "not MQTT: an acknowledgement of packet " + std::to_string(packet) + ", which is not under way");
      return;
    }
    if (id == first_unacknowledged_) {
      ++first_unacknowledged_;
      while (!early_.empty() && early_[packet_of(first_unacknowledged_)]) {
        early_[packet_of(first_unacknowledged_++)] = false;
      }
    } else {
      if (early_.empty()) early_.resize(kPacketIds + 1);
      early_[packet] = true;
    }
    told_.add(id, Outcome::kAdmitted, {}, inbox);
  }

  size_t end_at_packet(unsigned type, uint64_t size, Inbox& inbox) {
    return end(inbox, "not MQTT, or not now: a packet of type " + std::to_string(type >> 4) + " with " +
                          std::to_string(size) + " bytes");
  }

  size_t end(Inbox& inbox, const std::string& why) {
    ended_ = true;
    told_.tell(inbox);
    inbox.on_ended(why);
    return 0;
  }

  const std::string name_;
  const bool receives_;
  const unsigned qos_;
  const uint32_t keepalive_s_;
  bool connected_ = false;
  bool ready_ = false;
  bool ended_ = false;
  uint64_t first_unacknowledged_ = 1;
  uint64_t next_id_ = 1;
  // By packet id: whether the message is acknowledged although an earlier one is not. It stays empty with brokers that
  // acknowledge in order, as most do.
  std::vector<bool> early_;
  ToldRange told_;
};

class MqttDriver final : public Driver {
 public:
  explicit MqttDriver(const DriverOptions& options) : options_(options) {}

  std::unique_ptr<Peer> make_peer(PeerOptions options) override {
    return std::make_unique<MqttPeer>(std::move(options), options_);
  }
  bool tells() const override { return options_.confirm == Confirm::kTaken; }

 private:
  const DriverOptions options_;
};

}  // namespace

std::unique_ptr<Driver> make_mqtt_driver(const DriverOptions& options) {
  if (options.confirm == Confirm::kDelivered) {
    throw std::invalid_argument("mqtt tells what the broker took, not what arrived: --confirm taken");
  }
  return std::make_unique<MqttDriver>(options);
}

}  // namespace onehop::loadgen
