// ADR 2: what it costs to move a connection to another loop's thread. A client connects, sends a first frame, reads the
// answer and closes. The bare server does that with epoll alone; the others do it on libuv, on one loop (as when
// SO_REUSEPORT happened to hit the right one), or read the first frame on one loop and answer from another: the raw
// descriptor of our own accept4 goes through a mailbox to uv_poll_init, or uv_accept's is dup'ed, closed and reopened
// with uv_tcp_open. The figure is the server's CPU time per connect.
//
//   onehop-bench-hand-over [--connects N] [--repeat N] [--json FILE]
#include <sys/epoll.h>
#include <uv.h>

#include <map>
#include <mutex>
#include <thread>

#include "measured_process.h"

namespace {

using namespace onehop::bench;

constexpr size_t kFrameBytes = 64;
constexpr size_t kConcurrent = 64;
constexpr const char* kSystems[] = {"bare",
                                    "poll",
                                    "poll, read at accept",
                                    "poll, handed over",
                                    "poll, read at accept, handed over",
                                    "stream",
                                    "stream, handed over"};

// Where one loop's thread leaves what another loop is to take.
struct Mailbox {
  std::mutex mutex;
  std::vector<int> descriptors;
  uv_async_t wake;
};

struct Loop {
  uv_loop_t uv;
  Loop* home = nullptr;         // Where connections go after their first frame; null: they stay.
  bool read_at_accept = false;  // Try to read before the loop is told to watch.
  Mailbox mailbox;
  char buffer[64 * 1024];
};

Loop& loop_of(const void* handle) {
  return *static_cast<Loop*>(uv_handle_get_loop(static_cast<const uv_handle_t*>(handle))->data);
}

void post(Loop& to, int fd) {
  bool was_empty;
  {
    const std::lock_guard lock(to.mailbox.mutex);
    was_empty = to.mailbox.descriptors.empty();
    to.mailbox.descriptors.push_back(fd);
  }
  if (was_empty) uv_async_send(&to.mailbox.wake);
}

// ---- uv_poll_t -----------------------------------------------------------------------------------------------------

struct Polled {
  uv_poll_t handle;
  int fd;
};

void free_polled(uv_handle_t* handle) {
  delete static_cast<Polled*>(handle->data);
}

void on_polled(uv_poll_t* handle, int, int) {
  auto& polled = *static_cast<Polled*>(handle->data);
  Loop& loop = loop_of(handle);
  const ssize_t size = recv(polled.fd, loop.buffer, sizeof loop.buffer, 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size > 0 && loop.home == nullptr) {
    send(polled.fd, loop.buffer, static_cast<size_t>(size), MSG_NOSIGNAL);
    return;
  }
  uv_close(reinterpret_cast<uv_handle_t*>(handle), free_polled);
  if (size > 0) {
    post(*loop.home, polled.fd);
  } else {
    close(polled.fd);
  }
}

void watch(Loop& loop, int fd) {
  auto* polled = new Polled;
  polled->fd = fd;
  uv_poll_init(&loop.uv, &polled->handle, fd);
  polled->handle.data = polled;
  uv_poll_start(&polled->handle, UV_READABLE, on_polled);
}

void adopt_polled(Loop& loop, int fd) {
  watch(loop, fd);
  send(fd, loop.buffer, kFrameBytes, MSG_NOSIGNAL);
}

void on_poll_listener(uv_poll_t* listener, int, int) {
  int listening;
  uv_fileno(reinterpret_cast<uv_handle_t*>(listener), &listening);
  for (;;) {
    const int fd = accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    no_delay(fd);
    Loop& loop = loop_of(listener);
    if (!loop.read_at_accept || recv(fd, loop.buffer, sizeof loop.buffer, 0) < 0) {
      watch(loop, fd);
    } else if (loop.home != nullptr) {
      post(*loop.home, fd);
    } else {
      adopt_polled(loop, fd);
    }
  }
}

// ---- uv_tcp_t ------------------------------------------------------------------------------------------------------

struct Stream {
  uv_tcp_t handle;
};

void free_stream(uv_handle_t* handle) {
  delete static_cast<Stream*>(handle->data);
}

void lend_buffer(uv_handle_t* handle, size_t, uv_buf_t* out) {
  Loop& loop = loop_of(handle);
  *out = uv_buf_init(loop.buffer, sizeof loop.buffer);
}

void answer(uv_stream_t* handle) {
  uv_buf_t bytes = uv_buf_init(loop_of(handle).buffer, kFrameBytes);
  uv_try_write(handle, &bytes, 1);
}

void on_stream_read(uv_stream_t* handle, ssize_t size, const uv_buf_t*) {
  if (size == 0) return;
  Loop& loop = loop_of(handle);
  if (size > 0 && loop.home == nullptr) return answer(handle);
  int fd = -1;
  if (size > 0) {
    uv_fileno(reinterpret_cast<uv_handle_t*>(handle), &fd);
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(handle), free_stream);
  if (fd >= 0) post(*loop.home, fd);
}

Stream& new_stream(Loop& loop) {
  auto* stream = new Stream;
  uv_tcp_init(&loop.uv, &stream->handle);
  stream->handle.data = stream;
  return *stream;
}

void on_stream_listener(uv_stream_t* listener, int) {
  auto* handle = reinterpret_cast<uv_stream_t*>(&new_stream(loop_of(listener)).handle);
  if (uv_accept(listener, handle) != 0) fail("uv_accept");
  uv_tcp_nodelay(reinterpret_cast<uv_tcp_t*>(handle), 1);
  uv_read_start(handle, lend_buffer, on_stream_read);
}

void adopt_stream(Loop& loop, int fd) {
  Stream& stream = new_stream(loop);
  if (uv_tcp_open(&stream.handle, fd) != 0) fail("uv_tcp_open");
  uv_read_start(reinterpret_cast<uv_stream_t*>(&stream.handle), lend_buffer, on_stream_read);
  answer(reinterpret_cast<uv_stream_t*>(&stream.handle));
}

// ---- serving -------------------------------------------------------------------------------------------------------

Loop acceptor, home;

void announce(uint16_t port) {
  std::printf("%u\n", port);
  std::fflush(stdout);
}

void serve_bare() {
  uint16_t port;
  const int listener = listening_socket(port);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  announce(port);
  std::vector<epoll_event> events(1024);
  char buffer[kFrameBytes];
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int ready = events[static_cast<size_t>(i)].data.fd;
      if (ready != listener) {
        const ssize_t size = recv(ready, buffer, sizeof buffer, 0);
        if (size > 0) send(ready, buffer, static_cast<size_t>(size), MSG_NOSIGNAL);
        if (size == 0) close(ready);
        continue;
      }
      for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        no_delay(fd);
        event.data.fd = fd;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
      }
    }
  }
}

