// ADR 1: what a message costs on libuv's stream handle (uv_tcp_t: uv_read_start and uv_try_write) and on its poll
// handle (uv_poll_t with our own recv and sendmsg), beside the blind epoll forwarder that uses no libuv at all. All
// three forward bytes between statically paired connections and never look at them. The figure is the forwarder's CPU
// time per message, because wall-clock time on a shared machine says little; the systems take turns, medians are
// printed.
//
//   onehop-bench-socket-handle [--seconds S] [--repeat N] [--json FILE]
#include <sys/epoll.h>
#include <uv.h>

#include <cassert>
#include <cerrno>
#include <map>
#include <memory>

#include "measured_process.h"

namespace {

using namespace onehop::bench;

constexpr size_t kBufferBytes = 64 * 1024;

char buffer[kBufferBytes];

struct Workload {
  const char* name;
  size_t pairs, window, bytes;
};
constexpr Workload kWorkloads[] = {{"1 pair, window 1024, 128 B", 1, 1024, 128},
                                   {"100 pairs, window 128, 128 B", 100, 128, 128},
                                   {"2,000 pairs, window 4, 128 B", 2000, 4, 128}};
constexpr const char* kSystems[] = {"blind", "uv_poll_t", "uv_tcp_t"};
constexpr size_t kIdleFew = 1000, kIdleMany = 8000;

void check(int status, const char* what) {
  if (status >= 0) return;
  std::fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
  std::exit(1);
}

// ---- the forwarder on uv_tcp_t -------------------------------------------------------------------------------------

struct Stream {
  uv_tcp_t handle;
  Stream* partner;
};

struct PendingWrite {
  uv_write_t request;
  std::string bytes;
};

void on_stream_read(uv_stream_t* handle, ssize_t size, const uv_buf_t* read);

void lend_buffer(uv_handle_t*, size_t, uv_buf_t* out) {
  *out = uv_buf_init(buffer, sizeof buffer);
}

void on_stream_written(uv_write_t* request, int) {
  std::unique_ptr<PendingWrite> done(static_cast<PendingWrite*>(request->data));
  auto* to = static_cast<Stream*>(request->handle->data);
  uv_read_start(reinterpret_cast<uv_stream_t*>(&to->partner->handle), lend_buffer, on_stream_read);
}

void on_stream_read(uv_stream_t* handle, ssize_t size, const uv_buf_t* read) {
  if (size == 0) return;
  if (size < 0) {
    uv_read_stop(handle);  // The generator hangs up only when it kills this process anyway.
    return;
  }
  auto* to = reinterpret_cast<uv_stream_t*>(&static_cast<Stream*>(handle->data)->partner->handle);
  uv_buf_t bytes = uv_buf_init(read->base, static_cast<unsigned>(size));
  const int sent = std::max(uv_try_write(to, &bytes, 1), 0);
  if (sent == size) return;
  auto* pending = new PendingWrite;
  pending->bytes.assign(read->base + sent, static_cast<size_t>(size - sent));
  pending->request.data = pending;
  bytes = uv_buf_init(pending->bytes.data(), static_cast<unsigned>(pending->bytes.size()));
  uv_read_stop(handle);
  check(uv_write(&pending->request, to, &bytes, 1, on_stream_written), "uv_write");
}

void on_stream_connection(uv_stream_t* listener, int) {
  auto* stream = new Stream;
  check(uv_tcp_init(listener->loop, &stream->handle), "uv_tcp_init");
  stream->handle.data = stream;
  check(uv_accept(listener, reinterpret_cast<uv_stream_t*>(&stream->handle)), "uv_accept");
  uv_tcp_nodelay(&stream->handle, 1);
  auto& unpaired = reinterpret_cast<Stream*&>(listener->data);
  if (unpaired == nullptr) {
    unpaired = stream;
    return;
  }
  stream->partner = unpaired;
  unpaired->partner = stream;
  for (Stream* side : {stream, unpaired}) {
    uv_read_start(reinterpret_cast<uv_stream_t*>(&side->handle), lend_buffer, on_stream_read);
  }
  unpaired = nullptr;
}

// ---- the forwarder on uv_poll_t ------------------------------------------------------------------------------------

struct Polled {
  uv_poll_t handle;
  Polled* partner;
  std::unique_ptr<std::string> unsent;
  int fd;
};

void on_polled(uv_poll_t* handle, int status, int events);

size_t send_some(Polled& to, char* data, size_t size) {
  iovec iov{data, size};
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  return static_cast<size_t>(std::max<ssize_t>(sendmsg(to.fd, &message, MSG_NOSIGNAL), 0));
}

void flush_polled(Polled& to) {
  to.unsent->erase(0, send_some(to, to.unsent->data(), to.unsent->size()));
  if (!to.unsent->empty()) return;
  to.unsent.reset();
  uv_poll_start(&to.handle, UV_READABLE, on_polled);
  uv_poll_start(&to.partner->handle, UV_READABLE, on_polled);
}

void on_polled(uv_poll_t* handle, int status, int events) {
  auto& from = *static_cast<Polled*>(handle->data);
  if ((events & UV_WRITABLE) != 0 && from.unsent) flush_polled(from);
  if (status == 0 && (events & UV_READABLE) == 0) return;
  const ssize_t size = recv(from.fd, buffer, sizeof buffer, 0);
  if (size <= 0) {
    if (size == 0 || errno != EAGAIN) uv_poll_stop(handle);
    return;
  }
  Polled& to = *from.partner;
  const auto wanted = static_cast<size_t>(size);
  const size_t sent = send_some(to, buffer, wanted);
  if (sent == wanted) return;
  to.unsent = std::make_unique<std::string>(buffer + sent, wanted - sent);
  uv_poll_start(&to.handle, UV_READABLE | UV_WRITABLE, on_polled);
  uv_poll_stop(handle);
}

void on_polled_connection(uv_poll_t* listener, int, int) {
  int listening;
  uv_fileno(reinterpret_cast<uv_handle_t*>(listener), &listening);
  for (;;) {
    const int fd = accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    no_delay(fd);
    auto* polled = new Polled;
    polled->fd = fd;
    check(uv_poll_init(listener->loop, &polled->handle, fd), "uv_poll_init");
    polled->handle.data = polled;
    auto& unpaired = reinterpret_cast<Polled*&>(listener->data);
    if (unpaired == nullptr) {
      unpaired = polled;
      continue;
    }
    polled->partner = unpaired;
    unpaired->partner = polled;
    for (Polled* side : {polled, unpaired}) uv_poll_start(&side->handle, UV_READABLE, on_polled);
    unpaired = nullptr;
  }
}

// ---- starting them -------------------------------------------------------------------------------------------------

[[noreturn]] void serve(const std::string& system) {
  uint16_t port;
  const int fd = listening_socket(port);
  uv_loop_t loop;
  check(uv_loop_init(&loop), "uv_loop_init");
  uv_tcp_t stream_listener;
  uv_poll_t poll_listener;
  if (system == "uv_tcp_t") {
    check(uv_tcp_init(&loop, &stream_listener), "uv_tcp_init");
    check(uv_tcp_open(&stream_listener, fd), "uv_tcp_open");
    stream_listener.data = nullptr;
    check(uv_listen(reinterpret_cast<uv_stream_t*>(&stream_listener), 4096, on_stream_connection), "uv_listen");
  } else {
    check(uv_poll_init(&loop, &poll_listener, fd), "uv_poll_init");
    poll_listener.data = nullptr;
    check(uv_poll_start(&poll_listener, UV_READABLE, on_polled_connection), "uv_poll_start");
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::printf("%u\n", port);
  std::fflush(stdout);
  uv_run(&loop, UV_RUN_DEFAULT);
  std::exit(0);
}

void exec_blind() {
  const auto blind = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "onehop-blind";
  execl(blind.c_str(), "onehop-blind", "--listen", "127.0.0.1:0", nullptr);
  std::perror(blind.c_str());
}

std::function<void()> serving(const std::string& system) {
  if (system == "blind") return exec_blind;
  return [system] { serve(system); };
}

// ---- the generator -------------------------------------------------------------------------------------------------

struct Pair {
  int sender, receiver;
  size_t in_flight;  // bytes
};

void top_up(Pair& pair, const Workload& work) {
  static char zeros[1024 * 128];
  const size_t room = (work.window * work.bytes - pair.in_flight) / work.bytes * work.bytes;
  const ssize_t sent = send(pair.sender, zeros, std::min(room, sizeof zeros), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) pair.in_flight += static_cast<size_t>(sent);
}

// Keeps every window full for the time given; returns the bytes that arrived.
size_t generate(int epoll, std::vector<Pair>& pairs, const Workload& work, double seconds) {
  std::vector<epoll_event> events(1024);
  const double end = seconds_of(CLOCK_MONOTONIC) + seconds;
  size_t arrived = 0;
  while (seconds_of(CLOCK_MONOTONIC) < end) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 100);
    for (int i = 0; i < count; ++i) {
      Pair& pair = pairs[events[static_cast<size_t>(i)].data.u64];
      const ssize_t size = recv(pair.receiver, buffer, sizeof buffer, MSG_DONTWAIT);
      if (size <= 0) fail("the forwarder hung up");
      arrived += static_cast<size_t>(size);
      pair.in_flight -= static_cast<size_t>(size);
      top_up(pair, work);
    }
  }
  return arrived;
}

