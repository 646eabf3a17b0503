// NATS: the text protocol of its clients, with core publish and subscribe. The name of a client is the subject that it
// subscribes to. The server tells nothing about single messages, neither that it took one nor that nobody was
// subscribed.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "loadgen/drivers/driver.h"
#include "loadgen/drivers/lines.h"

namespace onehop::loadgen {
namespace {

// The default of the server. A server that allows less ends the connection of a client that sends more, and says why.
constexpr size_t kPayloadBytesMax = 1 << 20;
// The most that a server can be configured to take.
constexpr uint64_t kReceivedBytesMax = 64 << 20;

// The value behind `key` ("\"version\":") in the server's JSON, up to the next comma, brace or quote. That is enough
// for numbers, true, false, and texts without escapes.
Bytes json_value(Bytes json, Bytes key) {
  size_t at = json.find(key);
  if (at == Bytes::npos) return {};
  at = json.find_first_not_of(" \"", at + key.size());
  if (at == Bytes::npos) return {};
  return json.substr(at, json.find_first_of("\",}", at) - at);
}

class NatsPeer final : public Peer {
 public:
  explicit NatsPeer(PeerOptions options) : name_(std::move(options.name)), receives_(options.receives) {}

  // The server speaks first, so there is nothing to write.
  void open(Output&) override {}

  void write_message(Output& out, const Outgoing& message, Bytes payload) override {
    char* end = out.reserve(message.to.size() + payload.size() + kNumberBytesMax + 16);
    end = write_text(end, "PUB ");
    end = write_text(end, message.to);
    *end++ = ' ';
    end = write_number(end, payload.size());
    end = write_text(end, "\r\n");
    end = write_text(end, payload);
    out.commit(write_text(end, "\r\n"));
  }

  size_t read(Bytes in, Inbox& inbox, Output& out) override {
    size_t taken = 0;
    while (!ended_) {
      const size_t size = read_one(in.substr(taken), inbox, out);
      if (size == 0) break;
      taken += size;
    }
    return ended_ ? in.size() : taken;
  }

  void write_keepalive(Output& out) override {
    out.append("PING\r\n");
    ++pongs_due_;
  }

  // The protocol has no word for leaving, and the server waits for the end of the stream as long as its client does.
  // The answer to this PING shows that the server has read everything before it and that nothing more comes.
  void leave(Output& out) override {
    if (receives_) out.append("UNSUB 1\r\n");
    write_keepalive(out);
    leaving_ = true;
  }

 private:
  // How many bytes the unit at the front of `in` takes, or 0 if it is not complete.
  size_t read_one(Bytes in, Inbox& inbox, Output& out) {
    const Line line = read_line(in);
    if (line.kind == Line::Kind::kPart) return 0;
    if (line.kind == Line::Kind::kBad) return end(inbox, "not a NATS server: what it sends is no line of its protocol");
    const Bytes text = line.text;
    if (text.substr(0, 4) == "MSG ") return read_message(in, line, inbox);
    if (text == "PING") {
      out.append("PONG\r\n");
    } else if (text == "PONG") {
      on_pong(inbox);
    } else if (text.substr(0, 5) == "INFO ") {
      on_info(text.substr(5), inbox, out);
    } else if (text.substr(0, 5) == "-ERR ") {
      end(inbox, "the NATS server says " + printable(text.substr(5)));
    } else {
      end(inbox, "not NATS: " + printable(text));
    }
    return line.size();
  }

  // The line is: MSG subject sid [reply-to] size. The payload is on the next line.
  size_t read_message(Bytes in, const Line& line, Inbox& inbox) {
    const Bytes text = line.text;
    uint64_t size = 0;
    if (!ready_ || std::count(text.begin(), text.end(), ' ') < 3 ||
        !read_number(text.substr(text.rfind(' ') + 1), size) || size > kReceivedBytesMax) {
      return end(inbox, "not NATS: " + printable(text));
    }
    if (in.size() < line.size() + size + 2) return 0;
    if (in.substr(line.size() + size, 2) != "\r\n") {
      return end(inbox, "not NATS: a payload is not as long as was announced");
    }
    inbox.on_message(in.substr(line.size(), size), {});
    return line.size() + size + 2;
  }

  // The first INFO is the greeting. The server repeats it when its cluster changes.
  void on_info(Bytes json, Inbox& inbox, Output& out) {
    if (!server_.empty()) return;
    if (json_value(json, "\"tls_required\":") == "true") {
      end(inbox, "the NATS server wants TLS, which this driver does not speak");
      return;
    }
    server_ = "nats-server " + printable(json_value(json, "\"version\":"));
    out.append(R"(CONNECT {"verbose":false,"pedantic":false,"lang":"c++","echo":true,"name":")");
    out.append(name_);
    out.append("\"}\r\n");
    if (receives_) {
      out.append("SUB ");
      out.append(name_);
      out.append(" 1\r\n");
    }
    write_keepalive(out);
  }

  void on_pong(Inbox& inbox) {
    if (pongs_due_ == 0) {
      end(inbox, "not NATS: PONG without a PING");
      return;
    }
    --pongs_due_;
    if (!ready_) {
      ready_ = true;
      inbox.on_ready(server_);
    } else if (leaving_ && pongs_due_ == 0) {
      end(inbox, "the client has left");
    }
  }

  size_t end(Inbox& inbox, const std::string& why) {
    ended_ = true;
    inbox.on_ended(why);
    return 0;
  }

  const std::string name_;
  const bool receives_;
  bool ready_ = false;
  bool leaving_ = false;
  bool ended_ = false;
  uint32_t pongs_due_ = 0;
  std::string server_;  // Empty until the server has sent its greeting.
};

class NatsDriver final : public Driver {
 public:
  std::unique_ptr<Peer> make_peer(PeerOptions options) override {
    return std::make_unique<NatsPeer>(std::move(options));
  }
  bool tells() const override { return false; }
  size_t message_bytes_max() const override { return kPayloadBytesMax; }
};

}  // namespace

std::unique_ptr<Driver> make_nats_driver(const DriverOptions& options) {
  if (options.confirm != Confirm::kNone) {
    throw std::invalid_argument("nats tells a sender nothing of its messages: --confirm none");
  }
  return std::make_unique<NatsDriver>();
}

}  // namespace onehop::loadgen