void serve(const std::string& system) {
  if (system == "bare") return serve_bare();
  const bool streams = system.starts_with("stream");
  const bool handed_over = system.ends_with("handed over");
  acceptor.read_at_accept = system.find("read at accept") != std::string::npos;
  for (Loop* loop : {&acceptor, &home}) {
    uv_loop_init(&loop->uv);
    loop->uv.data = loop;
  }
  std::signal(SIGPIPE, SIG_IGN);
  home.mailbox.wake.data = reinterpret_cast<void*>(streams ? adopt_stream : adopt_polled);
  uv_async_init(&home.uv, &home.mailbox.wake, [](uv_async_t* wake) {
    std::vector<int> taken;
    {
      const std::lock_guard lock(home.mailbox.mutex);
      taken.swap(home.mailbox.descriptors);
    }
    for (const int fd : taken) reinterpret_cast<void (*)(Loop&, int)>(wake->data)(home, fd);
  });
  if (handed_over) {
    acceptor.home = &home;
    std::thread([] { uv_run(&home.uv, UV_RUN_DEFAULT); }).detach();
  }
  uint16_t port;
  const int fd = listening_socket(port);
  uv_tcp_t stream_listener;
  uv_poll_t poll_listener;
  if (streams) {
    uv_tcp_init(&acceptor.uv, &stream_listener);
    uv_tcp_open(&stream_listener, fd);
    uv_listen(reinterpret_cast<uv_stream_t*>(&stream_listener), 4096, on_stream_listener);
  } else {
    uv_poll_init(&acceptor.uv, &poll_listener, fd);
    uv_poll_start(&poll_listener, UV_READABLE, on_poll_listener);
  }
  announce(port);
  uv_run(&acceptor.uv, UV_RUN_DEFAULT);
}

// Connects, says one frame, reads the answer and closes, `kConcurrent` at a time.
void storm(const MeasuredProcess& server, size_t connects) {
  char frame[kFrameBytes] = {};
  std::vector<int> open(kConcurrent);
  for (size_t done = 0; done < connects; done += kConcurrent) {
    for (int& fd : open) {
      fd = server.connect_one(1 + static_cast<uint32_t>(done / kConcurrent % 200));
      if (send(fd, frame, sizeof frame, MSG_NOSIGNAL) != sizeof frame) fail("send");
    }
    for (const int fd : open) {
      if (recv(fd, frame, sizeof frame, MSG_WAITALL) != sizeof frame) fail("recv");
      close(fd);
    }
  }
}

// Microseconds of the server's CPU for each connect.
double measure(const std::string& system, size_t connects) {
  const MeasuredProcess server([&] { serve(system); });
  const size_t rounded = (connects + kConcurrent - 1) / kConcurrent * kConcurrent;
  storm(server, rounded / 10);
  const double before = server.cpu_seconds();
  storm(server, rounded);
  return (server.cpu_seconds() - before) * 1e6 / static_cast<double>(rounded);
}

}  // namespace

int main(int argc, char** argv) {
  size_t connects = 10'000, repeat = 5;
  std::string json_file;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--connects") connects = static_cast<size_t>(std::max(1, std::atoi(argv[i + 1])));
    if (flag == "--repeat") repeat = static_cast<size_t>(std::max(1, std::atoi(argv[i + 1])));
    if (flag == "--json") json_file = argv[i + 1];
  }
  pin(kGeneratorCore);
  std::map<std::string, std::vector<double>> runs;
  for (size_t round = 0; round < repeat; ++round) {
    for (const char* system : kSystems) runs[system].push_back(measure(system, connects));
  }
  const double bare = spread(runs["bare"]).median;
  std::string json = "{\"unit\": \"microseconds of CPU per connect\"";
  std::puts("| server | µs of CPU per connect (lowest–highest) | × bare |\n| --- | --- | --- |");
  for (const char* system : kSystems) {
    const Spread s = spread(runs[system]);
    std::printf("| %s | %.2f (%.2f–%.2f) | %.2f |\n", system, s.median, s.lowest, s.highest, s.median / bare);
    json += ", \"" + std::string(system) + "\": " + std::to_string(s.median);
  }
  if (!json_file.empty()) std::ofstream(json_file) << json + "}\n";
}
