// Redis: publish and subscribe over RESP3, where one connection may do both. The name of a client is the channel that
// it subscribes to. The reply to PUBLISH is the number of subscribers. 0 means that nobody has the message, but 1 does
// not mean that it arrived.
#include <array>
#include <stdexcept>
#include <utility>

#include "loadgen/drivers/driver.h"
#include "loadgen/drivers/lines.h"
#include "loadgen/drivers/told_range.h"

namespace onehop::loadgen {
namespace {

// A value that is longer or has more parts ends the connection. The answer to HELLO lists the modules of the server,
// each with a dozen parts.
constexpr size_t kValueBytesMax = (64 << 20) + (64 << 10);
constexpr size_t kPartsMax = 256;

// One value of RESP3 in a flat list: the values that a value holds follow it, at any depth.
class RespValue {
 public:
  enum class Kind : uint8_t { kWhole, kPart, kBad };

  struct Part {
    char type;
    uint64_t number;  // The integer, or the number of values that this one says it holds.
    Bytes text;       // The text of all other types.
  };

  // Reads the value at the front of `in`. The parts refer to `in`, so they are valid as long as `in` is.
  Kind read(Bytes in) {
    count_ = size_ = 0;
    for (size_t due = 1; due != 0; --due) {
      const Line line = read_line(in.substr(size_));
      if (line.kind == Line::Kind::kPart && size_ <= kValueBytesMax) return Kind::kPart;
      if (line.kind != Line::Kind::kWhole || line.text.empty() || count_ + due > kPartsMax) return Kind::kBad;
      Part& part = parts_[count_++];
      part = {line.text[0], 0, line.text.substr(1)};
      size_ += line.size();
      if (is_text(part.type)) continue;
      if (!read_number(part.text, part.number)) return Kind::kBad;
      if (is_blob(part.type)) {
        const Kind kind = read_blob(in, part);
        if (kind != Kind::kWhole) return kind;
      } else if (part.type != ':') {
        if (!holds_others(part.type) || part.number > kPartsMax) return Kind::kBad;
        due += static_cast<size_t>(part.number) * (part.type == '%' ? 2 : 1);
      }
    }
    return Kind::kWhole;
  }

  size_t size() const { return size_; }
  size_t count() const { return count_; }
  const Part& operator[](size_t index) const { return parts_[index]; }

 private:
  static bool is_text(char type) { return Bytes("+-_#,(").find(type) != Bytes::npos; }
  static bool is_blob(char type) { return Bytes("$=!").find(type) != Bytes::npos; }
  static bool holds_others(char type) { return Bytes("*>~%").find(type) != Bytes::npos; }

  Kind read_blob(Bytes in, Part& part) {
    if (part.number > kValueBytesMax || size_ + part.number > kValueBytesMax) return Kind::kBad;
    const auto size = static_cast<size_t>(part.number);
    if (in.size() - size_ < size + 2) return Kind::kPart;
    part.text = in.substr(size_, size);
    size_ += size + 2;
    return in.substr(size_ - 2, 2) == "\r\n" ? Kind::kWhole : Kind::kBad;
  }

  std::array<Part, kPartsMax> parts_;
  size_t count_ = 0;
  size_t size_ = 0;
};

char* write_blob(char* out, Bytes text) {
  *out++ = '$';
  out = write_text(write_number(out, text.size()), "\r\n");
  return write_text(write_text(out, text), "\r\n");
}

class RedisPeer final : public Peer {
 public:
  RedisPeer(PeerOptions options, bool tells)
      : name_(std::move(options.name)), receives_(options.receives), tells_(tells) {}

  void open(Output& out) override {
    char* end = out.reserve(2 * name_.size() + 128);
    end = write_text(end, "*4\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$7\r\nSETNAME\r\n");
    end = write_blob(end, name_);
    if (receives_) end = write_blob(write_text(end, "*2\r\n$9\r\nSUBSCRIBE\r\n"), name_);
    out.commit(end);
  }

  void write_message(Output& out, const Outgoing& message, Bytes payload) override {
    char* end = out.reserve(message.to.size() + payload.size() + 2 * kNumberBytesMax + 32);
    end = write_text(end, "*3\r\n$7\r\nPUBLISH\r\n");
    end = write_blob(end, message.to);
    out.commit(write_blob(end, payload));
    sent_id_ = message.id;
  }

