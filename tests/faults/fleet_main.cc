// onehop-fleet: a Fleet as a program, for the fault tests in Python. It is told what to do by lines on standard input
// ("again": all clients vanish and return; "report"; "finish", or the end of the input) and tells what happens as lines
// of JSON on standard output.
#include <signal.h>
#include <uv.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "fleet.h"

namespace onehop::faults {
namespace {

class Commands {
 public:
  Commands(uv_loop_t* loop, Fleet& fleet) : fleet_(fleet) {
    uv_pipe_init(loop, &pipe_, 0);
    pipe_.data = this;
    uv_pipe_open(&pipe_, 0);
    uv_read_start(reinterpret_cast<uv_stream_t*>(&pipe_), give_space, on_read);
  }
  bool finishing() const { return finishing_; }
  void close() {
    auto* handle = reinterpret_cast<uv_handle_t*>(&pipe_);
    if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
  }

 private:
  static void give_space(uv_handle_t* handle, size_t, uv_buf_t* space) {
    auto& self = *static_cast<Commands*>(handle->data);
    *space = uv_buf_init(self.space_.data(), static_cast<unsigned>(self.space_.size()));
  }
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* space) {
    auto& self = *static_cast<Commands*>(stream->data);
    if (size < 0) {
      self.close();
      return self.take("finish");
    }
    self.text_.append(space->base, static_cast<size_t>(size));
    for (size_t end; (end = self.text_.find('\n')) != std::string::npos; self.text_.erase(0, end + 1)) {
      self.take(self.text_.substr(0, end));
    }
  }
  void take(const std::string& command) {
    if (finishing_) return;
    if (command == "again") fleet_.vanish_and_return();
    if (command == "report") std::puts(fleet_.report().c_str());
    if (command == "finish") {
      finishing_ = true;
      fleet_.finish();
    }
    std::fflush(stdout);
  }

  Fleet& fleet_;
  uv_pipe_t pipe_;
  std::array<char, 256> space_;
  std::string text_;
  bool finishing_ = false;
};

void sail(uv_loop_t* loop, const FleetOptions& options) {
  Fleet fleet(loop, options);
  Commands commands(loop, fleet);
  uint64_t said = 0;
  while (!commands.finishing() || !fleet.ended()) {
    uv_run(loop, UV_RUN_ONCE);
    // Now and then, for whoever waits until traffic flows.
    if (fleet.outcomes() / 1'000 == said) continue;
    said = fleet.outcomes() / 1'000;
    std::printf("{\"event\":\"outcomes\",\"count\":%llu}\n", static_cast<unsigned long long>(fleet.outcomes()));
    std::fflush(stdout);
  }
  std::puts(fleet.report().c_str());
  commands.close();
  uv_run(loop, UV_RUN_DEFAULT);
}

int run(const FleetOptions& options) {
  signal(SIGPIPE, SIG_IGN);
  uv_loop_t loop;
  uv_loop_init(&loop);
  sail(&loop, options);
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace onehop::faults

int main(int argc, char** argv) {
  onehop::faults::FleetOptions options;
  CLI::App app{"onehop-fleet: many clients that send to each other, through whatever happens to the broker"};
  app.add_option("server", options.server, "tcp://host:port, tls://host:port or unix:///path")->required();
  app.add_option("--clients", options.clients)->capture_default_str();
  app.add_option("--window", options.window, "Messages of each client without an outcome")->capture_default_str();
  app.add_option("--prefix", options.prefix, "Of the clients' names")->capture_default_str();
  app.add_option("--tls-ca", options.tls_ca_file, "File with the authority of a tls:// server");
  app.add_option("--token-file", options.token_file, "File with the token, read anew for each connection and renewal");
  CLI11_PARSE(app, argc, argv);
  return onehop::faults::run(options);
}