// Microseconds of the forwarder's CPU for each message.
double measure(const std::string& system, const Workload& work, double seconds) {
  const MeasuredProcess server(serving(system));
  std::vector<Pair> pairs(work.pairs);
  const int epoll = epoll_create1(0);
  for (size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {server.connect_one(), server.connect_one(), 0};
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    epoll_ctl(epoll, EPOLL_CTL_ADD, pairs[i].receiver, &event);
  }
  for (Pair& pair : pairs) top_up(pair, work);
  generate(epoll, pairs, work, seconds / 4);
  const double before = server.cpu_seconds();
  const size_t arrived = generate(epoll, pairs, work, seconds);
  const double spent = server.cpu_seconds() - before;
  for (const Pair& pair : pairs) {
    close(pair.sender);
    close(pair.receiver);
  }
  close(epoll);
  return spent * 1e6 * static_cast<double>(work.bytes) / static_cast<double>(arrived);
}

// Bytes of the forwarder's private memory for each idle connection, as a slope.
double measure_idle(const std::string& system) {
  const MeasuredProcess server(serving(system));
  std::vector<int> connections;
  const auto connect_up_to = [&](size_t count) {
    while (connections.size() < count) connections.push_back(server.connect_one());
    while (server.open_files() < count) usleep(10'000);
    return server.private_dirty_bytes();
  };
  const double few = connect_up_to(kIdleFew);
  const double many = connect_up_to(kIdleMany);
  for (const int fd : connections) close(fd);
  return (many - few) / static_cast<double>(kIdleMany - kIdleFew);
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 1;
  size_t repeat = 5;
  std::string json_file;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--seconds") seconds = std::atof(argv[i + 1]);
    if (flag == "--repeat") repeat = static_cast<size_t>(std::max(1, std::atoi(argv[i + 1])));
    if (flag == "--json") json_file = argv[i + 1];
  }
  pin(kGeneratorCore);

  std::string json = "{\"unit\": \"microseconds of CPU per message\", \"rows\": [";
  std::puts("| work | blind | uv_poll_t | uv_tcp_t | poll / blind | tcp / blind | tcp / poll |");
  std::puts("| --- | --- | --- | --- | --- | --- | --- |");
  for (const Workload& work : kWorkloads) {
    std::map<std::string, std::vector<double>> runs;
    for (size_t round = 0; round < repeat; ++round) {
      for (const char* system : kSystems) runs[system].push_back(measure(system, work, seconds));
    }
    const Spread blind = spread(runs["blind"]), poll = spread(runs["uv_poll_t"]), tcp = spread(runs["uv_tcp_t"]);
    std::printf("| %s ", work.name);
    for (const Spread& s : {blind, poll, tcp}) std::printf("| %.4f (%.4f–%.4f) ", s.median, s.lowest, s.highest);
    std::printf("| %.2f | %.2f | %.2f |\n", poll.median / blind.median, tcp.median / blind.median,
                tcp.median / poll.median);
    std::fflush(stdout);
    char row[256];
    std::snprintf(row, sizeof row, R"(%s{"work": "%s", "blind": %.5f, "uv_poll_t": %.5f, "uv_tcp_t": %.5f})",
                  &work == kWorkloads ? "" : ", ", work.name, blind.median, poll.median, tcp.median);
    json += row;
  }
  std::printf("| idle connection, bytes of private memory ");
  json += "], \"idle_bytes\": {";
  for (const char* system : kSystems) {
    const double bytes = measure_idle(system);
    std::printf("| %.0f ", bytes);
    json += (system == kSystems[0] ? "\"" : ", \"") + std::string(system) + "\": " + std::to_string(bytes);
  }
  std::printf("| | | |\n\nsizeof: uv_tcp_t %zu, uv_poll_t %zu, uv_write_t %zu; one connection: %zu (tcp), %zu (poll)\n",
              sizeof(uv_tcp_t), sizeof(uv_poll_t), sizeof(uv_write_t), sizeof(Stream), sizeof(Polled));
  json += "}}\n";
  if (!json_file.empty()) std::ofstream(json_file) << json;
}