  size_t read(Bytes in, Inbox& inbox, Output&) override {
    size_t taken = 0;
    RespValue value;
    while (!ended_ && taken != in.size()) {
      const RespValue::Kind kind = value.read(in.substr(taken));
      if (kind == RespValue::Kind::kPart) break;
      if (kind == RespValue::Kind::kBad) {
        end(inbox, "not Redis: what it sends is no value of RESP3");
      } else {
        on_value(value, inbox);
        taken += value.size();
      }
    }
    told_.tell(inbox);
    return ended_ ? in.size() : taken;
  }

  void write_keepalive(Output& out) override { out.append("*1\r\n$4\r\nPING\r\n"); }
  void leave(Output& out) override { out.append("*1\r\n$4\r\nQUIT\r\n"); }

 private:
  void on_value(const RespValue& value, Inbox& inbox) {
    const RespValue::Part& front = value[0];
    if (front.type == ':' && answered_id_ < sent_id_) {
      on_published(front.number, inbox);
    } else if (front.type == '>' && front.number == 3 && value.count() == 4) {
      on_push(value, inbox);
    } else if (front.type == '-') {
      end(inbox, "the Redis server says " + printable(front.text));
    } else if (front.type == '%' && server_.empty()) {
      on_hello(value, inbox);
    } else if (front.type != '+') {  // These are +PONG, and +OK as the answer to QUIT.
      end(inbox, std::string("not Redis, or not now: a value of type ") + printable({&front.type, 1}));
    }
  }

  void on_published(uint64_t subscribers, Inbox& inbox) {
    ++answered_id_;
    if (!tells_) return;
    if (subscribers != 0) {
      told_.add(answered_id_, Outcome::kAdmitted, {}, inbox);
    } else {
      told_.add(answered_id_, Outcome::kRejected, "NO_SUBSCRIBER", inbox);
    }
  }

  void on_push(const RespValue& value, Inbox& inbox) {
    const Bytes kind = value[1].text;
    if (kind == "message" && ready_ && value[3].type == '$') {
      inbox.on_message(value[3].text, {});
    } else if (kind == "subscribe" && !server_.empty() && !ready_) {
      become_ready(inbox);
    } else {
      end(inbox, "not Redis, or not now: a push of " + printable(kind));
    }
  }

  // The value is a map from names to values. One of the names is "version".
  void on_hello(const RespValue& value, Inbox& inbox) {
    server_ = "redis";
    for (size_t i = 1; i + 1 < value.count(); ++i) {
      if (value[i].text == "version") server_ = "redis " + printable(value[i + 1].text);
    }
    if (!receives_) become_ready(inbox);
  }

  void become_ready(Inbox& inbox) {
    ready_ = true;
    inbox.on_ready(server_);
  }

  void end(Inbox& inbox, const std::string& why) {
    ended_ = true;
    told_.tell(inbox);
    inbox.on_ended(why);
  }

  const std::string name_;
  const bool receives_;
  const bool tells_;
  bool ready_ = false;
  bool ended_ = false;
  // The server answers each PUBLISH in order.
  uint64_t sent_id_ = 0;
  uint64_t answered_id_ = 0;
  std::string server_;  // Empty until HELLO is answered.
  ToldRange told_;
};

class RedisDriver final : public Driver {
 public:
  explicit RedisDriver(bool tells) : tells_(tells) {}

  std::unique_ptr<Peer> make_peer(PeerOptions options) override {
    return std::make_unique<RedisPeer>(std::move(options), tells_);
  }
  bool tells() const override { return tells_; }

 private:
  const bool tells_;
};

}  // namespace

std::unique_ptr<Driver> make_redis_driver(const DriverOptions& options) {
  if (options.confirm == Confirm::kDelivered) {
    throw std::invalid_argument("redis tells how many were subscribed, not what arrived: --confirm taken");
  }
  return std::make_unique<RedisDriver>(options.confirm == Confirm::kTaken);
}

}  // namespace onehop::loadgen
